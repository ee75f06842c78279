"""Health and metrics over plain HTTP, for orchestrators and Prometheus, which have no client certificate.

    GET /livez     200 while the process runs; /healthz is the same
    GET /readyz    200 while it serves, 503 before and after
    GET /metrics   the metrics, in Prometheus' text format

Nothing else is answered, and no identity is in an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True)
class Exposition:
    """How metrics are shown: what makes their bytes, in a thread, and the type of those."""

    exposed: Callable[[], bytes]
    content_type: str


def plain_app(serving: Callable[[], bool] | None = None, metrics: Exposition | None = None) -> Starlette:
    """The app of one port; ``serving`` is whether gRPC health is SERVING. What is None is not answered."""
    routes = []
    if serving is not None:

        async def alive(_request: Request) -> Response:
            return PlainTextResponse("ok\n")

        async def ready(_request: Request) -> Response:
            return PlainTextResponse("serving\n") if serving() else PlainTextResponse("not serving\n", 503)

        routes += [Route("/livez", alive), Route("/healthz", alive), Route("/readyz", ready)]
    if metrics is not None:

        def scraped(_request: Request) -> Response:
            return Response(metrics.exposed(), headers={"content-type": metrics.content_type})

        routes.append(Route("/metrics", scraped))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # a redirect would repeat the caller's Host
    return app
