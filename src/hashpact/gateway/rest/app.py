"""The app of a gateway: authentication, routing, and a line of log for each call.

Nothing of a path's parts, a query, a body or an answer is logged: only the route as it is declared.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from importlib.metadata import version
from typing import Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from hashpact.errors import HashpactError, is_fault
from hashpact.gateway.fetching import TooLargeError
from hashpact.gateway.keeping.tokens import TokenFile
from hashpact.gateway.rest.asking import Parameter, RestRequest
from hashpact.gateway.rest.banked import BANKED
from hashpact.gateway.rest.declared import RestEndpoint, openapi
from hashpact.gateway.rest.exchanged import EXCHANGED
from hashpact.gateway.rest.matched import MATCHED
from hashpact.gateway.rest.statuses import answer, message, refuse, refused, status_of
from hashpact.gateway.rest.stopncii import STOPNCII
from hashpact.gateway.rest.uses import GatewayUses

Handling: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Answers a request to one endpoint."""

_BAD, _UNAUTHENTICATED, _FORBIDDEN = 400, 401, 403
_FAILED: Final = 500
_LOOKUPS: Final = frozenset({5, 6, 7})
_SEGMENT: Final = "/t/"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_FORWARDED: Final = frozenset(
    {b"forwarded", b"via", b"x-real-ip", b"x-client-ip"}
    | {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"}
)
_HERE: Final = "localhost"
_NO_OTHER_SITE: Final = frozenset({b"none", b"same-origin"})
"""The values of `Sec-Fetch-Site` of requests that no page of another site has a browser send."""
_ADDRESSES: Final = 256
"""Addresses of callers that are remembered; to read one takes as long as a lookup in a small index."""


async def site_map(uses: GatewayUses, asked: RestRequest) -> Response:
    """Every path."""
    del uses, asked
    return answer(sorted({each.path for each in ENDPOINTS}))


async def document(uses: GatewayUses, asked: RestRequest) -> Response:
    """The OpenAPI document of all this."""
    del uses, asked
    return answer(openapi(ENDPOINTS, version("hashpact")))


ENDPOINTS: Final[Sequence[RestEndpoint]] = (
    *MATCHED,
    *BANKED,
    *EXCHANGED,
    *STOPNCII,
    RestEndpoint(
        20,
        "GET",
        "/site-map",
        "List the paths.",
        site_map,
        answer={"type": "array", "items": {"type": "string"}},
    ),
    RestEndpoint(
        20, "GET", "/openapi/openapi.json", "Show this document.", document, answer={"type": "object"}
    ),
)


def gateway_app(uses: GatewayUses, tokens: TokenFile, log: FilteringBoundLogger) -> ASGIApp:
    """The app. ``log`` gets a line for each call that ``access_log`` of the configuration asks for."""
    router = _Router()
    for each in ENDPOINTS:
        router.add(each, _handling(uses, each, log))
    return _Doorkeeper(router, tokens, require=uses.config.require_token)


class _Router:
    """Finds what answers a request, by its path and method, and sends the answer.

    A lookup spends more time in Starlette's router and its middlewares than in the index, so a path without
    parameters is looked up in a table here.
    """

    def __init__(self) -> None:
        self._plain: dict[str, dict[str, Handling]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, Handling]]] = {}

    def add(self, endpoint: RestEndpoint, handling: Handling) -> None:
        """Let an endpoint be answered so."""
        if "{" in endpoint.path:
            pattern = re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", endpoint.path))
            _, methods = self._patterns.setdefault(endpoint.path, (pattern, {}))
        else:
            methods = self._plain.setdefault(endpoint.path, {})
        methods[endpoint.method] = handling
        if endpoint.method == "GET":
            methods["HEAD"] = handling

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods, parameters = self._find(scope["path"])
        handling = methods.get(scope["method"])
        try:
            if handling is not None:
                scope["path_params"] = parameters
                response = await handling(Request(scope, receive, send))
            elif methods:
                response = answer({"message": "Method Not Allowed"}, 405, {"Allow": ", ".join(methods)})
            else:
                response = message("Not Found", 404)
        except Exception:
            await message("internal error", _FAILED)(scope, receive, send)
            raise  # the door logs its name
        await response(scope, receive, send)

    def _find(self, path: str) -> tuple[Mapping[str, Handling], Mapping[str, str]]:
        plain = self._plain.get(path)
        if plain is not None:
            return plain, {}
        for pattern, methods in self._patterns.values():
            if (found := pattern.fullmatch(path)) is not None:
                return methods, found.groupdict()
        return {}, {}


def _handling(uses: GatewayUses, endpoint: RestEndpoint, log: FilteringBoundLogger) -> Handling:
    parameters: tuple[Parameter, ...] = tuple(endpoint.query)
    lookup, access = endpoint.row in _LOOKUPS, uses.config.access_log

    async def handled(request: Request) -> Response:
        try:
            asked = RestRequest.read(request, parameters)
            async with uses.slots.one() if asked.has_content else nullcontext():
                return await endpoint.handle(uses, asked)
        except HashpactError as error:
            if is_fault(error) and status_of(error) >= _FAILED:
                log.warning("failed", route=endpoint.path, method=endpoint.method, code=error.code)
            response = refused(error, lookup=lookup)
        except (HTTPException, TooLargeError) as error:
            response = await refuse(request, error)
        if not await RestRequest(request, {}).pass_over(uses.max_upload):
            response.headers["Connection"] = "close"
        return response

    async def logged(request: Request) -> Response:
        began = time.perf_counter()
        status = _FAILED
        try:
            response = await handled(request)
            status = response.status_code
        except ClientDisconnect:
            response, status = message("the request has not arrived whole", _BAD), _BAD
        finally:
            if access == "calls" or (access == "errors" and status >= _FAILED):
                spent = round((time.perf_counter() - began) * 1000, 1)
                log.info("call", route=endpoint.path, method=endpoint.method, status=status, ms=spent)
        return response

    return logged


class _Doorkeeper:
    """Lets callers on this machine in, and others by a token: as Basic password, or as the path's first part.

    A request through a proxy counts as one from another machine, wherever the proxy is. A request from this
    machine must name it as its host, so that a web page whose host name resolves to loopback is kept out.
    What a browser sends for a web page is refused unless it has a token in its path: a password that was
    typed in once is sent by a browser with requests of every page.
    """

    def __init__(self, app: ASGIApp, tokens: TokenFile, *, require: bool) -> None:
        self._app = app
        self._tokens = tokens
        self._require = require

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = "/" + scope["path"].lstrip("/")
        known = False
        if path.startswith(_SEGMENT):
            token, _, rest = path.removeprefix(_SEGMENT).partition("/")
            known, path = self._tokens.finds(token), "/" + rest.lstrip("/")
        refusal = None if known else self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app({**scope, "path": path}, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a caller that has no token in its path; None if it is let in."""
        headers = dict(scope["headers"])
        paged = b"origin" in headers or headers.get(b"sec-fetch-site", b"none") not in _NO_OTHER_SITE
        basic = headers.get(b"authorization", b"")
        if basic[:6].lower() == b"basic ":
            if not self._is_basic(basic[6:]):
                return _unauthenticated()
            return _of_a_page() if paged else None
        here = _is_loopback(str((scope.get("client") or ("",))[0])) and not (_FORWARDED & headers.keys())
        if self._require or not (here and _names_here(headers.get(b"host", b"").decode("latin-1"))):
            return _unauthenticated()
        return _of_a_page() if paged else None

    def _is_basic(self, encoded: bytes) -> bool:
        try:
            name, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return self._tokens.finds(token, name)


def _of_a_page() -> Response:
    text = "a browser sent this for a web page, which needs /t/TOKEN; see hashpact gateway token --help"
    return answer({"message": text}, _FORBIDDEN, {"Connection": "close"})


def _unauthenticated() -> Response:
    return answer(
        {"message": "a token is required; see hashpact gateway token --help"},
        _UNAUTHENTICATED,
        {"WWW-Authenticate": 'Basic realm="hashpact", charset="UTF-8"', "Connection": "close"},
    )


@lru_cache(_ADDRESSES)
def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _names_here(host: str) -> bool:
    """Whether the host that a request names is this machine: an address of loopback, or localhost."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower() == _HERE or _is_loopback(name)
