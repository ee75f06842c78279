"""Publishing: the files say what the checkpoints say, come whole and in order, and tell an old ledger."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from builders import LABELS, NOW, World, check_log, fingerprint
from memory import MemoryLedger
from trees import Oracle

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import Methods, Policy
from hashpact.errors import ConfigError, CorruptError
from hashpact.log import tiles, tree
from hashpact.log.note import verifier_key
from hashpact.member import papers
from hashpact.member.author import Reason
from hashpact.service.prove import Prover
from hashpact.service.publishing.publish import Publisher
from hashpact.storage.published import PublishedLog
from hashpact.storage.sqlite import SqliteLedger

NCII = Reason(frozenset({"ncii"}))


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


def grow(world: World, ledger: MemoryLedger | SqliteLedger, count: int) -> None:
    """Append so many leaves, and sign."""
    author = world.author("acme")
    made = [author.submit([fingerprint(PDQ, str(number))], NCII) for number in range(count)]
    world.appender(ledger).append_all("acme", made)
    world.guard(ledger).sign()


def files(directory: Path) -> dict[str, bytes]:
    """Every published file by its path; what begins with a dot is not published."""
    found = (path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def test_every_tile_of_the_checkpoint_is_there(
    world: World, ledger: MemoryLedger, published: PublishedLog, tmp_path: Path
) -> None:
    publisher = Publisher(ledger, world.origin, published)
    assert publisher.publish() == 0
    assert files(tmp_path) == {}
    for count in (0, 1, 250, 2, 700):  # four leaves, up to 957
        if count:
            grow(world, ledger, count)
        else:
            world.guard(ledger).sign()
        size = publisher.publish()
        assert size == ledger.head().size
        found = files(tmp_path / "log")
        assert world.pinned.read(found["checkpoint"]).size == size
        oracle = Oracle([leaf.hash for leaf in ledger.leaves(0, size)])
        leaves = [leaf.data for leaf in ledger.leaves(0, size)]
        for tile in tiles.tiles(size):
            start = tile.number * tiles.WIDTH
            nodes = [oracle.node(8 * (tile.level or 0), start + place) for place in range(tile.width)]
            assert found[tile.path] == b"".join(nodes)
        for tile in tiles.entries(size):
            start = tile.number * tiles.WIDTH
            assert list(tiles.parse_entries(tile, found[tile.path])) == leaves[start : start + tile.width]
    found = files(tmp_path / "log")
    assert world.pinned.read(found["checkpoint"]).size == 957
    genesis, keys = next(ledger.leaves(0, 1)).data, verifier_key(world.origin, world.log_key.public)
    assert (found["genesis"], found["log-keys"]) == (genesis, f"{keys}\n".encode())


def test_publishing_twice_writes_nothing(world: World, ledger: MemoryLedger, tmp_path: Path) -> None:
    grow(world, ledger, 3)
    publisher = Publisher(ledger, world.origin, PublishedLog(tmp_path / "log"))
    publisher.publish()
    before = {path: (tmp_path / "log" / path).stat().st_ino for path in files(tmp_path / "log")}
    assert publisher.publish() == 7
    assert Publisher(ledger, world.origin, PublishedLog(tmp_path / "log")).publish() == 7
    assert {path: (tmp_path / "log" / path).stat().st_ino for path in files(tmp_path / "log")} == before


def test_a_restored_home_has_every_tile_again(world: World, ledger: MemoryLedger, tmp_path: Path) -> None:
    grow(world, ledger, 600)
    Publisher(ledger, world.origin, PublishedLog(tmp_path / "log")).publish()
    before = files(tmp_path / "log")
    shutil.rmtree(tmp_path / "log" / "tile" / "0")
    (tmp_path / "log" / "tile" / "entries" / "001").unlink()
    Publisher(ledger, world.origin, PublishedLog(tmp_path / "log")).publish()
    assert files(tmp_path / "log") == before


def test_a_partial_bundle_grows_from_the_one_before_and_a_full_one_is_made_anew(
    world: World, ledger: MemoryLedger, published: PublishedLog, tmp_path: Path
) -> None:
    publisher = Publisher(ledger, world.origin, published)
    world.guard(ledger).sign()
    publisher.publish()
    bundles = tmp_path / "log" / "tile" / "entries"
    first = (bundles / "000.p" / "4").read_bytes()
    damaged = first[:-1] + b"?"
    (bundles / "000.p" / "4").write_bytes(damaged)
    grow(world, ledger, 3)
    publisher.publish()
    new = tiles.encode_entries(leaf.data for leaf in ledger.leaves(4, 7))
    assert (bundles / "000.p" / "7").read_bytes() == damaged + new
    for number, damage in enumerate((None, damaged, damaged + new + b"?")):  # then it is made from the ledger
        before = bundles / "000.p" / str(7 + 2 * number)
        if damage is None:
            before.unlink()
        else:
            before.write_bytes(damage)
        grow(world, ledger, 2)
        publisher.publish()
        assert (bundles / "000.p" / str(9 + 2 * number)).read_bytes().startswith(first + new)
    grow(world, ledger, 260)
    publisher.publish()
    assert (bundles / "000").read_bytes() == tiles.encode_entries(one.data for one in ledger.leaves(0, 256))


@dataclass
class Recording:
    """A publication that writes down what is put, and fails when it is told to."""

    files: dict[str, bytes] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    fails: int | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else is there."""
        yield

    def read(self, path: str) -> bytes | None:
        """What was put."""
        return self.files.get(path)

    def has(self, path: str) -> bool:
        """Whether it was put."""
        return path in self.files

    def extend(self, path: str, before: str, size: int, data: bytes) -> bool:
        """Put both."""
        if len(self.files.get(before, b"")) != size:
            return False
        self.put(path, self.files[before] + data)
        return True

    def put(self, path: str, data: bytes) -> None:
        """Write it down, or fail."""
        if self.fails == len(self.order):
            msg = "the disk is full"
            raise ConfigError(msg)
        self.order.append(path)
        self.files[path] = data

    def retire(self, _path: str) -> bool:
        """There is nothing to be removed."""
        return True


def test_the_checkpoint_comes_last_whatever_fails(world: World, ledger: MemoryLedger) -> None:
    grow(world, ledger, 300)
    whole = Recording()
    Publisher(ledger, world.origin, whole).publish()
    assert whole.order[-1] == "checkpoint"
    for fails in range(len(whole.order)):
        broken = Recording(fails=fails)
        with pytest.raises(ConfigError):
            Publisher(ledger, world.origin, broken).publish()
        assert broken.read("checkpoint") is None
        broken.fails = None
        Publisher(ledger, world.origin, broken).publish()
        assert broken.files == whole.files


def test_publishers_at_once_never_go_back(world: World, tmp_path: Path) -> None:
    with closing(SqliteLedger.create(tmp_path / "hashpact.db")) as ledger:
        world.found(ledger, "acme")
        stop = threading.Event()
        seen: list[list[int]] = [[], []]

        def publish(sizes: list[int]) -> None:
            publisher = Publisher(ledger, world.origin, PublishedLog(tmp_path / "log"))
            while not stop.is_set():
                publisher.publish()
                data = PublishedLog(tmp_path / "log").read("checkpoint")
                if data is not None:
                    sizes.append(world.pinned.read(data).size)

        threads = [threading.Thread(target=publish, args=(sizes,)) for sizes in seen]
        for thread in threads:
            thread.start()
        for _ in range(30):
            grow(world, ledger, 3)
        stop.set()
        for thread in threads:
            thread.join()
        assert all(sizes == sorted(sizes) for sizes in seen)
        assert Publisher(ledger, world.origin, PublishedLog(tmp_path / "log")).publish() == 94
        check_log(ledger)


def test_32_a_ledger_that_lacks_what_was_published_is_told(world: World, published: PublishedLog) -> None:
    now, yesterday, other = MemoryLedger(), MemoryLedger(), World()
    for ledger in (now, yesterday):
        other.entropy.drawn = 0
        other.found(ledger, "acme")
    grow(world, now, 5)
    Publisher(now, world.origin, published).publish()
    Publisher(now, world.origin, published).check()
    with pytest.raises(CorruptError, match=r"has 4 leaves.*of 9 leaves; restore") as caught:
        Publisher(yesterday, world.origin, published).check()
    assert caught.value.details["index"] == "4"
    # What was appended instead of the lost leaves makes another tree.
    grow(world, yesterday, 9)
    with pytest.raises(CorruptError, match="of 9 leaves that are not those of the ledger; restore"):
        Publisher(yesterday, world.origin, published).check()
    with pytest.raises(CorruptError):
        Publisher(yesterday, world.origin, published).publish()
    assert world.pinned.read(published.read("checkpoint") or b"").root == tree.root(now.head().edge)


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 100])
def test_a_damaged_published_checkpoint_is_told(
    world: World, ledger: MemoryLedger, published: PublishedLog, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "checkpoint").write_bytes(data)
    with pytest.raises(CorruptError, match="log/checkpoint"):
        Publisher(ledger, world.origin, published).check()


def test_nothing_to_publish_is_well(world: World, ledger: MemoryLedger, published: PublishedLog) -> None:
    Publisher(ledger, world.origin, published).check()


def test_a_directory_that_cannot_be_made_is_named(world: World, ledger: MemoryLedger, tmp_path: Path) -> None:
    world.guard(ledger).sign()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        Publisher(ledger, world.origin, PublishedLog(tmp_path / "file" / "log")).publish()
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "tile").write_text("")
    with pytest.raises(ConfigError, match="tile"):
        Publisher(ledger, world.origin, PublishedLog(tmp_path / "log")).publish()


def test_the_prover_and_the_files_say_the_same(
    world: World, ledger: MemoryLedger, published: PublishedLog, tmp_path: Path
) -> None:
    grow(world, ledger, 600)
    Publisher(ledger, world.origin, published).publish()
    prover = Prover(ledger)
    for path, data in files(tmp_path / "log").items():
        if path not in {"genesis", "log-keys", "policy"}:
            assert (prover.checkpoint() if path == "checkpoint" else prover.tile(path)) == data


def test_documents_for_everybody_are_published_and_those_of_members_are_not(
    world: World, ledger: MemoryLedger, published: PublishedLog, tmp_path: Path
) -> None:
    texts, methods, procedure, practice = (name.encode() for name in ("texts", "methods", "how", "practice"))
    digest = {one: hashlib.sha256(one).digest() for one in (texts, methods, procedure, practice)}
    administrators, author = world.administrators(ledger), world.author("acme")
    administrators.say(Policy(2, LABELS, texts_document=digest[texts]), documents=[texts])
    administrators.say(Methods(digest[methods]), documents=[methods])
    reached = papers.contact(
        "notices", "desk", valid_from=NOW, valid_to=NOW + 9, languages=["vi"], procedure=procedure
    )
    for paper in (reached, papers.practice(["review"], practice)):
        world.appender(ledger).append("acme", author.file(paper))
    world.guard(ledger).sign()
    publisher = Publisher(ledger, world.origin, published)
    publisher.publish()
    found = files(tmp_path / "log")
    shown = {path: data for path, data in found.items() if path.startswith("documents/")}
    assert shown == {f"documents/{digest[one].hex()}": one for one in (texts, methods, procedure)}
    grow(world, ledger, 1)
    publisher.publish()
    assert files(tmp_path / "log").keys() >= found.keys() - {path for path in found if ".p/" in path}


def test_a_document_that_could_not_be_written_is_published_the_next_time(
    world: World, ledger: MemoryLedger, published: PublishedLog, tmp_path: Path
) -> None:
    grow(world, ledger, 1)
    publisher = Publisher(ledger, world.origin, published)
    publisher.publish()
    document = b"methods"
    world.administrators(ledger).say(Methods(hashlib.sha256(document).digest()), documents=[document])
    world.guard(ledger).sign()
    before, place = files(tmp_path / "log")["checkpoint"], tmp_path / "log" / "documents"
    place.write_text("")  # no directory
    with pytest.raises(ConfigError, match="documents"):
        publisher.publish()
    assert files(tmp_path / "log")["checkpoint"] == before
    place.unlink()
    publisher.publish()
    assert [path.read_bytes() for path in place.iterdir()] == [document]
