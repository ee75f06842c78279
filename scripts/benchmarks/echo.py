"""A bare echo: what gRPC, TLS and Python cost for a call of the same sizes, with no service behind it.

    python echo.py aio|sync HOME ANSWERS

It uses the certificates of a home and requires one of every client, as the home's server does. Each file of
the directory ANSWERS is a method of `SERVICE` that answers its bytes to anything. *aio* is `grpc.aio` on
uvloop, *sync* a `grpc.server` with two threads; all else is as gRPC has it by default. It prints its
HOST:PORT once it answers, and runs until SIGTERM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop

from hashpact.home.paths import HomePaths

SERVICE: Final = "bench.Echo"
THREADS: Final = 2


def stored(directory: Path) -> dict[str, bytes]:
    """The answer of each method."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def credentials(home: Path) -> grpc.ServerCredentials:
    """Mutual TLS with the home's certificates."""
    paths = HomePaths(home)
    pair = paths.server_key.read_bytes(), paths.server_cert.read_bytes()
    return grpc.ssl_server_credentials([pair], paths.ca_cert.read_bytes(), require_client_auth=True)


def always(answer: bytes) -> Callable[[bytes, object], bytes]:
    """A method of the synchronous server."""
    return lambda _request, _context: answer


def always_async(answer: bytes) -> Callable[[bytes, object], Any]:
    """A method of the asynchronous server."""

    async def method(_request: bytes, _context: object) -> bytes:
        return answer

    return method


def listen(server: Any, methods: Mapping[str, Callable[[bytes, object], Any]], home: Path) -> str:  # noqa: ANN401 - of either kind
    """Add the methods as generated code does, and bind a free port; gives the HOST:PORT."""
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)
    return f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials(home))}"


async def run_aio(answers: Mapping[str, bytes], home: Path) -> None:
    """Echo on the event loop."""
    server = grpc.aio.server()
    address = listen(server, {name: always_async(answer) for name, answer in answers.items()}, home)
    await server.start()
    print(address, flush=True)
    await server.wait_for_termination()


def run_sync(answers: Mapping[str, bytes], home: Path) -> None:
    """Echo from threads."""
    server = grpc.server(ThreadPoolExecutor(THREADS))
    address = listen(server, {name: always(answer) for name, answer in answers.items()}, home)
    server.start()
    print(address, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    kind, of_home, of_answers = sys.argv[1], Path(sys.argv[2]), stored(Path(sys.argv[3]))
    if kind == "aio":
        uvloop.run(run_aio(of_answers, of_home))
    else:
        run_sync(of_answers, of_home)
