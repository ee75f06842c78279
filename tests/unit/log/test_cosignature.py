"""Cosignatures: the published example, our own, and what is none."""

from __future__ import annotations

import base64

import pytest
from builders import NOW, ORIGIN, Identity, seeded
from cryptography.hazmat.primitives.asymmetric import mldsa

from hashpact.domain import keys
from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log import checkpoint, cosignature, note
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness

ALICE = Identity.of("witness.example/alice")
BOB = Identity.of("witness.example/bob")
WITNESS = Witness("witness.example/alice", ALICE.public)
TEXT = Checkpoint(ORIGIN, 7, seeded("root")).text()
LINE = cosignature.sign(TEXT, WITNESS, NOW, ALICE.private.sign)


def opened(*lines: bytes, text: bytes = TEXT) -> note.Note:
    """The note of these lines."""
    return note.parse(note.join(text, lines), checkpoint.MAX_SIZE)


def test_the_message_of_the_specification() -> None:
    text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosignature.message(text, WITNESS, 1679315147) == b"cosignature/v1\ntime 1679315147\n" + text


def test_the_line_of_the_specification_has_its_time() -> None:
    line = base64.b64decode(
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    )
    assert len(line) == 4 + 8 + 64
    assert int.from_bytes(line[4:12]) == 1679315147


def test_a_cosignature_verifies_and_gives_its_time() -> None:
    assert cosignature.verify(opened(LINE), WITNESS, keys.verify) == NOW
    payload = base64.b64decode(LINE.rpartition(b" ")[2])
    assert payload[:4] == note.short_id(WITNESS.name, WITNESS.public, b"\x04")
    assert payload[4:12] == NOW.to_bytes(8)
    keys.verify(ALICE.public, payload[12:], b"cosignature/v1\ntime %d\n" % NOW + TEXT)


def test_of_several_the_newest_counts() -> None:
    lines = [cosignature.sign(TEXT, WITNESS, time, ALICE.private.sign) for time in (NOW, NOW + 9, NOW + 5)]
    assert cosignature.verify(opened(*lines), WITNESS, keys.verify) == NOW + 9


def test_other_lines_are_passed_over() -> None:
    log = note.signature_line(ORIGIN, ALICE.public, ALICE.private.sign(TEXT))
    same_name = note.signature_line(WITNESS.name, ALICE.public, ALICE.private.sign(TEXT))
    other = cosignature.sign(TEXT, Witness(WITNESS.name, BOB.public), NOW, BOB.private.sign)
    assert cosignature.verify(opened(log, same_name, other), WITNESS, keys.verify) is None
    assert cosignature.verify(opened(log, same_name, other, LINE), WITNESS, keys.verify) == NOW


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        bytes(71),
        bytes(72),
        bytes(73),
        (NOW + 1).to_bytes(8) + base64.b64decode(LINE.rpartition(b" ")[2])[12:],
        (2**63).to_bytes(8) + bytes(64),
    ],
)
def test_what_names_the_witness_and_does_not_verify_is_refused(value: bytes) -> None:
    line = note.signature_line(WITNESS.name, WITNESS.public, value, cosignature.ED25519)
    with pytest.raises(BadSignatureError):
        cosignature.verify(opened(line), WITNESS, keys.verify)
    assert cosignature.verify(opened(line, LINE), WITNESS, keys.verify) == NOW


def test_a_cosignature_of_another_checkpoint_is_refused() -> None:
    with pytest.raises(BadSignatureError):
        cosignature.verify(
            opened(LINE, text=Checkpoint(ORIGIN, 8, seeded("root")).text()), WITNESS, keys.verify
        )


def test_a_time_beyond_2_63_has_no_cosignature() -> None:
    beyond = (2**63).to_bytes(8) + ALICE.private.sign(cosignature.message(TEXT, WITNESS, 2**63))
    line = note.signature_line(WITNESS.name, WITNESS.public, beyond, cosignature.ED25519)
    with pytest.raises(BadSignatureError):
        cosignature.verify(opened(line), WITNESS, keys.verify)
    for time in (-1, 2**63):
        with pytest.raises(MalformedError):
            cosignature.sign(TEXT, WITNESS, time, ALICE.private.sign)


POST_QUANTUM = mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))
"""The key of a witness that makes cosignatures of type 6."""
PQ_WITNESS = Witness("witness.example/pq", POST_QUANTUM.public_key().public_bytes_raw(), cosignature.MLDSA44)


def test_the_message_of_an_mldsa_cosignature_is_that_of_the_whole_tree() -> None:
    message = cosignature.message(TEXT, PQ_WITNESS, NOW)
    name, origin = PQ_WITNESS.name.encode(), ORIGIN.encode()
    assert message == (
        b"subtree/v1\n\x00"
        + bytes([len(name)])
        + name
        + NOW.to_bytes(8)
        + bytes([len(origin)])
        + origin
        + bytes(8)
        + (7).to_bytes(8)
        + seeded("root")
    )
    assert cosignature.message(TEXT + b"an extension\n", PQ_WITNESS, NOW) == message


def test_an_mldsa_cosignature_verifies_and_gives_its_time() -> None:
    line = cosignature.sign(TEXT, PQ_WITNESS, NOW, POST_QUANTUM.sign)
    assert cosignature.verify(opened(LINE, line), PQ_WITNESS, keys.verify) == NOW
    assert cosignature.verify(opened(LINE, line), WITNESS, keys.verify) == NOW
    assert Witness.parse(PQ_WITNESS.key) == PQ_WITNESS
    payload = base64.b64decode(line.rpartition(b" ")[2])
    assert payload[:4] == note.short_id(PQ_WITNESS.name, PQ_WITNESS.public, b"\x06")
    assert len(payload) == 4 + 8 + 2420


def test_an_mldsa_cosignature_of_another_tree_time_or_name_does_not_verify() -> None:
    for text, named, time in (
        (Checkpoint(ORIGIN, 8, seeded("root")).text(), PQ_WITNESS, NOW),
        (Checkpoint("other.example/log", 7, seeded("root")).text(), PQ_WITNESS, NOW),
        (TEXT, Witness("witness.example/qp", PQ_WITNESS.public, PQ_WITNESS.kind), NOW),
    ):
        value = time.to_bytes(8) + POST_QUANTUM.sign(cosignature.message(text, named, time))
        line = note.signature_line(PQ_WITNESS.name, PQ_WITNESS.public, value, cosignature.MLDSA44)
        with pytest.raises(BadSignatureError, match="does not verify"):
            cosignature.verify(opened(line), PQ_WITNESS, keys.verify)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (b"no checkpoint\n", "w", "at least an origin"),
        (TEXT, "w" * 256, "the witness has at most 255 bytes, not 256"),
        (Checkpoint("o" * 256, 7, seeded("root")).text(), "w", "the origin has at most 255 bytes, not 256"),
    ],
)
def test_what_an_mldsa_message_has_no_room_for_is_refused(text: bytes, name: str, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        cosignature.message(text, Witness(name, PQ_WITNESS.public, PQ_WITNESS.kind), NOW)
