"""Client operations as values, free of I/O, for both clients: requests, and how answers are read.

An operation is a `Call`: the bytes to send and a function that reads the answer. `attempts.attempts` runs it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from hashpact.domain import statements
from hashpact.domain.attestation import MAX_SKEW
from hashpact.domain.checks import Answer, Check, Filter, Query
from hashpact.domain.matching.batches import Batch, BatchAnswer, Packing
from hashpact.domain.messages import (
    Appended,
    ChangedEntries,
    ChangesRequest,
    EntryDetail,
    LeafDetail,
    Page,
    PageRequest,
    PolicyDetail,
    Submission,
)
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.renewal import Renewal
from hashpact.domain.state import Receipt
from hashpact.errors import CorruptError, ProofError
from hashpact.governance import drafts
from hashpact.governance.drafts import Draft
from hashpact.wire import attested as attestations
from hashpact.wire import batches, codec, details, evidence, fields, proposals
from hashpact.wire.v1 import certificate_pb2, check_pb2, governance_pb2, log_pb2

Result = TypeVar("Result")

_CHECK: Final = "/hashpact.wire.v1.CheckService/"
_CERTIFICATE: Final = "/hashpact.wire.v1.CertificateService/"
_GOVERNANCE: Final = "/hashpact.wire.v1.GovernanceService/"
_LOG: Final = "/hashpact.wire.v1.LogService/"


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """One operation: the method's path, the request's bytes, and the function that reads the answer.

    The bytes are made once: every try sends the same ones. Sending them again is safe for every operation
    here; an operation for which it is not must be marked.
    """

    method: str
    request: bytes
    read: Callable[[bytes], Result]
    idempotent: bool = True

    def __repr__(self) -> str:
        """Name the method only: the request may hold fingerprints."""
        return f"<Call {self.method}>"


def check(asked: Check) -> Call[Answer]:
    """A check. A match of a query that was not asked, or of another type than that query's, is corrupt."""

    def read(data: bytes) -> Answer:
        answer = codec.answer_from_wire(check_pb2.CheckResponse.FromString(data))
        for match in answer.matches:
            if not (
                match.query < len(asked.queries)
                and asked.queries[match.query].fingerprint.type.name == match.type
            ):
                msg = f"the server answered query {match.query} with a match of {match.type}"
                raise CorruptError(msg)
        return answer

    return Call(f"{_CHECK}Check", codec.check_to_wire(asked).SerializeToString(), read)


def attested(asked: Check, nonce: bytes, log: PinnedLog, now: int) -> Call[Answer]:
    """A check with an attested answer, which is verified: of this request, by a key that the log names.

    ``nonce`` is 16 random bytes, ``now`` in Unix seconds. Its result has the attestation. Raises ProofError
    for one that is missing or proves nothing, LogKeyError if only its key is another.
    """
    plain, request = check(asked), codec.check_to_wire(asked)
    request.attest, request.nonce = True, nonce
    sent = request.SerializeToString()

    def read(data: bytes) -> Answer:
        found = attestations.response_from_wire(sent, check_pb2.CheckResponse.FromString(data))
        stated = found.verify(log)
        answer = plain.read(found.answer)
        if answer.position != stated.position:
            msg = f"the answer is of position {answer.position}, and {stated.position} is attested"
            raise ProofError(msg)
        if stated.position < asked.min_position:
            least = asked.min_position
            msg = f"the answer is of position {stated.position}, and one of at least {least} was asked for"
            raise ProofError(msg)
        if abs(stated.time - now) > MAX_SKEW:
            msg = f"the answer was attested at another time: {abs(stated.time - now)} s away"
            raise ProofError(msg)
        return replace(answer, attestation=found)

    return Call(plain.method, sent, read)


def check_batch(asked: Batch) -> Call[BatchAnswer]:
    """A batch. A match of a fingerprint that was not asked, or of another type, is corrupt."""

    def read(data: bytes) -> BatchAnswer:
        answer = batches.batch_answer_from_wire(check_pb2.CheckBatchResponse.FromString(data))
        for match in answer.matches:
            kind = asked.type_of(match.query)
            if kind is None or kind.name != match.type:
                msg = f"the server answered fingerprint {match.query} with a match of {match.type}"
                raise CorruptError(msg)
        return answer

    return Call(f"{_CHECK}CheckBatch", batches.batch_to_wire(asked).SerializeToString(), read)


def check_many(queries: Sequence[Query], narrow: Filter, limit: int, min_position: int) -> Call[list[Answer]]:
    """Asking for each of 1 to 4096 queries by itself; its result has an answer to each, in their order.

    Raises InvalidInputError for a query that cannot be packed.
    """
    packing = Packing.of(queries)
    asked = check_batch(Batch(packing.packed, narrow, limit, min_position))
    return Call(asked.method, asked.request, lambda data: packing.answers(asked.read(data)))


def append(submission: Submission, log: PinnedLog | None) -> Call[Receipt]:
    """An append. Its result is a verified receipt of exactly these bytes; ProofError for any other.

    Without a log, the receipt is returned unverified.
    """

    def read(data: bytes) -> Receipt:
        receipt = evidence.receipt_from_wire(log_pb2.AppendResponse.FromString(data))
        if log is not None:
            log.check_receipt(submission.statement, receipt)
        return receipt

    return Call(f"{_LOG}Append", codec.submission_to_wire(submission).SerializeToString(), read)


def propose(
    proposal: Sequence[Draft], log: PinnedLog, documents: Sequence[bytes] = ()
) -> Call[tuple[Appended, ...]]:
    """A proposal of administrators' statements, with documents that they name.

    Its result is empty if they wait for signatures, or a verified receipt of each; ProofError for any other.
    """

    def read(answer: bytes) -> tuple[Appended, ...]:
        found = proposals.appended_from_wire(governance_pb2.ProposeResponse.FromString(answer))
        if found and [statements.parse(one.statement).note.text for one in found] != [
            draft.text for draft in proposal
        ]:
            msg = "the server answered a proposal with other statements"
            raise CorruptError(msg)
        for one in found:
            log.check_receipt(one.statement, one.receipt)
        return found

    request = proposals.proposal_to_wire(drafts.write(proposal), documents)
    return Call(f"{_GOVERNANCE}Propose", request.SerializeToString(), read)


def waiting() -> Call[tuple[list[Draft], ...]]:
    """Listing the proposals that wait for signatures."""

    def read(data: bytes) -> tuple[list[Draft], ...]:
        found = proposals.proposals_from_wire(governance_pb2.ListProposalsResponse.FromString(data))
        return tuple(map(drafts.parse, found))

    return Call(f"{_GOVERNANCE}ListProposals", b"", read)


def entry(index: int) -> Call[EntryDetail]:
    """Getting an entry."""

    def read(data: bytes) -> EntryDetail:
        detail = details.entry_from_wire(log_pb2.GetEntryResponse.FromString(data))
        if detail.entry.index != index:
            msg = f"asked for entry {index}, the server answered with entry {detail.entry.index}"
            raise CorruptError(msg)
        return detail

    request = log_pb2.GetEntryRequest(name=fields.entry_to_name(index))
    return Call(f"{_LOG}GetEntry", request.SerializeToString(), read)


def changes(asked: ChangesRequest) -> Call[ChangedEntries]:
    """Getting a page of changes. One that does not go on from the page before is a CorruptError."""

    def read(data: bytes) -> ChangedEntries:
        page = details.changes_from_wire(log_pb2.ListChangesResponse.FromString(data))
        found = [detail.entry.index for detail in page.entries]
        after, before = (-1 if one is None else one for one in (page.next_after, asked.after))
        on = (asked.since, before) < (page.next, after) if page.next < page.position else after == -1
        if not on or not asked.since <= page.next <= page.position or len(set(found)) < len(found):
            msg = f"the server's page of changes does not go on from position {asked.since}"
            raise CorruptError(msg)
        if any(index >= page.position for index in found):
            msg = f"the server's page of changes has an entry beyond its position {page.position}"
            raise CorruptError(msg)
        for detail in page.entries:
            if asked.with_private and detail.stands and not (detail.withheld or detail.private):
                msg = f"the server's page of changes has no private parts of entry {detail.entry.index}"
                raise CorruptError(msg)
        return page

    return Call(f"{_LOG}ListChanges", details.changes_request_to_wire(asked).SerializeToString(), read)


def members(page: PageRequest, after: str = "") -> Call[Page]:
    """Getting a page of members, all of whose ids sort after ``after``, the last one of the page before.

    A server that pages backwards or in circles is a CorruptError.
    """

    def read(data: bytes) -> Page:
        found = codec.page_from_wire(log_pb2.ListMembersResponse.FromString(data))
        ids = [after, *(detail.member.id for detail in found.members)]
        stuck = found.next_token and not found.members
        if stuck or any(one >= two for one, two in itertools.pairwise(ids)):
            msg = "the server's list of members is not in the order of their ids"
            raise CorruptError(msg)
        return found

    return Call(f"{_LOG}ListMembers", codec.page_request_to_wire(page).SerializeToString(), read)


def roots(start: int) -> Call[tuple[LeafDetail, ...]]:
    """Listing root statements from an index on. Any that is not after the one before is a CorruptError."""

    def read(data: bytes) -> tuple[LeafDetail, ...]:
        found = evidence.roots_from_wire(log_pb2.ListRootsResponse.FromString(data))
        if any(one >= two for one, two in itertools.pairwise([start - 1, *(root.index for root in found)])):
            msg = "the server's list of root statements is not in the order of the log"
            raise CorruptError(msg)
        return found

    return Call(f"{_LOG}ListRoots", log_pb2.ListRootsRequest(start=start).SerializeToString(), read)


def policy() -> Call[PolicyDetail]:
    """Getting the policy in force."""

    def read(data: bytes) -> PolicyDetail:
        return evidence.policy_from_wire(log_pb2.GetPolicyResponse.FromString(data))

    return Call(f"{_LOG}GetPolicy", b"", read)


def checkpoint() -> Call[bytes]:
    """Getting the newest checkpoint, as bytes."""

    def read(data: bytes) -> bytes:
        return evidence.checkpoint_from_wire(log_pb2.GetCheckpointResponse.FromString(data))

    return Call(f"{_LOG}GetCheckpoint", log_pb2.GetCheckpointRequest().SerializeToString(), read)


def inclusion(index: int, size: int) -> Call[tuple[bytes, tuple[bytes, ...]]]:
    """Getting a leaf's hash and its inclusion proof."""

    def read(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
        return evidence.inclusion_from_wire(log_pb2.GetInclusionProofResponse.FromString(data))

    request = log_pb2.GetInclusionProofRequest(index=index, tree_size=size)
    return Call(f"{_LOG}GetInclusionProof", request.SerializeToString(), read)


def consistency(old: int, new: int) -> Call[tuple[bytes, ...]]:
    """Getting a consistency proof."""

    def read(data: bytes) -> tuple[bytes, ...]:
        return evidence.consistency_from_wire(log_pb2.GetConsistencyProofResponse.FromString(data))

    request = log_pb2.GetConsistencyProofRequest(old_size=old, new_size=new)
    return Call(f"{_LOG}GetConsistencyProof", request.SerializeToString(), read)


def tile(path: str) -> Call[bytes]:
    """Getting a tile, as bytes."""

    def read(data: bytes) -> bytes:
        return evidence.tile_from_wire(log_pb2.GetTileResponse.FromString(data))

    return Call(f"{_LOG}GetTile", log_pb2.GetTileRequest(path=path).SerializeToString(), read)


def renew(renewal: Renewal) -> Call[bytes]:
    """Asking for a new certificate, in PEM."""

    def read(data: bytes) -> bytes:
        return certificate_pb2.RenewResponse.FromString(data).certificate

    request = certificate_pb2.RenewRequest(certificate_request=renewal.request, proof=renewal.proof)
    return Call(f"{_CERTIFICATE}Renew", request.SerializeToString(), read)


def uses() -> Call[dict[bytes, int]]:
    """Listing the serials of the caller's certificates, each with the day of its last use."""

    def read(data: bytes) -> dict[bytes, int]:
        return evidence.uses_from_wire(certificate_pb2.ListUsesResponse.FromString(data))

    return Call(f"{_CERTIFICATE}ListUses", b"", read)
