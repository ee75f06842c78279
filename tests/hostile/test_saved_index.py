"""Number 52 of the hostile inputs: a saved index that is not what the server saved over its ledger."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from builders import fingerprint
from memory import MemoryIndexes
from running import BOTH, RunningServer, found

from hashpact.cli.main import run
from hashpact.domain.fingerprints import MD5, MINHASH, PDQ, PHASH, SHA256, WINNOW, Fingerprint
from hashpact.domain.ports import SavedIndexes
from hashpact.errors import CorruptError
from hashpact.home.opening import open_home
from hashpact.lookup import NativeIndex
from hashpact.lookup.directory import IndexDirectory, IndexManifest
from hashpact.member.clients import Client
from hashpact.service.follow import item_ids

ENTRIES = 4
FIRST = 4
"""The index of the first entry."""
ALL = range(2 * ENTRIES)
Attack: TypeAlias = Callable[[Path, SavedIndexes], NativeIndex]
"""What an attacker saves in the place of the index of a home."""
MADE_AGAIN: Final = "the index is made again from the log"


def shared(seed: int) -> list[Fingerprint]:
    """What an entry shares: one of each type."""
    return [fingerprint(kind, f"{seed} {kind.name}") for kind in (PDQ, PHASH, MINHASH, WINNOW, SHA256, MD5)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was served twice, with half of the entries each; ``earlier`` is its index in between."""
    directory = tmp_path_factory.mktemp("served")
    home = found(directory, {"acme-video": BOTH})
    for seeds in (range(ENTRIES), range(ENTRIES, 2 * ENTRIES)):
        with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
            assert [client.submit(shared(seed), labels=["other"]).index for seed in seeds] == [
                FIRST + seed for seed in seeds
            ]
            if ALL[-1] in seeds:
                client.withdraw(client.submit(shared(99), labels=["other"]).index, "mistake")
            assert server.stop() == 0
        if not (directory / "earlier").exists():
            shutil.copytree(home / "segments", directory / "earlier")
    return directory


@pytest.fixture
def home(served: Path, tmp_path: Path) -> Path:
    """A copy of that home, which nobody serves."""
    shutil.copytree(served, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


@pytest.fixture
def register(home: Path) -> Iterator[SavedIndexes]:
    """The register in the ledger of the home."""
    with open_home(home) as opened:
        yield opened.ledger.indexes


def events(server: RunningServer, name: str) -> list[dict[str, Any]]:
    """The lines of that name in the log of a server, which is that of every server of its home."""
    logged = [json.loads(line) for line in server.log.splitlines()]
    return [event for event in logged if event["event"] == name]


def check_all_found(home: Path, *options: str, remade: bool) -> None:
    """Serve, and find every item. ``remade`` is whether the server makes the index again."""
    with RunningServer(home, *options) as server, Client(server.profile("acme-video")) as client:
        for seed in ALL:
            for one in shared(seed):
                matches = client.check([one]).matches
                assert [match.entry for match in matches] == [FIRST + seed], (seed, one.type.name)
        assert bool(events(server, MADE_AGAIN)) is remade
        assert server.stop() == 0


def verify(home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit status and output of `hashpact log verify`."""
    capsys.readouterr()
    status = run(["log", "verify", str(home)])
    return status, capsys.readouterr().out


def save(home: Path, index: NativeIndex, register: SavedIndexes) -> None:
    """Save an index with the project's own code, under the position and root that are there."""
    text = (home / "segments" / "manifest").read_text()
    known = IndexManifest.parse(text)
    with closing(IndexDirectory(home / "segments", register)) as directory:
        directory.save(index.freeze(), known.position, known.root)


def empty(_home: Path, _register: SavedIndexes) -> NativeIndex:
    """An index of nothing."""
    return NativeIndex()


def an_item_less(home: Path, register: SavedIndexes) -> NativeIndex:
    """The index without one item."""
    index = opened(home, register)
    index.remove([item_ids(FIRST + 2)[1]])
    return index


def an_item_changed(home: Path, register: SavedIndexes) -> NativeIndex:
    """The index with another value for an item."""
    index = opened(home, register)
    item = item_ids(FIRST + 2)[1]
    index.remove([item])
    index.add([(item, fingerprint(PHASH, "another"))])
    return index


def an_item_more(home: Path, register: SavedIndexes) -> NativeIndex:
    """The index with an item of no entry."""
    index = opened(home, register)
    index.add([(item_ids(1)[0], fingerprint(PDQ, "puppet"))])
    return index


def opened(home: Path, register: SavedIndexes) -> NativeIndex:
    """The index that the server has saved."""
    with closing(IndexDirectory(home / "segments", register)) as directory:
        found = NativeIndex.open(directory)
    assert found is not None
    return found[0]


ATTACKS: list[Attack] = [
    empty,
    an_item_less,
    an_item_changed,
    an_item_more,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_52_an_index_that_the_server_did_not_save_is_made_again(
    home: Path, register: SavedIndexes, capsys: pytest.CaptureFixture[str], attack: Attack
) -> None:
    assert verify(home, capsys)[0] == 0
    save(home, attack(home, register), MemoryIndexes())
    status, out = verify(home, capsys)
    assert status == 1
    assert "FAULT the saved index cannot be used" in out
    check_all_found(home, remade=True)
    assert verify(home, capsys)[0] == 0


@pytest.mark.parametrize("attack", ATTACKS)
def test_52_an_index_that_is_registered_too_is_found_by_a_verification(
    home: Path, register: SavedIndexes, capsys: pytest.CaptureFixture[str], attack: Attack
) -> None:
    save(home, attack(home, register), register)
    status, out = verify(home, capsys)
    assert status == 1
    faults = [line for line in out.splitlines() if line.startswith("FAULT")]
    if attack is an_item_more:
        assert faults == [
            "FAULT the saved index finds 49 items, and 48 of them belong to an entry that stands"
        ]
    else:
        assert "does not find every item of entry 6" in "".join(faults)
        assert len(faults) == (len(ALL) if attack is empty else 1) + (attack is an_item_changed)
    check_all_found(home, "--verify", remade=True)
    assert verify(home, capsys)[0] == 0


def test_52_an_older_segment_in_the_place_of_a_newer_one(
    home: Path, served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = IndexManifest.parse((home / "segments" / "manifest").read_text())
    (old,) = (served / "earlier").glob("pdq-1-*.segment")
    newest = manifest.parts["pdq/1"].segments[-1].name
    assert old.read_bytes() != (home / "segments" / newest).read_bytes()
    shutil.copy2(old, home / "segments" / newest)
    status, out = verify(home, capsys)
    assert status == 1
    assert newest in out
    check_all_found(home, remade=True)


def test_52_the_whole_index_of_earlier_is_brought_up_to_the_log(home: Path, served: Path) -> None:
    shutil.rmtree(home / "segments")
    shutil.copytree(served / "earlier", home / "segments")
    check_all_found(home, remade=False)


def signed(body: str, first: str = "hashpact segments 1") -> str:
    """A manifest with that body and its checksum."""
    lines = f"{first}\n{body}\n"
    return f"{lines}{hashlib.sha256(lines.encode()).hexdigest()}\n"


def manifest_with(home: Path, **changes: object) -> str:
    """The manifest, changed, with its checksum."""
    body = (home / "segments" / "manifest").read_text().splitlines()[1]
    return signed(json.dumps(json.loads(body) | changes))


FILE: Final = ["pdq-1-0.segment", 1, "00" * 32]
HOSTILE: list[Callable[[Path], str | bytes]] = [
    lambda _: signed("[" * 100_000 + "]" * 100_000),
    lambda _: signed('{"parts":' * 100_000 + "1" + "}" * 100_000),
    lambda _: signed("9" * 5000),
    lambda _: signed("{}", first="hashpact segments 2"),
    lambda _: "9" * (1 << 21),
    lambda _: b"\xff\xfe\n\n\n",
    lambda _: signed("null"),
    lambda _: signed("{}"),
    lambda home: manifest_with(home, position="7"),
    lambda home: manifest_with(home, position=True),
    lambda home: manifest_with(home, position=-1),
    lambda home: manifest_with(home, position=2**63),
    lambda home: manifest_with(home, position=1e300),
    lambda home: manifest_with(home, root=7),
    lambda home: manifest_with(home, root="00"),
    lambda home: manifest_with(home, parts=[]),
    lambda home: manifest_with(home, parts={}),
    lambda home: manifest_with(home, parts={"pdq/2": {"segments": [], "withdrawn": None}}),
    lambda home: manifest_with(home, parts={"pdq/1": {"segments": [FILE], "withdrawn": None}}),
    lambda home: manifest_with(home, parts={"pdq/1": {"segments": 7, "withdrawn": None}}),
    lambda home: manifest_with(home, parts={"pdq/1": {"segments": [[7, 1, "00" * 32]], "withdrawn": None}}),
    lambda home: manifest_with(home, parts={"pdq/1": {"segments": [[FILE[0], 2**64, FILE[2]]]}}),
    lambda home: manifest_with(home, parts={"pdq/1": {"segments": [[FILE[0], 1, "00"]], "withdrawn": None}}),
    lambda home: manifest_with(home, newer=1),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_52_a_hostile_or_newer_manifest_is_refused_in_one_line(
    home: Path, register: SavedIndexes, number: int
) -> None:
    hostile = HOSTILE[number](home)
    data = hostile if isinstance(hostile, bytes) else hostile.encode()
    (home / "segments" / "manifest").write_bytes(data)
    for line in data.split(b"\n")[2:3]:
        if len(line) == 64:
            register.keep(bytes.fromhex(line.decode()))  # the attacker has the database as well
    with closing(IndexDirectory(home / "segments", register)) as directory:
        with pytest.raises(CorruptError, match="manifest") as caught:
            NativeIndex.open(directory)
        assert len(caught.value.message) < 400
        directory.save(NativeIndex().freeze(), 1, bytes(32))
        assert directory.manifest() is not None


def test_52_a_server_goes_on_from_the_log_past_a_hostile_manifest(home: Path) -> None:
    (home / "segments" / "manifest").write_text(signed("[" * 100_000 + "]" * 100_000))
    check_all_found(home, remade=True)
