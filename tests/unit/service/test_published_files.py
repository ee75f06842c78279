"""Published files: who can read them, how long partial tiles stay, and what is said about the log."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from builders import NOW, Identity, World, fingerprint
from memory import MemoryLedger

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.keys import verify
from hashpact.domain.kinds import Root
from hashpact.domain.state import KeptCheckpoint
from hashpact.errors import QuorumError
from hashpact.log import checkpoint, cosignature, policy, tiles
from hashpact.log.cosignature import Witness
from hashpact.log.note import verifier_key
from hashpact.log.tiles import Tile
from hashpact.member.author import Reason
from hashpact.service.publishing.publish import Publisher
from hashpact.storage.published import KEPT, Directory, PublishedLog, TileCopy


@pytest.fixture
def ledger(world: World) -> MemoryLedger:
    """A log of four leaves."""
    made = MemoryLedger()
    world.found(made, "acme")
    return made


@pytest.fixture
def published(tmp_path: Path) -> PublishedLog:
    """An empty directory."""
    return PublishedLog(tmp_path / "log")


def grow(world: World, ledger: MemoryLedger, count: int) -> None:
    """Append so many leaves, and sign."""
    author = world.author("acme")
    made = [
        author.submit([fingerprint(PDQ, str(number))], Reason(frozenset({"ncii"}))) for number in range(count)
    ]
    world.appender(ledger).append_all("acme", made)
    world.guard(ledger).sign()


def files(directory: Path) -> dict[str, bytes]:
    """Every published file by its path."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def test_the_policy_that_is_published_is_the_governing_one(
    world: World, ledger: MemoryLedger, published: PublishedLog
) -> None:
    grow(world, ledger, 1)
    publisher = Publisher(ledger, world.origin, published)
    publisher.publish()
    log = f"log {verifier_key(world.origin, world.log_key.public)}\n"
    assert published.read("policy") == f"{log}quorum none\n".encode()
    witnesses = tuple(Witness(name, Identity.of(name).public) for name in ("east", "north"))
    admins = tuple(admin.key for admin in world.admins)
    world.administrators(ledger).say(Root(2, admins, 2, world.log_keys, witnesses, 1))
    unsigned: list[bytes] = []

    class East:
        """Only this witness cosigns."""

        def cosign(self, note: bytes, _size: int, _consistency: object) -> bytes:
            """The note with its line."""
            unsigned.append(note)
            text = checkpoint.parse(note).note.text
            return note + cosignature.sign(text, witnesses[0], NOW, Identity.of("east").private.sign)

    world.guard(ledger, East()).sign()
    publisher.publish()
    stated = policy.parse(published.read("policy") or b"")
    assert [(one.origin, one.public) for one in stated.logs] == [(world.origin, world.log_key.public)]
    assert tuple(stated.witnesses.values()) == witnesses
    assert stated.cosigned(checkpoint.parse(published.read("checkpoint") or b"").note, verify) == NOW
    with pytest.raises(QuorumError):
        stated.cosigned(checkpoint.parse(unsigned[-1]).note, verify)


def test_partial_tiles_stay_for_readers_of_an_older_checkpoint_and_then_go(
    world: World, ledger: MemoryLedger, tmp_path: Path
) -> None:
    now, place = [0.0], tmp_path / "log"
    publisher = Publisher(ledger, world.origin, PublishedLog(place, lambda: now[0]))
    grow(world, ledger, 40)
    publisher.publish()
    old = TileCopy(Directory(place))
    size = world.pinned.read(old.checkpoint()).size
    grow(world, ledger, 256)
    publisher.publish()
    now[0] = (place / "tile" / "entries" / "000").stat().st_mtime + KEPT - 1
    publisher.publish()
    wanted = [tile.path for tile in (*tiles.tiles(size), *tiles.entries(size))]
    before = {path: files(place)[path] for path in wanted}  # whoever copies file by file finds them
    leaves = list(old.leaves(0, size))
    now[0] += 1
    publisher.publish()
    assert not files(place).keys() & before.keys()
    kept = [tile for tile in (*tiles.tiles(300), *tiles.entries(300)) if tile.width < tiles.WIDTH]
    assert {path for path in files(place) if ".p/" in path} == {tile.path for tile in kept}
    # The full ones serve as well.
    assert list(old.leaves(0, size)) == leaves
    assert old.hashes(Tile(0, 0, size)) == before[f"tile/0/000.p/{size}"]


def test_partial_tiles_that_another_process_left_go_too(
    world: World, ledger: MemoryLedger, tmp_path: Path
) -> None:
    place = tmp_path / "log"
    for count in (40, 256):
        grow(world, ledger, count)
        Publisher(ledger, world.origin, PublishedLog(place)).publish()
    later = (place / "tile" / "entries" / "000").stat().st_mtime + KEPT
    publisher = Publisher(ledger, world.origin, PublishedLog(place, lambda: later))
    for _ in range(2):
        publisher.publish()
    assert not (place / "tile" / "entries" / "000.p").exists()


def test_a_checkpoint_of_the_same_size_with_other_cosignatures_is_published(
    world: World, ledger: MemoryLedger, published: PublishedLog
) -> None:
    grow(world, ledger, 3)
    publisher = Publisher(ledger, world.origin, published)
    publisher.publish()
    before = published.read("checkpoint") or b""
    north = Identity.of("north")
    witness = Witness("witness.example/north", north.public)
    text = checkpoint.parse(before).note.text
    again = KeptCheckpoint(7, before + cosignature.sign(text, witness, NOW, north.private.sign))
    ledger.checkpoints.freshen(again)
    assert publisher.publish() == 7
    assert published.read("checkpoint") == again.note != before
    assert Publisher(ledger, world.origin, published).publish() == 7


@pytest.mark.parametrize("umask", [0o077, 0o027, 0])
def test_everybody_can_read_what_is_published_and_the_lock_keeps_no_file(
    world: World, ledger: MemoryLedger, tmp_path: Path, umask: int
) -> None:
    grow(world, ledger, 300)
    place = tmp_path / "new" / "log"
    before = os.umask(umask)
    try:
        Publisher(ledger, world.origin, PublishedLog(place)).publish()
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*") if path.is_file()}
    assert modes == {0o644}
    folders = [tmp_path / "new", place, *(path for path in place.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}
    assert not list(place.rglob(".*"))
