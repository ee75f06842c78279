"""The messages of a stream that follows the log: there and back, and what is refused of them."""

from __future__ import annotations

import pytest

from hashpact.domain.fingerprints import MAX_PRIVATE
from hashpact.domain.messages import Followed, FollowRequest, LeafDetail
from hashpact.errors import InvalidInputError
from hashpact.wire import following
from hashpact.wire.v1 import log_pb2

LEAVES = (LeafDetail(7, b"one", (b"a", b"b")), LeafDetail(8, b"two"))


@pytest.mark.parametrize(
    "sent", [Followed(7), Followed(7, b"checkpoint"), Followed(7, None, LEAVES, (bytes(32), bytes(32)))]
)
def test_a_message_comes_back_as_it_was(sent: Followed) -> None:
    data = following.followed_to_wire(sent).SerializeToString()
    assert following.followed_from_wire(log_pb2.FollowResponse.FromString(data)) == sent


def test_a_request_comes_back_as_it_was() -> None:
    asked = FollowRequest(7, with_private=True)
    assert following.follow_request_from_wire(following.follow_request_to_wire(asked)) == asked


LEAF = log_pb2.FollowedLeaf(statement=b"one")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (log_pb2.FollowResponse(start=-1), "start must not be negative"),
        (log_pb2.FollowResponse(checkpoint=b"x", leaves=[LEAF]), "a checkpoint or leaves, not both"),
        (log_pb2.FollowResponse(checkpoint=bytes(1 << 17)), "checkpoint: want 1 to"),
        (log_pb2.FollowResponse(leaves=[LEAF] * 257), "leaves"),
        (log_pb2.FollowResponse(leaves=[log_pb2.FollowedLeaf()]), "statement: want 1 to"),
        (log_pb2.FollowResponse(leaves=[LEAF], proof=[b"short"]), "proof"),
        (
            log_pb2.FollowResponse(
                leaves=[log_pb2.FollowedLeaf(statement=b"one", private=[bytes(MAX_PRIVATE + 1)])]
            ),
            "private",
        ),
        (
            log_pb2.FollowResponse(leaves=[log_pb2.FollowedLeaf(statement=b"one", private=[b"x"] * 257)]),
            "private",
        ),
    ],
)
def test_what_breaks_the_protocol_is_named(message: log_pb2.FollowResponse, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        following.followed_from_wire(message)
