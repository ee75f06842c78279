"""Indexes in files: what is written is what is read, and nothing else is taken for it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from segments import SegmentFile, crc32c, random_codes, random_hashes, random_parts, random_signatures

from hashpact.errors import CorruptError
from hashpact.lookup import HammingIndex, MinHashIndex, PartsIndex, WinnowIndex

Index = HammingIndex | MinHashIndex | PartsIndex | WinnowIndex


def hamming(count: int, width: int = 8) -> HammingIndex:
    return HammingIndex.build(random_codes(count, width, count), np.arange(count) * 3 + 1)


def minhash(count: int) -> MinHashIndex:
    return MinHashIndex.build(random_signatures(count, count), np.arange(count) * 3 + 1)


def parts(count: int) -> PartsIndex:
    index = PartsIndex()
    index.add(random_parts(count, count), np.arange(count) * 3 + 1)
    return index


def winnow(count: int) -> WinnowIndex:
    return WinnowIndex.build(random_hashes(count, count), np.arange(count) * 3 + 1)


KINDS: dict[str, tuple[type[Index], Callable[[int], Index]]] = {
    "hamming": (HammingIndex, hamming),
    "minhash": (MinHashIndex, minhash),
    "parts": (PartsIndex, parts),
    "winnow": (WinnowIndex, winnow),
}


def answers(index: Index, count: int) -> list[Any]:
    """What some searches give."""
    if isinstance(index, HammingIndex):
        queries = [code.tobytes() for code in random_codes(count, index.width, count)[:: max(1, count // 40)]]
        return [index.search(query, distance) for query in queries for distance in (0, 3, 9)]
    if isinstance(index, PartsIndex):
        values = random_parts(count, count)[:: max(1, count // 40)]
        found = [index.search(value, points) for value in values for points in (2, 9)]
        return [tuple(getattr(each, "tolist", bool)() for each in one[:3]) for one in found]
    if isinstance(index, WinnowIndex):
        texts = random_hashes(count, count)[:: max(1, count // 40)]
        return [[each.tolist() for each in index.search(text, 0.3)[:2]] for text in texts]
    signatures = random_signatures(count, count)[:: max(1, count // 40)]
    return [index.search(signature, similarity) for signature in signatures for similarity in (0.5, 1.0)]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of index."""
    name: str = request.param
    return name


@pytest.fixture
def saved(kind: str, tmp_path: Path) -> Path:
    """An index of 700 in a file."""
    path = tmp_path / "index.segment"
    KINDS[kind][1](700).save(path)
    return path


@pytest.mark.parametrize("count", [0, 1, 100, 700, 6000])
def test_an_opened_index_answers_as_the_saved_one(kind: str, count: int, tmp_path: Path) -> None:
    opener, build = KINDS[kind]
    index = build(count)
    index.save(tmp_path / "a.segment")
    opened = opener.open(tmp_path / "a.segment")
    opened.verify()
    assert len(opened) == count
    assert answers(opened, count) == answers(index, count)
    opened.save(tmp_path / "b.segment")
    assert (tmp_path / "a.segment").read_bytes() == (tmp_path / "b.segment").read_bytes()


@pytest.mark.parametrize("width", [8, 16, 32, 40, 512])
def test_every_width_can_be_kept(width: int, tmp_path: Path) -> None:
    index = hamming(900, width)
    index.save(tmp_path / "a.segment")
    opened = HammingIndex.open(str(tmp_path / "a.segment"))
    assert opened.width == width
    assert answers(opened, 900) == answers(index, 900)


def test_a_crowd_of_near_copies_can_be_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (30_000, 32), dtype=np.uint8)
    codes[:20_000] = codes[:1] ^ np.packbits(rng.random((20_000, 256)) < 0.02, axis=1)
    index = HammingIndex.build(codes, np.arange(30_000))
    index.save(tmp_path / "a.segment")
    opened = HammingIndex.open(tmp_path / "a.segment")
    opened.verify()
    for row in (0, 7, 25_000):
        assert opened.search(codes[row].tobytes(), 31, 50) == index.search(codes[row].tobytes(), 31, 50)


def test_a_file_has_the_bytes_that_the_format_says(kind: str, saved: Path) -> None:
    file = SegmentFile.read(saved)
    assert (file.kind, file.width, file.rows) == {
        "hamming": (1, 8, 700),
        "minhash": (2, 512, 700),
        "parts": (5, 2056, 700),
        "winnow": (4, 512, 700),
    }[kind]
    assert np.array_equal(np.frombuffer(file.content("ids"), "<u8"), np.arange(700) * 3 + 1)
    if kind == "hamming":
        assert file.content("records") == random_codes(700, 8, 700).tobytes()
    for section in file.sections:
        assert section.size % section.value_size == 0
        if section.size < 20_000:
            assert section.checksum == crc32c(file.content(section.name)), section.name
    assert saved.stat().st_mode & 0o777 == 0o600


def test_the_format_page_names_every_section(kind: str, saved: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/formats/segment.md").read_text("utf-8")
    for section in SegmentFile.read(saved).sections:
        name = re.sub(r"\.\d+$", ".i", section.name)
        assert f"`{name}`" in page, f"{kind} has a section {name}"


def test_delta_tombstones_and_layers_are_folded_into_one(tmp_path: Path) -> None:
    codes = random_codes(4000, 8, 1)
    index = HammingIndex(8)
    for part in np.array_split(np.arange(4000), 23):
        index.add(codes[part], part)
    index.remove(range(0, 4000, 3))
    index.save(tmp_path / "a.segment")
    kept = [row for row in range(4000) if row % 3]
    file = SegmentFile.read(tmp_path / "a.segment")
    assert np.frombuffer(file.content("ids"), "<u8").tolist() == kept
    opened = HammingIndex.open(tmp_path / "a.segment")
    assert answers(opened, 4000) == answers(index, 4000)
    assert opened.stats()["segments"][0][0] == len(kept)
    assert opened.stats()["tombstones"] == 0


def test_an_opened_index_is_changed_in_memory_only(kind: str, saved: Path) -> None:
    before = saved.read_bytes()
    index = KINDS[kind][0].open(saved)
    made: dict[str, Any] = {
        "hamming": random_codes(2000, 8, 5),
        "minhash": random_signatures(2000, 5),
        "parts": random_parts(2000, 5),
        "winnow": random_hashes(2000, 5),
    }
    rows = made[kind]
    index.add(rows, np.arange(2000) * 3)
    assert index.remove([1, 4, 7]) == 3
    with pytest.raises(ValueError, match="id 10 is in the index already"):
        index.add(rows[:1], [10])
    index.settle()
    assert len(index) == 2697
    assert saved.read_bytes() == before
    index.save(saved)
    again = KINDS[kind][0].open(saved)
    assert len(again) == 2697
    assert answers(again, 700) == answers(index, 700)


def refused(kind: str, path: Path, message: str = "") -> None:
    with pytest.raises(CorruptError, match=message) as caught:
        KINDS[kind][0].open(path).verify()
    assert str(path) in str(caught.value)


def test_every_bit_of_header_and_table_counts(kind: str, saved: Path, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    table = 64 + 64 * len(SegmentFile.read(saved).sections)
    path = tmp_path / "flipped.segment"
    for at in range(min(table, 1024)):
        data[at] ^= 1 << at % 8
        path.write_bytes(data)
        with pytest.raises(CorruptError) as caught:
            KINDS[kind][0].open(path)
        assert str(path) in str(caught.value)
        data[at] ^= 1 << at % 8


def test_every_section_and_every_gap_is_verified(kind: str, saved: Path, tmp_path: Path) -> None:
    file = SegmentFile.read(saved)
    path = tmp_path / "flipped.segment"
    data = bytearray(file.data)
    end = 64 + 64 * len(file.sections)
    places = [(len(data) - 1, "behind the last section")]
    for section in file.sections:
        if end < section.offset:
            places += [(at, f"before section {section.name}") for at in (end, section.offset - 1)]
        end = section.offset + section.size
        places += [(at, f"section {section.name} ") for at in (section.offset, end - 1) if section.size]
    for at, what in places:
        data[at] ^= 0x10
        path.write_bytes(data)
        refused(kind, path, what)
        data[at] ^= 0x10


def test_a_truncated_file_is_refused_wherever_it_ends(kind: str, saved: Path, tmp_path: Path) -> None:
    file = SegmentFile.read(saved)
    cuts = {0, 1, 63, 64, 65, 128, len(file.data) - 1}
    for section in file.sections:
        cuts |= {section.offset, section.offset + section.size, section.offset + section.size // 2}
    cuts |= set(np.random.default_rng(3).integers(0, len(file.data), 50).tolist())
    path = tmp_path / "cut.segment"
    for cut in sorted(cuts - {len(file.data)}):
        path.write_bytes(file.data[:cut])
        with pytest.raises(CorruptError, match=rf"only {cut} bytes|{cut} bytes of {len(file.data)}"):
            KINDS[kind][0].open(path)
    path.write_bytes(file.data + b"\0")
    refused(kind, path, "bytes of")


def test_a_search_in_an_altered_file_answers_or_refuses(kind: str, saved: Path, tmp_path: Path) -> None:
    """Not one search leaves the file; what it answers can be wrong, for nobody has verified it."""
    path = tmp_path / "altered.segment"
    file = SegmentFile.read(saved)
    rng = np.random.default_rng(5)
    messages = []
    for section in file.sections:
        for how in range(6):
            data = bytearray(file.data)
            place = slice(section.offset, section.offset + section.size)
            if how < 3:
                data[place] = bytes([(0xFF, 0x80, 0)[how]]) * section.size
            else:
                for at in rng.integers(section.offset, max(place.stop, place.start + 1), 40).tolist():
                    data[at] ^= int(rng.integers(1, 256))
            path.write_bytes(data)
            try:
                answers(KINDS[kind][0].open(path), 700)
            except CorruptError as error:
                messages.append(str(error))
    assert messages
    assert all(str(path) in message for message in messages)


def test_other_files_are_refused(kind: str, saved: Path, tmp_path: Path) -> None:
    opener = KINDS[kind][0]
    other = tmp_path / "other.segment"
    KINDS["minhash" if kind == "hamming" else "hamming"][1](10).save(other)
    refused(kind, other, "another kind")
    other.write_bytes(b"GIF89a" * 100)
    refused(kind, other, "not a segment file")
    refused(kind, tmp_path, "not a plain file")
    os.mkfifo(tmp_path / "pipe")
    refused(kind, tmp_path / "pipe", "not a plain file")
    with pytest.raises(FileNotFoundError) as caught:
        opener.open(tmp_path / "missing")
    assert caught.value.filename == str(tmp_path / "missing")
    other.unlink()
    shutil.copy(saved, other)
    opener.open(other).verify()


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hamming(10).save(tmp_path / "no" / "a.segment")
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        hamming(10).save(tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
