"""A real gateway over a real clearinghouse, in a thread of this process or in one of its own, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import uvloop
from waits import PATIENCE

from hashpact.gateway import running
from hashpact.gateway.configured import GatewayConfig
from hashpact.gateway.keeping.folder import make_folder
from hashpact.gateway.running import GatewayStarted, answer_until, open_gateway
from hashpact.keys.passphrase import Passphrases

BOUNDARY = "a-boundary-of-a-form"


@dataclass(frozen=True)
class Answered:
    """What came back: the status, the media type, the body, and the headers by names in lower case."""

    status: int
    media: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body of an answer that is JSON."""
        assert self.media == "application/json", self
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The text of an error or an acknowledgement."""
        assert list(self.json) == ["message"], self.json
        found: str = self.json["message"]
        return found


@dataclass(frozen=True)
class Http:
    """Requests to a gateway at HOST:PORT."""

    address: str

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON, or bytes
        headers: Mapping[str, str] | None = None,
        /,
        **query: str,
    ) -> Answered:
        """The answer to a request, on a connection of its own; ``body`` is JSON unless it is bytes."""
        connection = http.client.HTTPConnection(self.address, timeout=120)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, body, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            media = found.get("content-type", "").partition(";")[0]
            return Answered(response.status, media, response.read(), found)
        finally:
            connection.close()

    def upload(self, path: str, field: str, data: bytes, /, *more: tuple[str, str], **query: str) -> Answered:
        """The answer to a form with a file, and fields of text after it."""
        return self("POST", path, form((field, data), *more), FORM, **query)


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(*fields: tuple[str, bytes | str]) -> bytes:
    """The body of a form; fields of bytes are files."""
    parts = []
    for name, value in fields:
        is_file = isinstance(value, bytes)
        head = f'Content-Disposition: form-data; name="{name}"' + ('; filename="f.bin"' if is_file else "")
        data = value if isinstance(value, bytes) else value.encode()
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def made_folder(directory: Path, profile: Path, address: str, **settings: Any) -> GatewayConfig:  # noqa: ANN401 - of any type
    """The configuration of a gateway that was made in a directory, of the member at a clearinghouse."""
    config = GatewayConfig(profile, listen="127.0.0.1:0", address=address, **settings)
    if not directory.exists():
        make_folder(directory, config)
    return config


@contextlib.contextmanager
def gatewayed(directory: Path, config: GatewayConfig, *, first: float = PATIENCE) -> Iterator[Http]:
    """A gateway that answers on loopback while the block runs, in a thread of this process.

    Its start waits ``first`` seconds for the clearinghouse; after them it would know no labels yet.
    """
    started: Future[tuple[GatewayStarted, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        with open_gateway(directory, config, Passphrases(environ={})) as opened:
            await answer_until(stop, opened, lambda one: started.set_result((one, loop, stop)))

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as `serve_gateway` has it
                runner.run(serve())
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="gateway")
    try:
        with patch.object(running, "FIRST", first):
            thread.start()
            one, loop, stop = started.result(2 * PATIENCE)
        try:
            yield Http(one.address)
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join(120)
        assert not thread.is_alive(), "the gateway does not stop"
