"""The RPCs: decode, one call, encode. The guard has admitted the caller before and answers errors after.

Each kind of call has the threads of a pool of its own. What takes long waits there for the member's turn.
docs/decisions/wire.md has the measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TypeAlias, TypeVar, cast

import grpc

from hashpact.domain import checks, statements
from hashpact.domain.attestation import NONCE_SIZE
from hashpact.domain.renewal import Renewal
from hashpact.domain.state import Role
from hashpact.errors import ConflictError
from hashpact.service.attest.attester import Attester
from hashpact.service.check import Checker
from hashpact.service.conduct import MatterReader
from hashpact.service.following import Following
from hashpact.service.prove import Prover
from hashpact.service.read import READERS, PrivateParts, Reader
from hashpact.wire import attested, batches, codec, details, evidence, fields, following, proposals
from hashpact.wire.server.admission.pools import Pool, in_turns, wait
from hashpact.wire.server.admission.quotas import Quotas
from hashpact.wire.server.core.incoming import IncomingCall
from hashpact.wire.server.followers import Followers
from hashpact.wire.server.identity import CALLER, require, require_administrator
from hashpact.wire.server.writing import Appends, Proposes, Renews, Uses
from hashpact.wire.v1 import (
    certificate_pb2,
    certificate_pb2_grpc,
    check_pb2,
    check_pb2_grpc,
    governance_pb2,
    governance_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
)

Context: TypeAlias = grpc.ServicerContext
"""In fact a `core.incoming.IncomingCall`."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Services:
    """What the RPCs call."""

    intake: Appends
    checker: Checker
    reader: Reader
    private: PrivateParts
    prover: Prover
    renewer: Renews
    proposals: Proposes
    uses: Uses
    matters: MatterReader
    quotas: Quotas = field(default_factory=Quotas)
    attester: Attester | None = None


@dataclass(frozen=True, slots=True)
class Pools:
    """The threads of each kind of call."""

    checks: Pool
    appends: Pool
    reads: Pool
    streams: Pool

    def close(self) -> None:
        """Begin no more work, and wait for what is at work."""
        for pool in (self.checks, self.streams, self.reads, self.appends):
            pool.close()


class CheckHandler(check_pb2_grpc.CheckServiceServicer):
    """Answers checks."""

    def __init__(self, checker: Checker, pool: Pool, quotas: Quotas, attester: Attester | None) -> None:
        self._checker = checker
        self._attester = attester
        self._pool = pool
        self._quotas = quotas

    def Check(
        self,
        request: check_pb2.CheckRequest,
        context: Context,
    ) -> check_pb2.CheckResponse:
        """The entries near some fingerprints."""
        require(Role.CHECK)
        wanted, member = context.is_active, CALLER.get().id
        between = self._pool.between(wanted)
        check = codec.check_from_wire(request)
        if request.attest:
            return self._attested(request, check, cast("IncomingCall", context))
        with self._quotas.asking(member, len(check.queries)):
            answer = self._checker.check(check, between, lambda: self._pool.turn(member, wanted), wait)
        return codec.answer_to_wire(answer, between)

    def _attested(
        self, request: check_pb2.CheckRequest, check: checks.Check, call: IncomingCall
    ) -> check_pb2.CheckResponse:
        """The entries near some fingerprints, with a signed note over this request and this answer."""
        attester, member = self._attester, CALLER.get().id
        wanted = call.is_active
        fields.sized("nonce", request.nonce, NONCE_SIZE)
        if attester is None:
            msg = "this server attests no answers; ask without attest"
            raise ConflictError(msg)
        with self._quotas.asking(member, len(check.queries)):
            answer = attester.check(
                check, wanted, lambda: self._pool.turn(member, wanted), wait, self._pool.between
            )
        data = codec.answer_to_wire(answer, self._pool.between(wanted)).SerializeToString()
        signed = attester.attest(call.received, data, answer.position)
        return attested.response_to_wire(data, signed)

    def CheckBatch(
        self,
        request: check_pb2.CheckBatchRequest,
        context: Context,
    ) -> check_pb2.CheckBatchResponse:
        """The entries near each of many fingerprints."""
        require(Role.CHECK)
        wanted, member = context.is_active, CALLER.get().id
        batch = batches.batch_from_wire(request)

        def turn() -> AbstractContextManager[None]:
            return self._pool.turn(member, wanted)

        with self._quotas.asking(member, len(batch)):
            return batches.batch_answer_to_wire(self._checker.check_batch(batch, wanted, turn), turn)

    def CheckStream(
        self,
        request_iterator: Iterator[check_pb2.CheckStreamRequest],
        context: Context,
    ) -> Iterator[check_pb2.CheckStreamResponse]:
        """Never called, but the generated class demands it: `conversations` answers these calls."""
        raise NotImplementedError


class LogHandler(log_pb2_grpc.LogServiceServicer):
    """Appends statements, and answers reads and proofs."""

    def __init__(self, services: Services, pools: Pools, stopping: Event, timer: Callable[[], float]) -> None:
        self._services = services
        self._pools = pools
        sent = Following(services.prover, services.private, timer)
        self._followers = Followers(sent, pools.streams, stopping, timer)

    def Append(
        self,
        request: log_pb2.AppendRequest,
        context: Context,
    ) -> log_pb2.AppendResponse:
        """The receipt of a statement that is durable, signed and can be found.

        An append that has begun is finished even if the caller disconnects.
        """
        caller, pool = CALLER.get().id, self._pools.appends
        self._services.quotas.take(caller, statements.kind_of(request.statement))
        submission = codec.submission_from_wire(request)
        with pool.turn(caller, context.is_active):
            receipt = self._services.intake.append(caller, submission, pool.give_way)
        return evidence.receipt_to_wire(receipt)

    def GetEntry(
        self,
        request: log_pb2.GetEntryRequest,
        context: Context,
    ) -> log_pb2.GetEntryResponse:
        """An entry as it stands."""
        index, caller, services = fields.entry_from_name(request.name), CALLER.get(), self._services
        entry = self._read(
            context,
            lambda: details.entry_to_wire(services.private.permitted(caller, services.reader.entry(index))),
        )
        return log_pb2.GetEntryResponse(entry=entry)

    def ListEntries(
        self,
        request: log_pb2.ListEntriesRequest,
        context: Context,
    ) -> Iterator[log_pb2.ListEntriesResponse]:
        """Entries in order. The next are read when the transport has taken those before."""
        asked = codec.entries_request_from_wire(request)
        entries, caller = self._services.reader.entries(asked.start, asked.stop), CALLER.get()
        private = self._services.private
        messages = (
            log_pb2.ListEntriesResponse(entry=details.entry_to_wire(private.permitted(caller, detail)))
            for detail in entries
        )
        yield from in_turns(self._pools.streams, caller.id, messages, context.is_active)

    def ListChanges(
        self,
        request: log_pb2.ListChangesRequest,
        context: Context,
    ) -> log_pb2.ListChangesResponse:
        """A page of the entries that have changed."""
        asked, caller, services = details.changes_request_from_wire(request), CALLER.get(), self._services
        permit = partial(services.private.permitted, caller)
        return self._read(context, lambda: details.changes_to_wire(services.reader.changes(asked, permit)))

    def ListMembers(
        self,
        request: log_pb2.ListMembersRequest,
        context: Context,
    ) -> log_pb2.ListMembersResponse:
        """A page of members."""
        asked = codec.page_request_from_wire(request)
        return self._read(context, lambda: codec.page_to_wire(self._services.reader.page(asked)))

    def GetPolicy(
        self,
        request: log_pb2.GetPolicyRequest,
        context: Context,
    ) -> log_pb2.GetPolicyResponse:
        """The policy in force."""
        return evidence.policy_to_wire(self._read(context, self._services.reader.policy))

    def ListRoots(
        self,
        request: log_pb2.ListRootsRequest,
        context: Context,
    ) -> log_pb2.ListRootsResponse:
        """The genesis and root statements, from leaf 0 on."""
        start = evidence.roots_request_from_wire(request)
        return self._read(context, lambda: evidence.roots_to_wire(self._services.prover.roots(start)))

    def GetCheckpoint(
        self,
        request: log_pb2.GetCheckpointRequest,
        context: Context,
    ) -> log_pb2.GetCheckpointResponse:
        """The newest signed checkpoint."""
        return evidence.checkpoint_to_wire(self._read(context, self._services.prover.checkpoint))

    def GetInclusionProof(
        self,
        request: log_pb2.GetInclusionProofRequest,
        context: Context,
    ) -> log_pb2.GetInclusionProofResponse:
        """That a leaf is in a tree."""
        prover = self._services.prover
        index, size = request.index, request.tree_size
        return evidence.inclusion_to_wire(*self._read(context, lambda: prover.inclusion(index, size)))

    def GetConsistencyProof(
        self,
        request: log_pb2.GetConsistencyProofRequest,
        context: Context,
    ) -> log_pb2.GetConsistencyProofResponse:
        """That one tree begins with another."""
        prover = self._services.prover
        old, new = request.old_size, request.new_size
        return evidence.consistency_to_wire(self._read(context, lambda: prover.consistency(old, new)))

    def GetTile(
        self,
        request: log_pb2.GetTileRequest,
        context: Context,
    ) -> log_pb2.GetTileResponse:
        """A tile."""
        path = evidence.tile_request_from_wire(request)
        return evidence.tile_to_wire(self._read(context, lambda: self._services.prover.tile(path)))

    def ListLeaves(
        self,
        request: log_pb2.ListLeavesRequest,
        context: Context,
    ) -> Iterator[log_pb2.ListLeavesResponse]:
        """Leaves in order. The next is read when the transport has taken the one before."""
        asked = evidence.leaves_request_from_wire(request)
        if asked.with_private:
            require(*READERS)
        found = self._services.prover.leaves(asked.start, asked.stop, private=asked.with_private)
        caller = CALLER.get()
        leaves = map(evidence.leaf_to_wire, self._services.private.counted(caller, found))
        yield from in_turns(self._pools.streams, caller.id, leaves, context.is_active)

    def Follow(
        self,
        request: log_pb2.FollowRequest,
        context: Context,
    ) -> Iterator[log_pb2.FollowResponse]:
        """Checkpoints as they are signed, and the leaves up to each."""
        asked = following.follow_request_from_wire(request)
        if asked.with_private:
            require(*READERS)
        messages = self._followers.stream(CALLER.get(), asked, context.is_active)
        yield from map(following.followed_to_wire, messages)

    def _read(self, context: Context, work: Callable[[], Result]) -> Result:
        with self._pools.reads.turn(CALLER.get().id, context.is_active):
            return work()


class CertificateHandler(certificate_pb2_grpc.CertificateServiceServicer):
    """Issues certificates to members, and lists which were used."""

    def __init__(self, renewer: Renews, uses: Uses, pool: Pool) -> None:
        self._renewer = renewer
        self._uses = uses
        self._pool = pool

    def Renew(
        self,
        request: certificate_pb2.RenewRequest,
        context: Context,
    ) -> certificate_pb2.RenewResponse:
        """A new certificate for the caller's channel."""
        caller = CALLER.get().id
        renewal = Renewal(request.certificate_request, request.proof)
        with self._pool.turn(caller, context.is_active):
            certificate = self._renewer.renew(caller, renewal)
        return certificate_pb2.RenewResponse(certificate=certificate)

    def ListUses(
        self,
        request: certificate_pb2.ListUsesRequest,
        context: Context,
    ) -> certificate_pb2.ListUsesResponse:
        """The caller's certificates, each with the day of its last use."""
        return evidence.uses_to_wire(self._uses.of(CALLER.get().id))


class GovernanceHandler(governance_pb2_grpc.GovernanceServiceServicer):
    """Takes in what administrators propose."""

    def __init__(self, waiting: Proposes, pool: Pool) -> None:
        self._waiting = waiting
        self._pool = pool

    def Propose(
        self,
        request: governance_pb2.ProposeRequest,
        context: Context,
    ) -> governance_pb2.ProposeResponse:
        """What of a proposal is in the log now; nothing while it waits for signatures.

        As with an append, one that has begun is finished even if the caller disconnects.
        """
        require_administrator()
        data, documents = proposals.proposal_from_wire(request)
        with self._pool.turn(CALLER.get().id, context.is_active):
            return proposals.appended_to_wire(self._waiting.propose(data, documents))

    def ListProposals(
        self,
        request: governance_pb2.ListProposalsRequest,
        context: Context,
    ) -> governance_pb2.ListProposalsResponse:
        """The proposals that wait."""
        require_administrator()
        with self._pool.turn(CALLER.get().id, context.is_active):
            return proposals.proposals_to_wire(self._waiting.all())
