"""Checkpoints: the published example, our own, and every way in which one is none."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from builders import ORIGIN, Identity, seeded

from hashpact.domain import keys
from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log import checkpoint, note, tree
from hashpact.log.checkpoint import Checkpoint

# c2sp.org/tlog-checkpoint, the example at its head.
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGz"
    "Gku9nTo+zyWE+xeMcTOAYQ8=\n"
).encode()

LOG = Identity.of("log")
OTHER = Identity.of("log", "2")
CHECKPOINT = Checkpoint(ORIGIN, 7, seeded("root"))
SIGNED = checkpoint.sign(CHECKPOINT, LOG.public, LOG.private.sign)
ROOT = base64.b64encode(seeded("root")).decode()


def of(text: str) -> bytes:
    """A note of that text, whose signature nobody checks."""
    return note.join(text.encode(), [note.signature_line(ORIGIN, LOG.public, bytes(64))])


def test_the_example_of_the_specification() -> None:
    signed = checkpoint.parse(EXAMPLE)
    assert signed.data == EXAMPLE
    root = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    assert signed.checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, root)
    assert signed.checkpoint.text() + b"\n" == EXAMPLE[: EXAMPLE.index("\u2014".encode())]


def test_what_is_signed_verifies_and_reads_back() -> None:
    signed = checkpoint.parse(SIGNED)
    assert signed.checkpoint == CHECKPOINT
    assert [line.name for line in signed.note.signatures] == [ORIGIN]
    checkpoint.verify(signed, ORIGIN, [OTHER.public, LOG.public], keys.verify)


def test_extensions_are_signed_and_kept_in_their_order() -> None:
    wide = replace(CHECKPOINT, extensions=("single line", "ng\u00f4n ng\u1eef", " "))
    data = checkpoint.sign(wide, LOG.public, LOG.private.sign)
    signed = checkpoint.parse(data)
    checkpoint.verify(signed, ORIGIN, [LOG.public], keys.verify)
    assert signed.checkpoint == wide
    changed = checkpoint.parse(data.replace(b"single line", b"double line"))
    with pytest.raises(BadSignatureError):
        checkpoint.verify(changed, ORIGIN, [LOG.public], keys.verify)


def test_the_empty_log_has_a_checkpoint_with_one_root() -> None:
    empty = Checkpoint(ORIGIN, 0, tree.EMPTY_ROOT)
    assert checkpoint.parse(checkpoint.sign(empty, LOG.public, LOG.private.sign)).checkpoint == empty
    with pytest.raises(MalformedError):
        replace(empty, root=seeded("root")).text()


@pytest.mark.parametrize(
    ("origin", "publics"),
    [(ORIGIN, []), (ORIGIN, [OTHER.public]), ("test.example/other", [LOG.public])],
)
def test_a_checkpoint_of_another_log_or_key_is_refused(origin: str, publics: list[bytes]) -> None:
    with pytest.raises(BadSignatureError):
        checkpoint.verify(checkpoint.parse(SIGNED), origin, publics, keys.verify)


@pytest.mark.parametrize(
    "data",
    [
        SIGNED.replace(b"\n7\n", b"\n8\n"),
        SIGNED.replace(ROOT.encode(), base64.b64encode(seeded("other root"))),
        of(CHECKPOINT.text().decode()),
    ],
)
def test_a_changed_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(BadSignatureError):
        checkpoint.verify(checkpoint.parse(data), ORIGIN, [LOG.public], keys.verify)


def test_a_bad_signature_of_a_known_key_spoils_a_good_one_of_another() -> None:
    text = CHECKPOINT.text()
    good = note.signature_line(ORIGIN, LOG.public, LOG.private.sign(text))
    bad = note.signature_line(ORIGIN, OTHER.public, bytes(64))
    signed = checkpoint.parse(note.join(text, [good, bad]))
    checkpoint.verify(signed, ORIGIN, [LOG.public], keys.verify)
    with pytest.raises(BadSignatureError):
        checkpoint.verify(signed, ORIGIN, [LOG.public, OTHER.public], keys.verify)


def test_a_line_that_shares_name_and_id_with_a_key_is_passed_over() -> None:
    text = CHECKPOINT.text()
    good = note.signature_line(ORIGIN, LOG.public, LOG.private.sign(text))
    colliding = note.signature_line(ORIGIN, LOG.public, bytes(64))
    signed = checkpoint.parse(note.join(text, [colliding, good]))
    checkpoint.verify(signed, ORIGIN, [LOG.public], keys.verify)


HASH = f"{ORIGIN}\n7\n{ROOT}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n{ROOT}\n7\n",
        f"\n7\n{ROOT}\n",
        f"log of\u00a0many\n7\n{ROOT}\n",
        f"l\u00f4g\n7\n{ROOT}\n",
        f"a+b\n7\n{ROOT}\n",
        f"a b\n7\n{ROOT}\n",
        *(
            f"{ORIGIN}\n{size}\n{ROOT}\n"
            for size in ("1_5", "\uff11\uff15", "+15", "015", "-15", "", "0", " 7", "7 ", "00", "0x7", "7.0")
        ),
        f"{ORIGIN}\n{2**63}\n{ROOT}\n",
        f"{ORIGIN}\n{2**64}\n{ROOT}\n",
        f"{ORIGIN}\n{10**30}\n{ROOT}\n",
        f"{ORIGIN}\n7\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT[:-2]}{'B' if ROOT[-2] != 'B' else 'C'}=\n",
        f"{ORIGIN}\n7\n{ROOT} \n",
        f"{ORIGIN}\n7\n{'-' * 43}=\n",
        f"{ORIGIN}\n7\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n7\n{base64.b64encode(bytes(33)).decode()}\n",
        f"{ORIGIN}\n7\n\n{ROOT}\n",
        HASH + "\n",
        HASH + "one\n\ntwo\n",
        HASH + "\x7f\n\n",
        "hashpact/statement/v1\nlog test.example/log\nkind submit\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        checkpoint.parse(of(text))


@pytest.mark.parametrize(
    "wrong",
    [
        Checkpoint("two words", 7, bytes(32)),
        Checkpoint("", 7, bytes(32)),
        Checkpoint(ORIGIN, -1, bytes(32)),
        Checkpoint(ORIGIN, 2**63, bytes(32)),
        Checkpoint(ORIGIN, 7, bytes(31)),
        Checkpoint(ORIGIN, 7, bytes(32), ("",)),
        Checkpoint(ORIGIN, 7, bytes(32), ("two\nlines",)),
    ],
)
def test_what_has_no_spelling_is_not_signed(wrong: Checkpoint) -> None:
    with pytest.raises(MalformedError):
        wrong.text()


def test_a_checkpoint_that_is_too_long_is_refused() -> None:
    with pytest.raises(MalformedError, match="limit"):
        checkpoint.parse(of(HASH + "x\n" * checkpoint.MAX_SIZE))
