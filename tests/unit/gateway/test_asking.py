"""The body of a request is bounded, and read to its end even if it is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from hashpact.gateway.rest.asking import RestRequest


def asking(*chunks: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> RestRequest:
    """A request whose body comes in these chunks."""
    left = list(chunks)

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    scope = {"type": "http", "method": "POST", "headers": list(headers), "query_string": b""}
    return RestRequest(Request(scope, receive), {})


@pytest.mark.parametrize(
    ("chunks", "whole"),
    [
        ((b"xxx", b"xx"), True),
        ((b"xxxxx",), True),
        ((b"xxxxx", b"xxxx"), True),
        ((b"xxxxx", b"xxxxx"), False),
    ],
)
async def test_a_body_that_is_too_large(chunks: tuple[bytes, ...], whole: bool) -> None:  # noqa: FBT001 - a case
    asked = asking(*chunks)
    with pytest.raises(HTTPException) as refused:
        await asked.body(4)
    assert refused.value.status_code == 413
    assert await asked.pass_over(4) is whole


async def test_a_body_that_names_its_size() -> None:
    asked = asking(b"xxxxx", headers=[(b"content-length", b"5")])
    with pytest.raises(HTTPException) as refused:
        await asked.body(4)
    assert refused.value.status_code == 413
    assert await asked.pass_over(5)


async def test_a_body_is_read_once() -> None:
    asked = asking(b"ab", b"cd")
    assert await asked.body(4) == b"abcd"
    assert await asked.body(4) == b"abcd"
    assert await asked.pass_over(0)


async def test_json_of_another_content_type() -> None:
    assert await asking(b"").json(other=422) == {}
    with pytest.raises(HTTPException) as refused:
        await asking(b"{}", headers=[(b"content-type", b"text/plain; charset=x")]).json(other=422)
    what = "Input should be JSON, with Content-Type: application/json"
    wanted: object = [{"type": "json_type", "loc": ["body"], "msg": what, "input": "text/plain"}]
    found: object = refused.value.detail
    assert (refused.value.status_code, found) == (422, wanted)
    with pytest.raises(HTTPException) as other:
        await asking(b"").json()
    assert other.value.status_code == 415
