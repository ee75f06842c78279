"""The window of uploads: what it keeps and for how long, what its files show, and what a damaged one does."""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import NOW, FakeClock, fingerprint

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import MINHASH, PARTS, PDQ, SHA256, TYPES, WINNOW
from hashpact.domain.matching.views import PictureView, Texture
from hashpact.errors import ConfigError, CorruptError, HashpactError
from hashpact.mirror.retro import segments as files
from hashpact.mirror.retro.segments import IN_BLOCK, JOURNAL, PACKED, SegmentKey, SegmentReader
from hashpact.mirror.retro.uploads import PastUpload, UploadBlock, written
from hashpact.mirror.retro.window import DAY, SHARES, Window, WindowSize, forget, pruning, segments

KEY = bytes(range(32))
SIZE = WindowSize(DAY, 16 << 20)
SUPPORT = Path(__file__).resolve().parents[3] / "support"


def refuse(error: HashpactError) -> None:
    raise error


def opened(directory: Path, size: WindowSize = SIZE, clock: Callable[[], int] = lambda: NOW) -> Window:
    return Window(directory, KEY, size, clock, refuse)


def blocks(path: Path) -> list[UploadBlock]:
    try:
        opening = SegmentReader(path, KEY)
    except FileNotFoundError:  # it was packed meanwhile
        opening = SegmentReader(path.with_suffix(PACKED), KEY)
    with opening as reader:
        return [reader.read(frame) for frame in reader.frames()]


def held(directory: Path) -> list[tuple[int, int, str, tuple[bytes, ...]]]:
    """Everything that a window has, in order."""
    return [
        (
            int(block.at[number]),
            int(block.positions[number]),
            block.references[number],
            tuple(query.fingerprint.value for query in block.queries(number)),
        )
        for segment in segments(directory)
        for block in blocks(segment.path)
        for number in range(len(block))
    ]


def test_a_block_has_every_type_view_and_texture() -> None:
    queries = tuple(Query(fingerprint(kind, "one")) for kind in TYPES.values())
    framed = Query(fingerprint(PDQ, "two"), 8, PictureView.FRAME, Texture.FAINT)
    block = UploadBlock.parse(
        written([PastUpload(1, 2, queries, "ảnh"), PastUpload(2**40, 2**50, (framed,)), PastUpload(3, 4, ())])
    )
    assert (block.at.tolist(), block.positions.tolist()) == ([1, 2**40, 3], [2, 2**50, 4])
    assert block.references == ("ảnh", "", "")
    assert {query.fingerprint for query in block.queries(0)} == {query.fingerprint for query in queries}
    (found,) = block.queries(1)
    assert (found.fingerprint, found.view, found.texture) == (framed.fingerprint, framed.view, framed.texture)
    assert block.queries(2) == ()


def test_what_is_no_block_is_refused() -> None:
    whole = written([PastUpload(1, 2, (Query(fingerprint(PDQ, "x")), Query(fingerprint(WINNOW, "x"))), "r")])
    for size in range(len(whole)):
        if size != len(written([PastUpload(1, 2, (), "r")])) and size != len(
            written([PastUpload(1, 2, (Query(fingerprint(PDQ, "x")),), "r")])
        ):
            with pytest.raises(CorruptError, match="no block"):
                UploadBlock.parse(whole[:size])
    for wrong in (whole.replace(b"pdq/1", b"pdq/9"), whole.replace(b"pdq/1", b"md5/1")):
        with pytest.raises(CorruptError, match="no block"):
            UploadBlock.parse(wrong)
    number = whole.index(b"pdq/1") + 5
    for place in (number, number + 6, number + 7):  # of which upload, its view, its texture
        altered = bytearray(whole)
        altered[place] = 255
        with pytest.raises(CorruptError, match="no block"):
            UploadBlock.parse(bytes(altered))


def test_it_keeps_checks_across_segments_and_starts(tmp_path: Path) -> None:
    clock = FakeClock()
    expected = []
    for start in range(2):
        with opened(tmp_path / "w", clock=clock) as window:
            for number in range(3):
                code = fingerprint(PDQ, f"{start} {number}")
                window.keep([(Query(code), Query(fingerprint(MINHASH, "m")))], number, f"r{start}{number}")
                expected.append((clock(), number, f"r{start}{number}", code.value))
                clock.now += DAY // SHARES
            assert [one.path.suffix for one in segments(tmp_path / "w")][-1] == JOURNAL
    found = held(tmp_path / "w")
    assert [(at, position, name, values[0]) for at, position, name, values in found] == expected
    assert {segment.path.suffix for segment in segments(tmp_path / "w")} == {PACKED}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "w").iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_its_files_show_nothing(tmp_path: Path, *, packed: bool) -> None:
    codes = [fingerprint(kind, "secret") for kind in TYPES.values()]
    window = opened(tmp_path / "w")
    window.keep([tuple(map(Query, codes))], 7, "upload-of-someone")
    if packed:
        window.close()
    data = b"".join(path.read_bytes() for path in (tmp_path / "w").iterdir())
    assert len(data) > sum(len(code.value) for code in codes)
    for code in codes:
        for part in (code.value[:8], code.value[-8:]):
            for form in (part, part.hex().encode(), part.hex().upper().encode(), base64.b64encode(part)[:8]):
                assert form not in data
    assert b"upload-of-someone" not in data
    (segment,) = segments(tmp_path / "w")
    with (
        SegmentReader(segment.path, bytes(32)) as reader,
        pytest.raises(CorruptError, match="another key's"),
    ):
        reader.read(next(reader.frames()))
    window.close()


def test_a_killed_process_has_lost_no_check_that_was_kept(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(SUPPORT)!r})
from builders import NOW, fingerprint
from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import PDQ
from hashpact.mirror.retro.window import DAY, Window, WindowSize
directory = Path({str(tmp_path / "w")!r})
window = Window(directory, bytes(range(32)), WindowSize(DAY, 16 << 20), lambda: NOW, print)
number = 0
while True:
    window.keep([(Query(fingerprint(PDQ, str(number))),)], number)
    print(number, flush=True)
    number += 1
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 300:
                process.kill()
                break
        last = max([300, *map(int, process.stdout.read().split())])
    with opened(tmp_path / "w") as window:  # which does not touch what is there
        window.keep([(Query(fingerprint(PDQ, "later")),)], 5)
    found = held(tmp_path / "w")
    values = [value for *_, (value,) in found if value != fingerprint(PDQ, "later").value]
    assert values[: last + 1] == [fingerprint(PDQ, str(number)).value for number in range(last + 1)]


def test_what_is_older_than_the_window_is_gone(tmp_path: Path) -> None:
    clock, times = FakeClock(), list[int]()
    with opened(tmp_path / "w", clock=clock) as window:
        for number in range(3 * SHARES):
            window.keep([(Query(fingerprint(SHA256, str(number))),)], number)
            times = [at for at, *_ in held(tmp_path / "w")]
            assert min(times) >= clock() - DAY
            clock.now += DAY // SHARES
        assert len(times) >= SHARES - 1
        clock.now += 2 * DAY
        window.prune()
        assert segments(tmp_path / "w") == []
        window.keep([(Query(fingerprint(SHA256, "new")),)], 9)  # its journal was removed
        assert [position for _, position, *_ in held(tmp_path / "w")] == [9]


def test_it_has_no_more_bytes_than_it_may_have(tmp_path: Path) -> None:
    code = tuple(Query(fingerprint(PARTS, str(number))) for number in range(8))
    most, last = 0, 0
    with opened(tmp_path / "w") as window:
        for number in range(2000):
            window.keep([code], number)
            if number % 20 == 0:
                most = max(most, _bytes(tmp_path / "w"))
            last = number
    assert 8 << 20 < most <= SIZE.size
    positions = [position for _, position, *_ in held(tmp_path / "w")]
    assert positions == list(range(positions[0], last + 1))


def _bytes(directory: Path) -> int:
    """The bytes of all files that are there; one that gets its name meanwhile counts once."""
    sizes: dict[int, int] = {}
    for path in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):  # a draft, which has its name now
            found = path.stat()
            sizes[found.st_ino] = found.st_size
    return sum(sizes.values())


def test_a_packed_segment_has_several_blocks_in_order(tmp_path: Path) -> None:
    with opened(tmp_path / "w") as window:
        window.keep([(Query(fingerprint(SHA256, str(number))),) for number in range(IN_BLOCK + 5)], 3)
    (segment,) = segments(tmp_path / "w")
    assert [len(block) for block in blocks(segment.path)] == [IN_BLOCK, 5]
    values = [value for *_, (value,) in held(tmp_path / "w")]
    assert values == [fingerprint(SHA256, str(number)).value for number in range(IN_BLOCK + 5)]


def test_threads_keep_at_the_same_time(tmp_path: Path) -> None:
    with opened(tmp_path / "w") as window, opened(tmp_path / "w") as other:

        def some(first: int) -> None:
            for number in range(first, first + 50):
                (window, other)[number % 2].keep([(Query(fingerprint(SHA256, str(number))),)], number)

        threads = [threading.Thread(target=some, args=(50 * number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(position for _, position, *_ in held(tmp_path / "w")) == list(range(200))


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    with opened(tmp_path / "w") as window:
        window.keep([(Query(fingerprint(PDQ, "x")),)], 7, "r")
    (segment,) = segments(tmp_path / "w")
    whole = segment.path.read_bytes()
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 1
        segment.path.write_bytes(altered)
        try:
            assert blocks(segment.path) == []
        except CorruptError:
            continue
        assert place == len(files.FIRST_LINE)  # it says a journal, which may end within a frame
    for size in range(len(whole)):
        segment.path.write_bytes(whole[:size])
        with pytest.raises(CorruptError):
            blocks(segment.path)


def test_a_frame_that_nobody_finished_ends_a_journal(tmp_path: Path) -> None:
    window = opened(tmp_path / "w")
    window.keep([(Query(fingerprint(PDQ, "x")),)], 1)
    (segment,) = segments(tmp_path / "w")
    size = segment.path.stat().st_size
    window.keep([(Query(fingerprint(PDQ, "y")),)], 2)
    os.truncate(segment.path, segment.path.stat().st_size - 1)
    assert [position for _, position, *_ in held(tmp_path / "w")] == [1]
    assert size < segment.path.stat().st_size


def test_frames_that_are_swapped_or_of_another_count_are_noticed(tmp_path: Path) -> None:
    sealing = SegmentKey.new(KEY, packed=False)
    one, two = (sealing.seal(number, [PastUpload(1, 2, ())]) for number in range(2))
    path = tmp_path / "x.journal"
    path.write_bytes(sealing.header + two + one)
    with pytest.raises(CorruptError, match="frame 0 was altered"):
        blocks(path)
    path.write_bytes(b"something else altogether, and longer")
    with pytest.raises(CorruptError, match="does not begin as a segment"):
        blocks(path)


def test_a_full_disk_is_said_once_and_checks_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[HashpactError] = []
    with Window(tmp_path / "w", KEY, SIZE, lambda: NOW, said.append) as window:
        window.keep([(Query(fingerprint(PDQ, "0")),)], 0)

        def full(_descriptor: int, _data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr("hashpact.mirror.retro.segments.os.write", full)
            for number in range(3):
                window.keep([(Query(fingerprint(PDQ, "1")),)], number)
        window.keep([(Query(fingerprint(PDQ, "2")),)], 9)
    assert [str(error.message).rpartition(": ")[2] for error in said] == ["No space left on device"]
    assert sorted(position for _, position, *_ in held(tmp_path / "w")) == [0, 9]


def test_drafts_of_a_killed_process_and_strange_files(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    old, young, strange = (tmp_path / "w" / name for name in (".a.new", ".b.new", "strange.packed"))
    for path in (old, young, strange):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    opened(tmp_path / "w").close()
    assert (old.exists(), young.exists(), strange.exists()) == (False, True, True)
    assert segments(tmp_path / "w") == []


def test_it_is_pruned_now_and_then(tmp_path: Path) -> None:
    clock, pruned = FakeClock(), threading.Event()
    with opened(tmp_path / "w", clock=clock) as window:
        window.keep([(Query(fingerprint(PDQ, "0")),)], 0)
        clock.now += 2 * DAY

        class Watched:
            def prune(self) -> None:
                window.prune()
                pruned.set()

        with pruning(Watched(), 0.01):  # type: ignore[arg-type]  # as much of a window as is used
            assert pruned.wait(120)
        assert segments(tmp_path / "w") == []


def test_it_is_pruned_again_after_it_could_not_be(tmp_path: Path) -> None:
    clock, tried, pruned = FakeClock(), threading.Event(), threading.Event()
    with opened(tmp_path / "w", clock=clock) as window:
        window.keep([(Query(fingerprint(PDQ, "0")),)], 0)
        clock.now += 2 * DAY
        (tmp_path / "w").rename(tmp_path / "away")

        class Watched:
            def prune(self) -> None:
                try:
                    window.prune()
                except ConfigError:
                    tried.set()
                    raise
                pruned.set()

        with pruning(Watched(), 0.01):  # type: ignore[arg-type]  # as much of a window as is used
            assert tried.wait(120)
            (tmp_path / "away").rename(tmp_path / "w")
            assert pruned.wait(120)
        assert segments(tmp_path / "w") == []


def test_it_is_forgotten_whole_and_errors_name_it(tmp_path: Path) -> None:
    forget(tmp_path / "w")
    with opened(tmp_path / "w") as window:
        window.keep([(Query(fingerprint(PDQ, "0")),)], 0)
    forget(tmp_path / "w")
    assert not (tmp_path / "w").exists()
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot remove"):
        forget(tmp_path / "f")
    with pytest.raises(ConfigError, match="cannot make"):
        opened(tmp_path / "f")
