"""The witness: what it cosigns, what it refuses with which status, and what it keeps."""

from __future__ import annotations

import pytest
from builders import NOW, ORIGIN, Identity, seeded
from witnesses import FORK, LOG, SIZE, TRUE, Branch, Desk, witness_of

from hashpact.domain import keys
from hashpact.log import checkpoint, cosignature, note, witnessing
from hashpact.log.checkpoint import Checkpoint

NORTH = witness_of("witness.example/north")


def time_of(signed: bytes, lines: bytes) -> int | None:
    """The time of the cosignature that was answered."""
    return cosignature.verify(checkpoint.parse(signed + lines).note, NORTH, keys.verify)


def test_a_log_is_cosigned_as_it_grows() -> None:
    desk = Desk()
    old = 0
    for new in (3, 4, 4, 7, SIZE):
        reply = desk(TRUE.request(old, new))
        assert reply.status == 200
        assert time_of(TRUE.signed(new), reply.body) == NOW
        latest = desk.cosigned.latest(ORIGIN)
        assert latest is not None
        assert (latest.size, latest.note) == (new, TRUE.signed(new))
        old = new
    assert desk.cosigned.evidence(ORIGIN) == []


def test_an_empty_log_is_cosigned_too() -> None:
    desk = Desk()
    for _ in range(2):
        assert desk(TRUE.request(0, 0)).status == 200
    assert desk(TRUE.request(0, 9)).status == 200


def test_extensions_are_cosigned_as_they_are() -> None:
    signed = TRUE.signed(5, "an extension")
    reply = Desk()(witnessing.encode(0, (), signed))
    assert time_of(signed, reply.body) == NOW


@pytest.mark.parametrize("body", [b"", b"old 0\n\n", TRUE.signed(3), TRUE.request(0, 3)[:-1]])
def test_400_for_what_is_no_request(body: bytes) -> None:
    assert Desk()(body).status == 400


def test_400_for_an_old_size_beyond_the_checkpoint() -> None:
    desk = Desk()
    desk(TRUE.request(0, 9))
    assert desk(witnessing.encode(9, (), TRUE.signed(8))).status == 400


def test_403_without_a_signature_of_the_log() -> None:
    desk = Desk()
    stranger = Branch(signer=Identity.of("stranger"))
    assert desk(stranger.request(0, 3)).status == 403
    text = Checkpoint(ORIGIN, 3, TRUE.root(3)).text()
    forged = note.join(text, [note.signature_line(ORIGIN, LOG.public, bytes(64))])
    assert desk(witnessing.encode(0, (), forged)).status == 403
    assert desk.cosigned.latest(ORIGIN) is None


def test_404_for_a_log_that_it_does_not_know() -> None:
    assert Desk()(Branch(origin="other.example/log").request(0, 3)).status == 404


def test_409_with_the_size_for_another_old_size() -> None:
    desk = Desk()
    assert desk(TRUE.request(5, 9)).body == b"0\n"
    desk(TRUE.request(0, 9))
    for old in (0, 8):
        reply = desk(TRUE.request(old, 20))
        assert (reply.status, reply.body) == (409, b"9\n")
    reply = desk(TRUE.request(4, 6))
    assert (reply.status, reply.body) == (409, b"9\n")
    assert desk.cosigned.evidence(ORIGIN) == []


def test_409_for_another_root_of_one_size_whatever_the_old_size() -> None:
    for old in (9, 0):
        desk = Desk()
        desk(TRUE.request(0, 9))
        body = witnessing.encode(old, (), FORK.signed(9))
        reply = desk(body)
        assert (reply.status, reply.body) == (409, b"9\n")
        (kept,) = desk.cosigned.evidence(ORIGIN)
        assert (kept.cosigned, kept.offered, kept.certain) == (TRUE.signed(9), body, True)


@pytest.mark.parametrize(
    "proof",
    [
        (),
        (seeded("node"),),
        FORK.proof(9, 20),
        (*TRUE.proof(9, 20), seeded("node")),
        TRUE.proof(9, 20)[1:],
        TRUE.proof(8, 20),
    ],
)
def test_422_for_a_proof_that_does_not_verify(proof: tuple[bytes, ...]) -> None:
    desk = Desk()
    desk(TRUE.request(0, 9))
    body = witnessing.encode(9, proof, TRUE.signed(20))
    assert desk(body).status == 422
    (kept,) = desk.cosigned.evidence(ORIGIN)
    assert (kept.offered, kept.certain) == (body, False)
    latest = desk.cosigned.latest(ORIGIN)
    assert latest is not None
    assert latest.size == 9


def test_422_for_a_proof_from_size_0_and_nothing_to_keep_of_it() -> None:
    desk = Desk()
    assert desk(witnessing.encode(0, (seeded("node"),), TRUE.signed(9))).status == 422
    assert desk.cosigned.evidence(ORIGIN) == []


def test_bad_proofs_of_one_checkpoint_are_kept_once() -> None:
    desk = Desk()
    desk(TRUE.request(0, 9))
    for number in range(5):
        desk(witnessing.encode(9, (seeded(f"node {number}"),), TRUE.signed(20)))
    assert len(desk.cosigned.evidence(ORIGIN)) == 1
    assert desk(TRUE.request(9, 20)).status == 200
