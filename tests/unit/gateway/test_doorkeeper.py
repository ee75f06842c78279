"""Who gets to a gateway without a token: programs of this machine, and nothing that comes through one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from starlette.types import ASGIApp, Message

from hashpact.gateway.configured import GatewayConfig
from hashpact.gateway.keeping.tokens import TokenFile
from hashpact.gateway.rest.app import gateway_app
from hashpact.gateway.rest.uses import GatewayUses

TOKENS = "tokens"


def app_of(directory: Path, *, require: bool = False) -> ASGIApp:
    """The app of a gateway whose routes have nothing to answer from; ``/site-map`` needs nothing."""
    config = GatewayConfig(directory, require_token=require, access_log="off")
    uses = GatewayUses(config, *cast("Any", [None] * 8))
    return gateway_app(uses, TokenFile(directory / TOKENS), structlog.get_logger())


async def asked(app: ASGIApp, path: str = "/site-map", client: str = "127.0.0.1", **headers: str) -> Any:  # noqa: ANN401 - JSON
    """The status and the body of the answer; a header's name has ``_`` for ``-``."""
    given = {"host": "localhost:5100"} | {name.replace("_", "-"): value for name, value in headers.items()}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "client": (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:5100"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
async def test_pages_in_a_browser_need_a_token(tmp_path: Path, headers: dict[str, str]) -> None:
    app = app_of(tmp_path)
    status, body = await asked(app, **headers)
    assert status == 403
    assert body["message"].startswith("a browser sent this for a web page")
    token = TokenFile(tmp_path / TOKENS).make("page", 0)
    assert (await asked(app, f"/t/{token}/site-map", **headers))[0] == 200
    # A browser that has stored a password sends it with what any page asks for.
    basic = f"Basic {base64.b64encode(f'page:{token}'.encode()).decode()}"
    assert (await asked(app, authorization=basic))[0] == 200
    assert (await asked(app, authorization=basic, **headers))[0] == 403
    assert (await asked(app, authorization="Basic eDp5", **headers))[0] == 401


async def test_programs_of_this_machine_need_none(tmp_path: Path) -> None:
    for headers in ({}, {"sec_fetch_site": "none"}, {"sec_fetch_site": "same-origin"}):
        assert (await asked(app_of(tmp_path), **headers))[0] == 200
    assert (await asked(app_of(tmp_path, require=True)))[0] == 401


@pytest.mark.parametrize(
    "name",
    [
        *("forwarded", "via", "x_real_ip", "x_client_ip"),
        *("x_forwarded_for", "x_forwarded_proto", "x_forwarded_host"),
    ],
)
async def test_what_a_proxy_passed_on_is_of_another_machine(tmp_path: Path, name: str) -> None:
    assert (await asked(app_of(tmp_path), **{name: "x"}))[0] == 401


async def test_callers_of_other_machines_need_a_token(tmp_path: Path) -> None:
    assert (await asked(app_of(tmp_path), client="192.0.2.7"))[0] == 401
    assert (await asked(app_of(tmp_path), host="evil.example"))[0] == 401
