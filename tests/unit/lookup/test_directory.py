"""The directory of an index: a restart goes on from it, or refuses it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import winnowed
from memory import MemoryIndexes

from hashpact.domain.fingerprints import (
    MD5,
    MINHASH,
    PDQ,
    PHASH,
    SHA256,
    WINNOW,
    Fingerprint,
    FingerprintType,
)
from hashpact.errors import ConfigError, CorruptError
from hashpact.lookup import NativeIndex
from hashpact.lookup.directory import IndexDirectory, IndexManifest

EVERY_TYPE = (PDQ, PHASH, MINHASH, WINNOW, SHA256, MD5)
ROOT = bytes(range(32))


def fingerprint(kind: FingerprintType, seed: int) -> Fingerprint:
    """A usable fingerprint: half of its bits are set, or a text has 60 hashes."""
    if kind is WINNOW:
        return winnowed(np.random.default_rng(seed).integers(0, 2**32, 60).tolist())
    rng = np.random.default_rng((seed, kind.size))
    bits = np.zeros(kind.size * 8, dtype=np.uint8)
    bits[rng.permutation(len(bits))[: len(bits) // 2]] = 1
    return Fingerprint(kind, np.packbits(bits).tobytes())


def items(start: int, stop: int) -> Iterator[tuple[int, Fingerprint]]:
    return ((item, fingerprint(EVERY_TYPE[item % len(EVERY_TYPE)], item)) for item in range(start, stop))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[IndexDirectory]:
    """An empty directory that this process may save to."""
    opened = IndexDirectory(tmp_path / "segments", MemoryIndexes())
    assert opened.claim()
    yield opened
    opened.close()


def filled(count: int) -> NativeIndex:
    index = NativeIndex()
    index.add(items(0, count))
    return index


def reopened(directory: IndexDirectory) -> tuple[NativeIndex, IndexManifest]:
    opened = NativeIndex.open(directory)
    assert opened is not None
    return opened


def found(index: NativeIndex, item: int) -> bool:
    kind = EVERY_TYPE[item % len(EVERY_TYPE)]
    hits = index.search(fingerprint(kind, item), kind.default, 10)
    return item in [hit.item for hit in hits]


def segments(directory: IndexDirectory) -> set[str]:
    return {path.name for path in directory.path.iterdir() if path.suffix == ".segment"}


def test_nothing_saved_is_nothing_opened(directory: IndexDirectory) -> None:
    assert directory.manifest() is None
    assert NativeIndex.open(directory) is None


class Cut(MemoryIndexes):
    """A register after whose use the process ends, if it is to."""

    ends = False

    def keep(self, digest: bytes) -> None:
        """Register, and end."""
        super().keep(digest)
        if self.ends:
            raise SystemExit


def test_an_index_is_believed_after_several_saves_that_ended_before_it_was_replaced(tmp_path: Path) -> None:
    register = Cut()
    directory = IndexDirectory(tmp_path / "segments", register)
    directory.save(filled(100).freeze(), 17, ROOT)
    register.ends = True
    for position in (18, 19, 20):
        with pytest.raises(SystemExit):
            directory.save(filled(100 + position).freeze(), position, ROOT)
        index, manifest = reopened(directory)
        assert (len(index), manifest.position) == (100, 17)
    register.ends = False
    directory.save(filled(200).freeze(), 21, ROOT)
    assert reopened(directory)[1].position == 21
    directory.close()


def test_what_was_saved_is_opened_with_what_was_withdrawn(directory: IndexDirectory) -> None:
    index = filled(4000)
    index.remove(range(0, 4000, 3))
    directory.save(index.freeze(), 17, ROOT)
    index.remove([1])
    again, manifest = reopened(directory)
    assert (manifest.position, manifest.root) == (17, ROOT)
    assert len(again) == 4000 - 1334
    for item in range(300):
        assert found(again, item) == (item % 3 != 0), item
    again.add([(0, fingerprint(PDQ, 5000))])
    assert again.search(fingerprint(PDQ, 5000), 0, 5)[0].item == 0
    with pytest.raises(ValueError, match="id 1 is in the index already"):
        again.add(items(1, 2))


def test_an_empty_index_can_be_kept(directory: IndexDirectory) -> None:
    directory.save(NativeIndex().freeze(), 3, ROOT)
    again, manifest = reopened(directory)
    assert (len(again), manifest.position) == (0, 3)
    again.add(items(0, 20))
    directory.save(again.freeze(), 4, ROOT)
    assert len(reopened(directory)[0]) == 20


def test_only_what_is_new_is_written_and_what_is_old_removed(directory: IndexDirectory) -> None:
    index = filled(4000)
    directory.save(index.freeze(), 1, ROOT)
    first = segments(directory)
    index, _ = reopened(directory)
    index.add(items(4000, 4050))
    directory.save(index.freeze(), 2, ROOT)
    second = segments(directory)
    assert first < second
    assert len(second) == len(first) + len(EVERY_TYPE)
    (directory.path / ".pdq-1-00.segment.00.new").write_bytes(b"left by a process that was killed")
    directory.save(filled(100).freeze(), 3, ROOT)
    assert not segments(directory) & second
    assert {path.name for path in directory.path.iterdir()} == segments(directory) | {"manifest", "lock"}
    # Those who have the old files mapped keep them.
    assert all(found(index, item) for item in range(0, 4050, 81))
    # Its files are gone, so that all of it is written.
    directory.save(index.freeze(), 4, ROOT)
    assert len(reopened(directory)[0]) == 4050


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_file(path: Path) -> None:
    """Put a whole segment there, of the same type, but not the one that was saved."""
    elsewhere = IndexDirectory(path.parent.parent / "elsewhere", MemoryIndexes())
    elsewhere.save(filled(40).freeze(), 1, ROOT)
    (other,) = elsewhere.path.glob(f"{path.name[:5]}-*.segment")
    path.write_bytes(other.read_bytes())
    elsewhere.close()


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "manifest": ("manifest", flip),
    "manifest cut": ("manifest", lambda path: path.write_bytes(path.read_bytes()[:-1])),
    "manifest empty": ("manifest", lambda path: path.write_bytes(b"")),
    "manifest not text": ("manifest", lambda path: path.write_bytes(b"\xff" * 99)),
    "segment": ("sha256-1-*.segment", flip),
    "segment missing": ("minhash-1-*.segment", Path.unlink),
    "another segment": ("pdq-1-*.segment", other_file),
    "withdrawn": ("md5-1-*.withdrawn", flip),
    "withdrawn missing": ("md5-1-*.withdrawn", Path.unlink),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_directory_is_refused_and_replaced_by_the_next_save(
    directory: IndexDirectory, damage: str
) -> None:
    index = filled(900)
    directory.save(index.freeze(), 1, ROOT)
    index.remove([4, 5, 6, 7, 8])
    directory.save(index.freeze(), 1, ROOT)
    pattern, harm = DAMAGES[damage]
    (path,) = directory.path.glob(pattern)
    harm(path)
    with pytest.raises(CorruptError, match=str(directory.path)):
        NativeIndex.open(directory)
    directory.save(filled(50).freeze(), 2, ROOT)
    assert len(reopened(directory)[0]) == 50


def test_a_manifest_cannot_name_a_file_elsewhere() -> None:
    text = IndexManifest(1, ROOT, {}).to_text()
    assert IndexManifest.parse(text) == IndexManifest(1, ROOT, {})
    evil = {"pdq/1": {"segments": [["../hashpact.db", 1, ROOT.hex()]], "withdrawn": None}}
    body = f"hashpact segments 1\n{json.dumps({'position': 1, 'root': ROOT.hex(), 'parts': evil})}\n"
    with pytest.raises(ValueError, match="cannot be a segment's name"):
        IndexManifest.parse(f"{body}{hashlib.sha256(body.encode()).hexdigest()}\n")


def test_one_process_at_a_time_may_save(tmp_path: Path) -> None:
    directory = IndexDirectory(tmp_path, MemoryIndexes())
    assert directory.claim()
    script = (
        "import sys; from pathlib import Path; from hashpact.lookup.directory import IndexDirectory\n"
        "print(IndexDirectory(Path(sys.argv[1]), None).claim())"
    )

    def other() -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, directory.path], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert other() == "False"
    assert directory.claim()
    directory.close()
    assert other() == "True"


def test_a_reader_that_meets_a_save_reads_again(
    directory: IndexDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.save(filled(60).freeze(), 1, ROOT)
    old = directory.manifest()
    directory.save(filled(70).freeze(), 2, ROOT)
    manifests = iter([old])
    read = IndexDirectory.manifest
    monkeypatch.setattr(IndexDirectory, "manifest", lambda self: next(manifests, None) or read(self))
    index, manifest = reopened(directory)
    assert (len(index), manifest.position) == (70, 2)


def test_a_place_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "segments").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot use"):
        IndexDirectory(tmp_path / "segments", MemoryIndexes())
