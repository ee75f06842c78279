"""The messages of a stream that follows the log, and back: their form is checked here, not their proofs."""

from __future__ import annotations

from hashpact.domain.fingerprints import MAX_PRIVATE
from hashpact.domain.kinds import MAX_ITEMS
from hashpact.domain.messages import MAX_FOLLOWED, Followed, FollowRequest, LeafDetail
from hashpact.domain.statements import MAX_LEAF
from hashpact.errors import InvalidInputError
from hashpact.wire.evidence import MAX_CHECKPOINT, proof_from_wire
from hashpact.wire.fields import count, limited, whole, within
from hashpact.wire.v1 import log_pb2


def follow_request_to_wire(request: FollowRequest) -> log_pb2.FollowRequest:
    """The request to follow the log."""
    return log_pb2.FollowRequest(start=request.start, with_private=request.with_private)


def follow_request_from_wire(request: log_pb2.FollowRequest) -> FollowRequest:
    """From where on the log is followed."""
    return FollowRequest(whole("start", request.start), request.with_private)


def followed_to_wire(followed: Followed) -> log_pb2.FollowResponse:
    """The message that carries a checkpoint, or leaves with their proof."""
    return log_pb2.FollowResponse(
        start=followed.start,
        checkpoint=followed.checkpoint or b"",
        leaves=[
            log_pb2.FollowedLeaf(statement=leaf.statement, private=leaf.private) for leaf in followed.leaves
        ],
        proof=followed.proof,
    )


def followed_from_wire(message: log_pb2.FollowResponse) -> Followed:
    """What a message carries. A message with both a checkpoint and leaves is refused."""
    start = whole("start", message.start)
    count("leaves", message.leaves, 0, MAX_FOLLOWED)
    if message.checkpoint and message.leaves:
        msg = "a message has a checkpoint or leaves, not both"
        raise InvalidInputError(msg, field="leaves")
    if message.checkpoint:
        return Followed(start, limited("checkpoint", message.checkpoint, MAX_CHECKPOINT))
    leaves = []
    for number, leaf in enumerate(message.leaves):
        with within(f"leaves[{number}]"):
            leaves.append(_leaf_from_wire(start + number, leaf))
    return Followed(start, None, tuple(leaves), proof_from_wire(message.proof))


def _leaf_from_wire(index: int, leaf: log_pb2.FollowedLeaf) -> LeafDetail:
    count("private", leaf.private, 0, MAX_ITEMS)
    private = tuple(leaf.private)
    for number, part in enumerate(private):
        if len(part) > MAX_PRIVATE:
            limited(f"private[{number}]", part, MAX_PRIVATE)
    return LeafDetail(index, limited("statement", leaf.statement, MAX_LEAF), private)
