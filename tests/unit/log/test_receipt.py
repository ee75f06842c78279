"""Receipts as tlog-proof texts."""

from __future__ import annotations

import base64

import pytest
from builders import ORIGIN, Identity, seeded
from trees import Oracle

from hashpact.domain import keys
from hashpact.errors import MalformedError
from hashpact.log import checkpoint, proofs, receipt, tree
from hashpact.log.checkpoint import Checkpoint

LOG = Identity.of("log")
ORACLE = Oracle([tree.leaf_hash(seeded(f"leaf {number}")) for number in range(21)])
SIGNED = checkpoint.sign(Checkpoint(ORIGIN, 21, ORACLE.root(0, 21)), LOG.public, LOG.private.sign)
PROOF = proofs.inclusion(17, 21, ORACLE.node)
DATA = receipt.encode(17, PROOF, SIGNED)
NODE = base64.b64encode(PROOF[0])


def test_a_receipt_reads_back_and_proves_its_leaf() -> None:
    read = receipt.parse(DATA)
    assert (read.index, read.proof, read.signed.data) == (17, PROOF, SIGNED)
    stated = read.signed.checkpoint
    checkpoint.verify(read.signed, ORIGIN, [LOG.public], keys.verify)
    proofs.verify_inclusion(ORACLE.hashes[17], read.index, stated.size, read.proof, stated.root)


def test_the_text_is_that_of_the_specification() -> None:
    lines = [b"c2sp.org/tlog-proof@v1", b"index 17", *map(base64.b64encode, PROOF), b"", SIGNED]
    assert b"\n".join(lines) == DATA


def test_the_only_leaf_of_a_log_needs_no_proof() -> None:
    signed = checkpoint.sign(Checkpoint(ORIGIN, 1, ORACLE.hashes[0]), LOG.public, LOG.private.sign)
    data = receipt.encode(0, (), signed)
    assert data == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + signed
    assert receipt.parse(data).proof == ()


def test_the_longest_proof() -> None:
    nodes = tuple(seeded(f"node {number}") for number in range(64))
    assert receipt.parse(receipt.encode(0, nodes[:63], SIGNED)).proof == nodes[:63]
    with pytest.raises(MalformedError, match="more than 63"):
        receipt.parse(receipt.encode(0, nodes, SIGNED))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        SIGNED,
        DATA[:-1],
        DATA + b"\n",
        DATA.replace(b"@v1", b"@v2"),
        DATA.replace(b"@v1", b"@v1 "),
        DATA.replace(b"\nindex", b"\nextra YQ==\nindex"),
        DATA.replace(b"index 17\n", b""),
        DATA.replace(b"index 17", b"index  17"),
        DATA.replace(b"index 17", b"index 017"),
        DATA.replace(b"index 17", b"index +17"),
        DATA.replace(b"index 17", b"index -1"),
        DATA.replace(b"index 17", b"index 1_7"),
        DATA.replace(b"index 17", b"index"),
        DATA.replace(b"index 17", b"index %d" % 2**63),
        DATA.replace(b"index 17", b"index 17\r"),
        DATA.replace(b"index 17", b"index 17\nindex 17"),
        DATA.replace(NODE, NODE[:-1]),
        DATA.replace(NODE, NODE + b"="),
        DATA.replace(NODE, base64.b64encode(PROOF[0][:31])),
        DATA.replace(NODE, base64.b64encode(PROOF[0] + b"x")),
        DATA.replace(NODE, b"-" * 43 + b"="),
        DATA.replace(NODE, b" " + NODE),
        DATA.replace(b"\n\n", b"\n", 1),
        DATA.replace(b"\n\n", b"\n\n\n", 1),
        DATA + b"x" * receipt.MAX_SIZE,
    ],
)
def test_what_is_no_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        receipt.parse(data)
