"""Mirrors that cosign: leaves are uploaded with proofs, over real HTTP, and no lie of a mirror is counted."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import World, fingerprint
from memory import MemoryLedger
from storing import STATE, Said, StoringMirror

from hashpact.audit.auditor import audit_whole
from hashpact.audit.remote import tile_source
from hashpact.clock import unix_time
from hashpact.domain import keys
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import ConflictError, CorruptError, DeadlineError, UnavailableError
from hashpact.http.client import UploadClient, WitnessClient
from hashpact.log import checkpoint, cosignature, mirroring, proofs
from hashpact.log.checkpoint import SignedCheckpoint
from hashpact.member.author import Reason
from hashpact.service.cosign import Quorum, Reply
from hashpact.service.publishing import mirroring as service
from hashpact.service.publishing.mirroring import Contents, MirrorLink


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log of four leaves."""
    made = MemoryLedger()
    world.found(made, "acme")
    return made


@pytest.fixture
def mirror(world: World, tmp_path: Path) -> Iterator[StoringMirror]:
    """A mirror that has nothing yet."""
    with StoringMirror(tmp_path / "mirror", world.origin, world.log_key.public) as made:
        yield made


Link = Callable[[MemoryLedger, StoringMirror], MirrorLink]


@pytest.fixture
def link() -> Iterator[Link]:
    """Makes the mirror as the log knows it; its connections are closed afterwards."""
    with contextlib.ExitStack() as stack:

        def make(ledger: MemoryLedger, mirror: StoringMirror) -> MirrorLink:
            post, upload = WitnessClient(mirror.url, 10.0), UploadClient(mirror.url, 10.0)
            stack.callback(post.close)
            stack.callback(upload.close)
            return MirrorLink(mirror.witness, post, upload=upload, contents=Contents.of(ledger))

        yield make


def grow(world: World, ledger: MemoryLedger, size: int) -> SignedCheckpoint:
    """Append up to that size; the signed checkpoint, which nobody has cosigned."""
    author = world.author("acme")
    for number in range(ledger.head().size, size):
        one = author.submit([fingerprint(PDQ, str(number))], Reason(frozenset({"ncii"})))
        world.appender(ledger).append("acme", one)
    return checkpoint.parse(world.guard(ledger).sign().note)


def cosign(ledger: MemoryLedger, asked: MirrorLink, signed: SignedCheckpoint) -> bytes:
    """What the mirror cosigns."""
    size = signed.checkpoint.size
    return asked.cosign(signed, lambda old: proofs.consistency(old, size, ledger.tree.node))


def verified(signed: SignedCheckpoint, line: bytes, mirror: StoringMirror) -> int | None:
    """The time of the mirror's cosignature on a checkpoint."""
    return cosignature.verify(checkpoint.parse(signed.data + line).note, mirror.witness, keys.verify)


def test_a_mirror_cosigns_what_it_stores_and_shows_it_to_everybody(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    asked = link(ledger, mirror)
    for size in (4, 5, 255, 256, 257, 700, 1100):
        signed = grow(world, ledger, size)
        line = cosign(ledger, asked, signed)
        assert verified(signed, line, mirror) == mirror.clock()
        assert mirror.leaves == [leaf.data for leaf in ledger.leaves(0, size)]
        with tile_source(mirror.monitoring) as source:
            report = audit_whole(source, unix_time, lambda *_: None)
        assert (report.findings, report.size) == ((), size)
        assert report.checkpoint == signed.data + line
    assert asked.lacks == 1100


def test_one_of_which_nothing_is_known_is_asked_what_it_lacks(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    signed = grow(world, ledger, 300)
    cosign(ledger, link(ledger, mirror), signed)
    assert [path for path, _ in mirror.asked] == ["/add-checkpoint", "/add-entries", "/add-entries"]
    mirror.asked.clear()
    cosign(ledger, link(ledger, mirror), signed)  # the log has started again: it has everything
    paths = [path for path, _ in mirror.asked]
    assert paths == ["/add-checkpoint", "/add-checkpoint", "/add-entries"]
    assert mirror.asked[-1][1] < 100


def test_many_leaves_go_in_bounded_requests_that_go_on_where_it_stopped(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ENOUGH", 200_000)
    mirror.most = 2
    signed = grow(world, ledger, 1500)
    assert verified(signed, cosign(ledger, link(ledger, mirror), signed), mirror) is not None
    sent = [size for path, size in mirror.asked if path == "/add-entries"]
    assert len(sent) == 1 + 3  # the question, then six packages, two at a time
    largest = max(len(leaf.data) for leaf in ledger.leaves(0, 1500))
    assert max(sent) < 200_000 + 256 * (largest + 2) + 2048


def test_no_private_part_is_uploaded(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    secret = fingerprint(PDQ, "a secret")
    one = world.author("acme").submit([secret], Reason(frozenset({"ncii"})))
    world.appender(ledger).append("acme", one)
    signed = checkpoint.parse(world.guard(ledger).sign().note)
    cosign(ledger, link(ledger, mirror), signed)
    stored = b"".join(path.read_bytes() for path in mirror.place.rglob("*") if path.is_file())
    assert secret.value.hex().encode() not in stored
    assert secret.value not in stored
    assert b"hashpact/private" not in stored


def test_a_quorum_counts_it_and_goes_on_without_it(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    quorum = Quorum([link(ledger, mirror)], 1, lambda: ledger.head().size, timeout=5)
    signed = checkpoint.parse(world.guard(ledger, quorum).sign().note)
    assert verified(checkpoint.parse(signed.data), b"", mirror) is not None
    mirror.lie = lambda _path, _said: (500, "text/plain", b"")
    world.appender(ledger).append("acme", world.author("acme").submit([fingerprint(PDQ, "1")], FRAUD))
    with pytest.raises(DeadlineError, match=r"0 of 1 witnesses.*m1 answered 500"):
        world.guard(ledger, quorum).sign()
    quorum.close()


FRAUD = Reason(frozenset({"fraud"}))


def lying(
    path: str, status: int, body: bytes, kind: str = "text/plain"
) -> Callable[[str, Said], Said | None]:
    """A lie about one path."""
    return lambda asked, _said: (status, kind, body) if asked == path else None


STUCK = b"300\n0\n\n"

LIES = {
    "no signature": (lying("/add-entries", 200, b""), "no cosignature of its own"),
    "no text": (lying("/add-entries", 200, b"ok\n"), "no cosignature of its own"),
    "stuck": (lying("/add-entries", 202, STUCK, STATE), "takes no leaves"),
    "one leaf at a time": (lying("/add-entries", 202, b"300\n1\n\n", STATE), "takes no leaves"),
    "always from the start": (lying("/add-entries", 409, STUCK, STATE), "takes no leaves"),
    "a state without ticket": (lying("/add-entries", 202, b"300\n0\n", STATE), "malformed state"),
    "a state with more": (lying("/add-entries", 202, STUCK + b"x", STATE), "malformed state"),
    "a signed size": (lying("/add-entries", 202, b"+300\n0\n\n", STATE), "malformed state"),
    "a large ticket": (
        lying("/add-entries", 409, b"300\n0\n%s\n" % base64.b64encode(bytes(2**16)), STATE),
        "malformed state: line 3: more than 65535 bytes",
    ),
    "refused": (lying("/add-entries", 422, b"the proof\n"), "answered 422: the proof"),
    "redirected": (lying("/add-entries", 307, b""), "answered 307"),
    "no checkpoint": (lying("/add-checkpoint", 403, b"who are you\n"), "answered 403: who are you"),
    "no size": (lying("/add-checkpoint", 409, b"x\n"), "malformed size"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_no_cosignature_and_ends(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link, name: str
) -> None:
    mirror.lie, said = LIES[name]
    signed = grow(world, ledger, 300)
    with pytest.raises(UnavailableError, match=said):
        cosign(ledger, link(ledger, mirror), signed)
    assert len(mirror.asked) < 12


@pytest.mark.parametrize("path", ["/add-checkpoint", "/add-entries"])
def test_one_that_knows_more_of_the_log_is_told_as_such(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link, path: str
) -> None:
    signed = grow(world, ledger, 10)
    body, kind = (b"11\n", "text/x.tlog.size") if path == "/add-checkpoint" else (b"11\n11\n\n", STATE)
    mirror.lie = lying(path, 409, body, kind)
    with pytest.raises(ConflictError, match="has cosigned size 11 of this log, more than 10") as caught:
        cosign(ledger, link(ledger, mirror), signed)
    assert caught.value.details["size"] == "11"
    quorum = Quorum([link(ledger, mirror)], 0, lambda: ledger.head().size)
    with pytest.raises(CorruptError, match="Restore the newest copy"):
        quorum.check(signed.data, lambda old: proofs.consistency(old, 10, ledger.tree.node))
    quorum.close()


def test_signatures_of_others_and_on_others_are_not_counted(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    signed = grow(world, ledger, 10)
    forged = mirror.cosigned(signed.note.text, "somebody else")
    other = mirror.cosigned(signed.note.text.replace(b"\n10\n", b"\n11\n"))
    for line in (forged, other):
        mirror.lie = lying("/add-entries", 200, line)
        with pytest.raises(UnavailableError, match="no cosignature of its own"):
            cosign(ledger, link(ledger, mirror), signed)


def test_a_mirror_that_forgot_the_checkpoint_is_told_it_again(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    asked = link(ledger, mirror)
    cosign(ledger, asked, grow(world, ledger, 6))
    signed = grow(world, ledger, 9)
    forgot = threading.Event()

    def forget(path: str, _said: Said) -> Said | None:
        if path == "/add-checkpoint" and not forgot.is_set():
            forgot.set()
            del mirror.pending[9]
        return None

    mirror.lie = forget
    assert verified(signed, cosign(ledger, asked, signed), mirror) is not None
    assert mirror.size == 9


def test_the_mirror_of_the_tests_refuses_what_is_not_the_logs(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    """The checks that it makes by itself: a changed leaf, a changed hash, a package too few, another log."""
    signed = grow(world, ledger, 600)
    asked = link(ledger, mirror)
    asked.offer(signed, lambda _old: ())
    node = ledger.tree.node
    leaves = [leaf.data for leaf in ledger.leaves(0, 600)]
    proof = proofs.subtree(0, 256, 600, node)
    head = mirroring.header(world.origin, 0, 600)

    def said(*packages: bytes, head: bytes = head) -> Reply:
        return asked.upload(head + b"".join(packages))

    good = mirroring.package(leaves[:256], proof)
    assert said(mirroring.package([b"x", *leaves[1:256]], proof)).status == 422
    assert said(mirroring.package(leaves[:256], [bytes(32), *proof[1:]])).status == 422
    assert said(mirroring.package(leaves[:256], proof[1:])).status == 422
    assert said(good[:-1]).status == 400
    assert said(good, head=mirroring.header("other.example/log", 0, 600)).status == 404
    assert said(good, head=mirroring.header(world.origin, 0, 599)).status == 409
    assert said(good, head=mirroring.header(world.origin, 256, 600)).status == 409
    assert said(head=mirroring.header(world.origin, 0, 600, b"forged")).status == 400
    assert mirror.leaves == []
    taken = said(good, good)
    assert taken.status == 422  # the second package is not that of its place
    assert mirroring.parse_state(asked.upload(mirroring.header(world.origin, 600, 600)).body).lacks == 256
    assert mirror.size == 0
    assert not (mirror.place / "checkpoint").exists()


def test_closing_ends_an_upload(
    world: World, ledger: MemoryLedger, mirror: StoringMirror, link: Link
) -> None:
    asked = link(ledger, mirror)
    mirror.most = 1

    def close(path: str, _said: Said) -> None:
        if path == "/add-entries":
            asked.close()

    mirror.lie = close
    with pytest.raises(UnavailableError, match="still lacks leaves from 0 on"):
        cosign(ledger, asked, grow(world, ledger, 600))
    assert [path for path, _ in mirror.asked].count("/add-entries") == 1
