"""Receipts, proofs and leaves as messages: they come back as they went, and incomplete ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as some

from hashpact.domain.fingerprints import MAX_PRIVATE
from hashpact.domain.messages import LeafDetail, LeavesRequest
from hashpact.domain.state import Receipt
from hashpact.errors import InvalidInputError
from hashpact.wire import evidence
from hashpact.wire.v1 import log_pb2

numbers = some.integers(0, 2**63 - 1)
hashes = some.binary(min_size=32, max_size=32)
proofs = some.lists(hashes, max_size=64).map(tuple)
notes = some.binary(min_size=1, max_size=200)

RECEIPT = Receipt(1, bytes(32), 2, bytes(32), (bytes(32),), b"note")

Change = Callable[[Any], object]


def sent(message: Any) -> Any:  # noqa: ANN401  # a message of any type
    """The message as it comes off the wire."""
    return type(message).FromString(message.SerializeToString())


@given(some.builds(Receipt, numbers, hashes, numbers, hashes, proofs, notes))
def test_receipts_come_back(receipt: Receipt) -> None:
    assert evidence.receipt_from_wire(sent(evidence.receipt_to_wire(receipt))) == receipt


@given(notes)
def test_checkpoints_and_tiles_come_back(note: bytes) -> None:
    assert evidence.checkpoint_from_wire(sent(evidence.checkpoint_to_wire(note))) == note
    assert evidence.tile_from_wire(sent(evidence.tile_to_wire(note))) == note


@given(hashes, proofs)
def test_proofs_come_back(leaf_hash: bytes, proof: tuple[bytes, ...]) -> None:
    message = sent(evidence.inclusion_to_wire(leaf_hash, proof))
    assert evidence.inclusion_from_wire(message) == (leaf_hash, proof)
    assert evidence.consistency_from_wire(sent(evidence.consistency_to_wire(proof))) == proof


@given(
    some.builds(LeavesRequest, numbers, numbers, some.booleans()),
    some.builds(LeafDetail, numbers, notes, some.lists(notes, max_size=4).map(tuple)),
)
def test_leaves_come_back(request: LeavesRequest, leaf: LeafDetail) -> None:
    asked = evidence.leaves_request_from_wire(sent(evidence.leaves_request_to_wire(request)))
    assert asked == request
    assert evidence.leaf_from_wire(sent(evidence.leaf_to_wire(leaf))) == leaf


@given(numbers, some.lists(some.builds(LeafDetail, numbers, notes), max_size=4).map(tuple))
def test_roots_come_back(start: int, roots: tuple[LeafDetail, ...]) -> None:
    assert evidence.roots_request_from_wire(sent(log_pb2.ListRootsRequest(start=start))) == start
    assert evidence.roots_from_wire(sent(evidence.roots_to_wire(roots))) == roots


def answers() -> dict[str, tuple[Callable[[Any], object], Message]]:
    """A good message of each kind, with what reads it."""
    return {
        "receipt": (evidence.receipt_from_wire, evidence.receipt_to_wire(RECEIPT)),
        "leaf": (evidence.leaf_from_wire, evidence.leaf_to_wire(LeafDetail(1, b"leaf", (b"part",)))),
        "inclusion": (evidence.inclusion_from_wire, evidence.inclusion_to_wire(bytes(32), RECEIPT.proof)),
        "checkpoint": (evidence.checkpoint_from_wire, evidence.checkpoint_to_wire(b"note")),
        "leaves": (evidence.leaves_request_from_wire, log_pb2.ListLeavesRequest(start=1, stop=2)),
        "roots": (evidence.roots_from_wire, evidence.roots_to_wire([LeafDetail(1, b"leaf")])),
        "start": (evidence.roots_request_from_wire, log_pb2.ListRootsRequest(start=1)),
        "path": (evidence.tile_request_from_wire, log_pb2.GetTileRequest(path="tile/0/000")),
    }


@pytest.mark.parametrize(
    ("kind", "field", "change"),
    [
        ("receipt", "receipt", lambda one: one.ClearField("receipt")),
        ("receipt", "receipt.index", lambda one: setattr(one.receipt, "index", -1)),
        ("receipt", "receipt.leaf_hash", lambda one: setattr(one.receipt, "leaf_hash", bytes(31))),
        ("receipt", "receipt.root_hash", lambda one: setattr(one.receipt, "root_hash", b"")),
        ("receipt", "receipt.proof[1]", lambda one: one.receipt.proof.append(bytes(33))),
        ("receipt", "receipt.proof", lambda one: one.receipt.proof.extend([bytes(32)] * 64)),
        ("receipt", "receipt.checkpoint", lambda one: one.receipt.ClearField("checkpoint")),
        ("receipt", "receipt.checkpoint", lambda one: setattr(one.receipt, "checkpoint", bytes(65537))),
        ("leaf", "index", lambda one: setattr(one, "index", -1)),
        ("leaf", "statement", lambda one: setattr(one, "statement", bytes(32769))),
        ("leaf", "private", lambda one: one.private.extend([b"x"] * 256)),
        ("leaf", "private[1]", lambda one: one.private.append(bytes(MAX_PRIVATE + 1))),
        ("inclusion", "leaf_hash", lambda one: setattr(one, "leaf_hash", b"")),
        ("inclusion", "proof[0]", lambda one: one.proof.__setitem__(0, b"x")),
        ("checkpoint", "checkpoint", lambda one: setattr(one, "checkpoint", b"")),
        ("roots", "roots[0].index", lambda one: setattr(one.roots[0], "index", -1)),
        ("roots", "roots[0].statement", lambda one: setattr(one.roots[0], "statement", bytes(32769))),
        ("roots", "roots", lambda one: one.roots.extend([one.roots[0]] * 100)),
        ("start", "start", lambda one: setattr(one, "start", -1)),
        ("leaves", "start", lambda one: setattr(one, "start", -1)),
        ("leaves", "stop", lambda one: setattr(one, "stop", -1)),
        ("path", "path", lambda one: setattr(one, "path", "")),
        ("path", "path", lambda one: setattr(one, "path", "x" * 65)),
    ],
)
def test_a_bad_message_names_its_field(kind: str, field: str, change: Change) -> None:
    read, message = answers()[kind]
    read(sent(message))
    change(message)
    with pytest.raises(InvalidInputError) as refused:
        read(sent(message))
    assert refused.value.details["field"] == field
