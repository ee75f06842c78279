"""docs/formats/log.md: its examples are what the code writes, and verify."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

from builders import NOW, ORIGIN, Identity
from trees import Oracle

from hashpact.domain import keys
from hashpact.log import checkpoint, cosignature, proofs, receipt, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "formats" / "log.md").read_text(encoding="utf-8")
LEAVES = [b"leaf %d\n" % number for number in range(5)]
ORACLE = Oracle([tree.leaf_hash(leaf) for leaf in LEAVES])
LOG, NORTH = Identity.of("log"), Identity.of("witness.example/north")


def block(language: str) -> bytes:
    """The one example of that kind."""
    (body,) = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(body).encode()


def test_the_keys_are_those_of_the_examples() -> None:
    found = re.search(r"public key is `(.+?)`, the witness's `(.+?)`", TEXT)
    assert found is not None
    assert [b64decode(key) for key in found.groups()] == [LOG.public, NORTH.public]


def test_the_checkpoint_is_signed_and_cosigned() -> None:
    signed = checkpoint.parse(block("checkpoint"))
    assert signed.checkpoint == Checkpoint(ORIGIN, 5, ORACLE.root(0, 5))
    checkpoint.verify(signed, ORIGIN, [LOG.public], keys.verify)
    witness = Witness("witness.example/north", NORTH.public)
    assert cosignature.verify(signed.note, witness, keys.verify) == NOW
    ours = checkpoint.sign(signed.checkpoint, LOG.public, LOG.private.sign)
    assert signed.data == ours + cosignature.sign(signed.note.text, witness, NOW, NORTH.private.sign)


def test_the_receipt_proves_the_second_leaf() -> None:
    read = receipt.parse(block("receipt"))
    assert read.signed.data == block("checkpoint")
    assert read.index == 1
    stated = read.signed.checkpoint
    proofs.verify_inclusion(tree.leaf_hash(LEAVES[1]), read.index, stated.size, read.proof, stated.root)
    assert receipt.encode(1, proofs.inclusion(1, 5, ORACLE.node), read.signed.data) == block("receipt")
