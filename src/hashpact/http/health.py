"""Health over plain HTTP, for orchestrators that have no client certificate.

    GET /healthz   200 while the process runs
    GET /readyz    200 while it serves, 503 before and after

Nothing else is answered, and no identity, count or version is in an answer.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def health_app(serving: Callable[[], bool]) -> Starlette:
    """The app of one server; ``serving`` is whether its gRPC health is SERVING."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_request: Request) -> Response:
        return PlainTextResponse("serving\n") if serving() else PlainTextResponse("not serving\n", 503)

    app = Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready)])
    app.router.redirect_slashes = False  # a redirect would repeat the caller's Host
    return app
