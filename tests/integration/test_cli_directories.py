"""`hashpact check DIR`: every file below it, past links and what cannot be read, with a real server."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import here
from running import BOTH, RunningServer, found

from hashpact.demo import pictures
from hashpact.fingerprint.content import fingerprints_of
from hashpact.member.clients import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the member acme-video, who has shared the picture of `removed`."""
    home = found(tmp_path_factory.mktemp("directories"), {"acme-video": BOTH})
    with RunningServer(home) as running:
        with Client(running.profile("acme-video")) as client:
            client.submit(fingerprints_of(removed(home.parent)).fingerprints, labels=["other"])
        yield running


def removed(directory: Path) -> Path:
    """A picture that was shared."""
    return pictures.write_original(pictures.draw("hills", 5), directory / "removed.jpg")


def command(server: RunningServer, *arguments: str | Path) -> list[str]:
    profile = server.log_path.parent / "acme-video"
    options = ["--profile", str(profile), "--address", server.address]
    return [sys.executable, "-m", "hashpact", "check", *map(str, arguments), *options]


def check(server: RunningServer, *arguments: str | Path) -> tuple[int, list[str], str]:
    """Exit status, lines and stderr of a check."""
    done = here(*command(server, *arguments)[3:])
    return done.status, done.out.splitlines(), done.err


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """A directory of uploads, two of which are copies, beside what must not be looked at."""
    here = tmp_path / "uploads"
    for name in ("a", "a/deep", "b", ".hidden"):
        (here / name).mkdir(parents=True)
    removed(here / "a" / "deep").rename(here / "a" / "deep" / "copy.jpg")
    (here / "b" / "same.jpg").write_bytes((here / "a" / "deep" / "copy.jpg").read_bytes())
    (here / "b" / "within.jpg").symlink_to("same.jpg")
    (here / "note.txt").write_text("nothing that anybody has shared " * 4)
    (here / "a" / "other.bin").write_bytes(b"\x00other")
    outside = removed(tmp_path)
    (here / "out.jpg").symlink_to(outside)
    (here / "b" / "up").symlink_to(tmp_path)
    (here / ".secret.jpg").write_bytes(outside.read_bytes())
    (here / ".hidden" / "copy.jpg").write_bytes(outside.read_bytes())
    return here


def test_every_file_below_is_checked_and_those_with_a_match_have_a_line(
    server: RunningServer, uploads: Path
) -> None:
    status, lines, err = check(server, uploads)
    assert (status, err) == (0, "")
    *rows, summary = lines
    names = [uploads / "a/deep/copy.jpg", uploads / "b/same.jpg", uploads / "b/within.jpg"]
    assert [row.partition(": ")[0] for row in rows] == [str(name) for name in names]
    assert all("entry 4, same by " in row and "(other; guideline; acme-video)" in row for row in rows)
    assert summary == "5 files checked at position 5: 3 matched"
    status, lines, _ = check(server, uploads / "a", "--type", "md5/1", "--label", "hate")
    assert (status, lines) == (1, ["2 files checked at position 5: 0 matched"])


def test_json_has_an_object_for_every_file(server: RunningServer, uploads: Path) -> None:
    status, lines, _ = check(server, uploads, "--json")
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert status == 0
    assert {Path(one["file"]).name: len({match["entry"] for match in one["matches"]}) for one in found} == {
        "note.txt": 0, "other.bin": 0, "copy.jpg": 1, "same.jpg": 1, "within.jpg": 1,
    }  # fmt: skip
    single = check(server, uploads / "b" / "same.jpg", "--json")
    assert json.loads(single[1][0])["matches"] == found[-2]["matches"]


def test_it_goes_on_past_what_cannot_be_read(server: RunningServer, uploads: Path) -> None:
    (uploads / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.mkfifo(uploads / "a" / "pipe")
    (uploads / "a" / "dangling").symlink_to("nothing")
    (uploads / "a" / "empty").touch()
    status, lines, err = check(server, uploads)
    assert status == 2
    assert lines[-1] == "5 files checked at position 5: 3 matched, 4 could not be read"
    assert sorted(Path(line.split("'")[1]).name for line in err.splitlines()) == [
        "broken.png", "dangling", "empty", "pipe",
    ]  # fmt: skip
    status, lines, _ = check(server, uploads, uploads / "missing", "--json")
    errors = [json.loads(line)["file"] for line in lines if "error" in json.loads(line)]
    assert (status, len(lines), len(errors)) == (2, 10, 5)


def test_an_empty_directory_has_no_match(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, lines, _ = check(server, tmp_path / "empty")
    assert (status, lines) == (1, ["0 files checked: 0 matched"])


def test_a_terminal_has_a_bar_with_the_matches_above(server: RunningServer, uploads: Path) -> None:
    (uploads / "z").mkdir()
    for number in range(100):  # the first call has 64 files: while it is answered, others are still to come
        (uploads / "z" / f"{number}.bin").write_bytes(bytes([0, number]))
    main, other = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(
        command(server, uploads), stdin=subprocess.DEVNULL, stdout=other, stderr=other, env=environ
    ) as running:
        os.close(other)
        shown = b""
        try:
            while data := os.read(main, 65536):
                shown += data
        except OSError:  # how the end of a terminal is read
            pass
        assert running.wait() == 0
    os.close(main)
    text = shown.decode()
    shown_of_all = [int(percent) for percent in re.findall(r"files .*?(\d+)%", text)]
    assert (shown_of_all[0], shown_of_all[-1]) == (0, 100)
    assert shown_of_all == sorted(shown_of_all)
    assert text.count("entry 4, same by") == 3
    assert text.rindex("entry 4, same by") < text.rindex("100%")
    # At the end the bar's line is erased.
    assert text.rpartition("\x1b[2K")[2] == "105 files checked at position 5: 3 matched\r\n"


def test_memory_does_not_grow_with_the_number_of_files(server: RunningServer, tmp_path: Path) -> None:
    """A hundred megabytes in five hundred files take about as much as thirteen in some."""
    launch = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    peaks = []
    for name, count in (("few", 65), ("many", 500)):
        (tmp_path / name).mkdir()
        for number in range(count):
            with (tmp_path / name / f"{number}.bin").open("wb") as file:
                file.write(number.to_bytes(4) + b"\x00")
                file.truncate(200_000)
        done = subprocess.run(
            [sys.executable, "-c", launch, *command(server, tmp_path / name)],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 15
