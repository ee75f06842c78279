"""A log's evidence as messages and back: receipts, checkpoints, proofs, tiles and leaves.

As in wire/codec.py, a ``from_wire`` function refuses what is missing, of the wrong size or past its limit.
`PinnedLog` verifies the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hashpact.domain.fingerprints import MAX_PRIVATE, TYPE_NAME
from hashpact.domain.kinds import MAX_ALLOWED, MAX_ITEMS, MAX_TAXONOMY, MEMBER_ID, TERM
from hashpact.domain.messages import MAX_ROOTS, LeafDetail, LeavesRequest, PolicyDetail
from hashpact.domain.state import CLOCKS, SERIAL_SIZE, ConductTerms, MatchTerms, Receipt
from hashpact.domain.statements import MAX_LEAF
from hashpact.errors import InvalidInputError
from hashpact.keys.uses import MAX_OF_ONE
from hashpact.wire.fields import (
    HASH_SIZE,
    count,
    limited,
    optional_id,
    optional_whole,
    sized,
    spelled,
    whole,
    within,
)
from hashpact.wire.v1 import certificate_pb2, log_pb2

MAX_PROOF: Final = 64
"""The most hashes of any proof."""
MAX_CHECKPOINT: Final = 64 * 1024
MAX_TILE: Final = 256 * (MAX_LEAF + 2)
MAX_PATH: Final = 64


def receipt_to_wire(receipt: Receipt) -> log_pb2.AppendResponse:
    """The response that carries a receipt."""
    return log_pb2.AppendResponse(
        receipt=log_pb2.Receipt(
            index=receipt.index,
            leaf_hash=receipt.leaf_hash,
            tree_size=receipt.tree_size,
            root_hash=receipt.root,
            proof=receipt.proof,
            checkpoint=receipt.checkpoint,
        )
    )


def receipt_from_wire(response: log_pb2.AppendResponse) -> Receipt:
    """The receipt in a response: checks its form only; `calls.append` verifies it."""
    if not response.HasField("receipt"):
        msg = "an answer to Append has a receipt"
        raise InvalidInputError(msg, field="receipt")
    receipt = response.receipt
    with within("receipt"):
        return Receipt(
            index=whole("index", receipt.index),
            leaf_hash=sized("leaf_hash", receipt.leaf_hash, HASH_SIZE),
            tree_size=whole("tree_size", receipt.tree_size),
            root=sized("root_hash", receipt.root_hash, HASH_SIZE),
            proof=proof_from_wire(receipt.proof),
            checkpoint=limited("checkpoint", receipt.checkpoint, MAX_CHECKPOINT),
        )


def checkpoint_to_wire(note: bytes) -> log_pb2.GetCheckpointResponse:
    """The response that carries a signed checkpoint."""
    return log_pb2.GetCheckpointResponse(checkpoint=note)


def checkpoint_from_wire(response: log_pb2.GetCheckpointResponse) -> bytes:
    """The signed checkpoint in a response, as bytes."""
    return limited("checkpoint", response.checkpoint, MAX_CHECKPOINT)


def inclusion_to_wire(leaf_hash: bytes, proof: tuple[bytes, ...]) -> log_pb2.GetInclusionProofResponse:
    """The response that carries an inclusion proof, and the hash of the leaf that it is of."""
    return log_pb2.GetInclusionProofResponse(leaf_hash=leaf_hash, proof=proof)


def inclusion_from_wire(response: log_pb2.GetInclusionProofResponse) -> tuple[bytes, tuple[bytes, ...]]:
    """Leaf hash and inclusion proof in a response."""
    return sized("leaf_hash", response.leaf_hash, HASH_SIZE), proof_from_wire(response.proof)


def consistency_to_wire(proof: tuple[bytes, ...]) -> log_pb2.GetConsistencyProofResponse:
    """The response that carries a consistency proof."""
    return log_pb2.GetConsistencyProofResponse(proof=proof)


def consistency_from_wire(response: log_pb2.GetConsistencyProofResponse) -> tuple[bytes, ...]:
    """The consistency proof in a response."""
    return proof_from_wire(response.proof)


def tile_request_from_wire(request: log_pb2.GetTileRequest) -> str:
    """The path that a request names, of any text that could be one."""
    limited("path", request.path.encode(), MAX_PATH)
    return request.path


def tile_to_wire(data: bytes) -> log_pb2.GetTileResponse:
    """The response that carries a tile."""
    return log_pb2.GetTileResponse(data=data)


def tile_from_wire(response: log_pb2.GetTileResponse) -> bytes:
    """The tile in a response, as bytes."""
    return limited("data", response.data, MAX_TILE)


def roots_request_from_wire(request: log_pb2.ListRootsRequest) -> int:
    """The index from which on root statements are asked for."""
    return whole("start", request.start)


def roots_to_wire(roots: Iterable[LeafDetail]) -> log_pb2.ListRootsResponse:
    """The response that carries root statements."""
    found = [log_pb2.Root(index=root.index, statement=root.statement) for root in roots]
    return log_pb2.ListRootsResponse(roots=found)


def roots_from_wire(response: log_pb2.ListRootsResponse) -> tuple[LeafDetail, ...]:
    """The root statements in a response."""
    count("roots", response.roots, 0, MAX_ROOTS)
    found = []
    for number, root in enumerate(response.roots):
        with within(f"roots[{number}]"):
            statement = limited("statement", root.statement, MAX_LEAF)
            found.append(LeafDetail(whole("index", root.index), statement))
    return tuple(found)


def leaves_request_to_wire(request: LeavesRequest) -> log_pb2.ListLeavesRequest:
    """The request for leaves."""
    return log_pb2.ListLeavesRequest(
        start=request.start, stop=request.stop, with_private=request.with_private
    )


def leaves_request_from_wire(request: log_pb2.ListLeavesRequest) -> LeavesRequest:
    """The leaves that a request asks for."""
    return LeavesRequest(whole("start", request.start), whole("stop", request.stop), request.with_private)


def leaf_to_wire(leaf: LeafDetail) -> log_pb2.ListLeavesResponse:
    """The message that carries a leaf."""
    return log_pb2.ListLeavesResponse(index=leaf.index, statement=leaf.statement, private=leaf.private)


def leaf_from_wire(message: log_pb2.ListLeavesResponse) -> LeafDetail:
    """The leaf in a message."""
    count("private", message.private, 0, MAX_ITEMS)
    return LeafDetail(
        whole("index", message.index),
        limited("statement", message.statement, MAX_LEAF),
        tuple(
            limited(f"private[{number}]", part, MAX_PRIVATE) for number, part in enumerate(message.private)
        ),
    )


def proof_from_wire(proof: Iterable[bytes]) -> tuple[bytes, ...]:
    """The hashes of a proof."""
    hashes = tuple(proof)
    count("proof", hashes, 0, MAX_PROOF)
    return tuple(sized(f"proof[{number}]", one, HASH_SIZE) for number, one in enumerate(hashes))


def policy_to_wire(policy: PolicyDetail) -> log_pb2.GetPolicyResponse:
    """The response that carries a policy."""
    return log_pb2.GetPolicyResponse(
        version=policy.version,
        labels=policy.labels,
        key_delay=policy.key_delay,
        allowed=[log_pb2.Allowed(type=name, label=label) for name, label in policy.allowed],
        private_quota=policy.private_quota,
        rates=[log_pb2.Rate(kind=kind, most=most) for kind, most in policy.rates],
        texts=policy.terms.texts,
        clocks=[log_pb2.ClockClass(name=name, seconds=seconds) for name, seconds in policy.terms.clocks],
        priorities=[log_pb2.Priority(label=label, clock=clock) for label, clock in policy.terms.priorities],
        panel=policy.terms.panel,
        quorum=policy.terms.quorum or 0,
        tally_step=policy.terms.tally_step,
        benign_by=policy.matching.benign_by,
        mark_benign=policy.matching.mark_benign,
        ceilings=[
            log_pb2.Ceiling(label=label, type=name, max_distance=most)
            for label, (name, most) in policy.matching.ceilings
        ],
    )


def policy_from_wire(response: log_pb2.GetPolicyResponse) -> PolicyDetail:
    """The policy in a response."""
    count("labels", response.labels, 0, MAX_TAXONOMY)
    labels = tuple(spelled("labels", label, TERM) for label in response.labels)
    count("allowed", response.allowed, 0, MAX_ALLOWED)
    allowed = tuple(
        (spelled("allowed", one.type, TYPE_NAME), spelled("allowed", one.label, TERM))
        for one in response.allowed
    )
    quota = optional_whole(response, "private_quota")
    count("rates", response.rates, 0, MAX_TAXONOMY)
    rates = tuple((spelled("rates", one.kind, TERM), whole("rates", one.most)) for one in response.rates)
    version, delay = whole("version", response.version), whole("key_delay", response.key_delay)
    terms, matching = _terms_from_wire(response), _matching_from_wire(response)
    return PolicyDetail(version, labels, delay, allowed, quota, rates, terms, matching)


def _matching_from_wire(response: log_pb2.GetPolicyResponse) -> MatchTerms:
    count("benign_by", response.benign_by, 0, MAX_TAXONOMY)
    count("ceilings", response.ceilings, 0, 2 * MAX_TAXONOMY)
    return MatchTerms(
        tuple(spelled("benign_by", member, MEMBER_ID) for member in response.benign_by),
        response.mark_benign,
        tuple(
            (
                spelled("ceilings", one.label, TERM),
                (spelled("ceilings", one.type, TYPE_NAME), whole("ceilings", one.max_distance)),
            )
            for one in response.ceilings
        ),
    )


def _terms_from_wire(response: log_pb2.GetPolicyResponse) -> ConductTerms:
    for field in ("clocks", "priorities", "panel"):
        count(field, getattr(response, field), 0, MAX_TAXONOMY + len(CLOCKS))
    return ConductTerms(
        tuple((spelled("clocks", one.name, TERM), whole("clocks", one.seconds)) for one in response.clocks),
        tuple(
            (spelled("priorities", one.label, TERM), spelled("priorities", one.clock, TERM))
            for one in response.priorities
        ),
        tuple(spelled("panel", member, MEMBER_ID) for member in response.panel),
        whole("quorum", response.quorum) or None,
        optional_id(response, "texts"),
        max(1, whole("tally_step", response.tally_step)),
    )


def uses_to_wire(uses: Iterable[tuple[bytes, int]]) -> certificate_pb2.ListUsesResponse:
    """The response that carries the last uses of certificates."""
    found = [certificate_pb2.CertificateUse(serial=serial, day=day) for serial, day in uses]
    return certificate_pb2.ListUsesResponse(uses=found)


def uses_from_wire(response: certificate_pb2.ListUsesResponse) -> dict[bytes, int]:
    """The serials in a response, each with the day of its last use."""
    count("uses", response.uses, 0, MAX_OF_ONE)
    return {sized("serial", one.serial, SERIAL_SIZE): whole("day", one.day) for one in response.uses}
