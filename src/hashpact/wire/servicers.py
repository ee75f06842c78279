"""The RPCs: decode, call the service, encode. The interceptor has let the caller in and answers errors.

Services block: an append waits for the disk, a check scans an index. They run in threads, so that one
slow call holds up nobody else's and health answers in between; appends in one thread of their own, because
the ledger takes one writer at a time. docs/decisions/wire.md has the measurement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from hashpact.domain.state import Receipt, Role
from hashpact.service.append import Appender, Submission
from hashpact.service.check import Checker
from hashpact.service.follow import Follower
from hashpact.service.read import Reader
from hashpact.wire import codec, errors, fields
from hashpact.wire.codec import Page
from hashpact.wire.identity import CALLER, require
from hashpact.wire.v1 import check_pb2, check_pb2_grpc, log_pb2, log_pb2_grpc

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Services:
    """What the RPCs call.

    ``on_fault`` is called in the event loop with each exception of an append that is the server's own
    trouble (`errors.is_fault`), also when the caller has gone. After CommitFailedError the process must stop.
    """

    appender: Appender
    checker: Checker
    reader: Reader
    follower: Follower
    on_fault: Callable[[Exception], None]


class CheckServicer(check_pb2_grpc.CheckServiceServicer):
    """Answers checks."""

    def __init__(self, services: Services, threads: Executor) -> None:
        self._services = services
        self._threads = threads

    async def Check(  # noqa: N802  # gRPC names it
        self,
        request: check_pb2.CheckRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> check_pb2.CheckResponse:
        """The entries near some fingerprints."""
        require(Role.CHECK)
        check = codec.check_from_wire(request)
        answer = await _blocking(self._threads, lambda: self._services.checker.check(check))
        return codec.answer_to_wire(answer)


class LogServicer(log_pb2_grpc.LogServiceServicer):
    """Appends statements and reads what they add up to. ``writer`` has one thread."""

    def __init__(self, services: Services, threads: Executor, writer: Executor) -> None:
        self._services = services
        self._threads = threads
        self._writer = writer

    async def Append(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.AppendRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.AppendResponse:
        """The receipt of a statement that is durable and can be found."""
        caller = CALLER.get().id
        submission = codec.submission_from_wire(request)
        loop = asyncio.get_running_loop()
        receipt = await _blocking(self._writer, lambda: self._append(loop, caller, submission))
        return codec.receipt_to_wire(receipt)

    async def GetEntry(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.GetEntryRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.GetEntryResponse:
        """An entry as it stands."""
        index = fields.entry_from_name(request.name)
        detail = await _blocking(self._threads, lambda: self._services.reader.entry(index))
        return codec.detail_to_wire(detail)

    async def ListMembers(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.ListMembersRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.ListMembersResponse:
        """A page of members; one more is asked for than it holds, to know whether another follows."""
        page = codec.page_request_from_wire(request)
        found = await _blocking(
            self._threads, lambda: self._services.reader.members(page.token, page.size + 1)
        )
        more = len(found) > page.size
        members = tuple(found[: page.size])
        return codec.page_to_wire(Page(members, members[-1].member.id if more else ""))

    def _append(self, loop: asyncio.AbstractEventLoop, caller: str, submission: Submission) -> Receipt:
        """Runs in the writer's thread to its end, even if the caller goes away meanwhile."""
        try:
            receipt = self._services.appender.append(caller, submission)
            self._services.follower.catch_up()
        except Exception as error:
            if errors.is_fault(error):
                loop.call_soon_threadsafe(self._services.on_fault, error)
            raise
        return receipt


async def _blocking(threads: Executor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(threads, work)
