"""The RPCs: decode, call the service, encode. The interceptor has let the caller in and answers errors.

Services block: an append waits for the disk, a check scans an index. They run in threads, so that one
slow call holds up nobody else's and health answers in between; appends in one thread of their own, because
the ledger takes one writer at a time. docs/decisions/wire.md has the measurement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from hashpact.domain.messages import Submission
from hashpact.domain.renewal import Renewal
from hashpact.domain.state import Leaf, Role
from hashpact.service.append import Appender
from hashpact.service.check import Checker
from hashpact.service.follow import Follower
from hashpact.service.prove import Prover
from hashpact.service.read import Reader
from hashpact.service.renew import Renewer
from hashpact.service.sign import SigningGuard
from hashpact.wire import codec, errors, evidence, fields
from hashpact.wire.codec import Page
from hashpact.wire.identity import CALLER, require
from hashpact.wire.v1 import (
    certificate_pb2,
    certificate_pb2_grpc,
    check_pb2,
    check_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
)

Result = TypeVar("Result")

_AT_ONCE: Final = 16
"""Leaves or entries that a stream holds, each of at most 32 KiB and with its private parts 2 MiB."""


class Coalescer:
    """Lets many that wait for one thing share it: who joins gets the outcome of a round that starts later."""

    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self._work = work
        self._running: asyncio.Future[object] | None = None
        self._next: asyncio.Future[object] | None = None

    async def join(self) -> None:
        """Wait for the next round. Raises what its work raises, to each that has joined."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._round(self._running))
            # Whoever has joined may be gone when it fails.
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._next)

    async def _round(self, before: asyncio.Future[object] | None) -> object:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        return await self._work()


@dataclass(frozen=True, slots=True)
class Services:
    """What the RPCs call.

    ``on_fault`` is called in the event loop with each exception of an append or a signature that is the
    server's own trouble (`errors.is_fault`), also when the caller has gone. After CommitFailedError the
    process must stop.
    """

    appender: Appender
    checker: Checker
    reader: Reader
    follower: Follower
    guard: SigningGuard
    prover: Prover
    renewer: Renewer
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
    """Appends statements, and reads and proves what they add up to.

    ``writer`` and ``signer`` have one thread each.
    """

    def __init__(self, services: Services, threads: Executor, writer: Executor, signer: Executor) -> None:
        self._services = services
        self._threads = threads
        self._writer = writer
        self._rounds = Coalescer(lambda: _blocking(signer, services.guard.sign))

    async def Append(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.AppendRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.AppendResponse:
        """The receipt of a statement that is durable, signed and can be found."""
        caller = CALLER.get().id
        submission = codec.submission_from_wire(request)
        loop = asyncio.get_running_loop()
        leaf, signed = await _blocking(self._writer, lambda: self._append(loop, caller, submission))
        try:
            # A retry must not wait for witnesses that its receipt does not need.
            if not signed:
                await self._rounds.join()
            receipt = await _blocking(self._threads, lambda: self._services.guard.receipt(leaf))
        except Exception as error:
            if errors.is_fault(error):
                self._services.on_fault(error)
            raise
        return evidence.receipt_to_wire(receipt)

    async def GetEntry(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.GetEntryRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.GetEntryResponse:
        """An entry as it stands."""
        index = fields.entry_from_name(request.name)
        detail = await _blocking(self._threads, lambda: self._services.reader.entry(index))
        return log_pb2.GetEntryResponse(entry=codec.detail_to_wire(detail))

    async def ListEntries(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.ListEntriesRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> AsyncIterator[log_pb2.ListEntriesResponse]:
        """Entries in order. The next are read when the transport has taken those before."""
        asked = codec.entries_request_from_wire(request)
        entries = self._services.reader.entries(asked.start, asked.stop)
        while chunk := await _blocking(self._threads, lambda: _chunk(entries)):
            for detail in chunk:
                yield log_pb2.ListEntriesResponse(entry=codec.detail_to_wire(detail))

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

    async def ListRoots(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.ListRootsRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.ListRootsResponse:
        """Who governs the log, from leaf 0 on."""
        start = evidence.roots_request_from_wire(request)
        roots = await _blocking(self._threads, lambda: self._services.prover.roots(start))
        return evidence.roots_to_wire(roots)

    async def GetCheckpoint(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.GetCheckpointRequest,  # noqa: ARG002  # it is empty
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.GetCheckpointResponse:
        """The newest signed checkpoint."""
        return evidence.checkpoint_to_wire(await _blocking(self._threads, self._services.prover.checkpoint))

    async def GetInclusionProof(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.GetInclusionProofRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.GetInclusionProofResponse:
        """That a leaf is in a tree."""
        prover = self._services.prover
        index, size = request.index, request.tree_size
        return evidence.inclusion_to_wire(
            *await _blocking(self._threads, lambda: prover.inclusion(index, size))
        )

    async def GetConsistencyProof(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.GetConsistencyProofRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.GetConsistencyProofResponse:
        """That one tree begins with another."""
        prover = self._services.prover
        old, new = request.old_size, request.new_size
        return evidence.consistency_to_wire(
            await _blocking(self._threads, lambda: prover.consistency(old, new))
        )

    async def GetTile(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.GetTileRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> log_pb2.GetTileResponse:
        """A tile."""
        path = evidence.tile_request_from_wire(request)
        return evidence.tile_to_wire(await _blocking(self._threads, lambda: self._services.prover.tile(path)))

    async def ListLeaves(  # noqa: N802  # gRPC names it
        self,
        request: log_pb2.ListLeavesRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> AsyncIterator[log_pb2.ListLeavesResponse]:
        """Leaves in order. The next is read when the transport has taken the one before."""
        asked = evidence.leaves_request_from_wire(request)
        leaves = self._services.prover.leaves(asked.start, asked.stop, private=asked.with_private)
        while chunk := await _blocking(self._threads, lambda: _chunk(leaves)):
            for leaf in chunk:
                yield evidence.leaf_to_wire(leaf)

    def _append(
        self, loop: asyncio.AbstractEventLoop, caller: str, submission: Submission
    ) -> tuple[Leaf, bool]:
        """The leaf, and whether it is signed already.

        Runs in the writer's thread to its end, even if the caller goes away meanwhile.
        """
        try:
            self._services.guard.check_sound()
            leaf = self._services.appender.append(caller, submission)
            self._services.follower.catch_up()
            return leaf, self._services.guard.covers(leaf)
        except Exception as error:
            if errors.is_fault(error):
                loop.call_soon_threadsafe(self._services.on_fault, error)
            raise


class CertificateServicer(certificate_pb2_grpc.CertificateServiceServicer):
    """Issues certificates to members."""

    def __init__(self, services: Services, threads: Executor) -> None:
        self._services = services
        self._threads = threads

    async def Renew(  # noqa: N802  # gRPC names it
        self,
        request: certificate_pb2.RenewRequest,
        context: object,  # noqa: ARG002  # gRPC passes it
    ) -> certificate_pb2.RenewResponse:
        """A new certificate for the caller's channel."""
        caller = CALLER.get().id
        renewal = Renewal(request.certificate_request, request.proof)
        certificate = await _blocking(self._threads, lambda: self._services.renewer.renew(caller, renewal))
        return certificate_pb2.RenewResponse(certificate=certificate)


async def _blocking(threads: Executor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def _chunk(stream: Iterator[Result]) -> list[Result]:
    return list(islice(stream, _AT_ONCE))
