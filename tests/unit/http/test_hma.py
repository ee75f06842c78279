"""The contents of an HMA, asked for one after another: what is copied, where it ends, what is refused."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from commands import here
from webs import answered, path_of, scripted

from hashpact.cli import exits
from hashpact.domain.fingerprints import PDQ
from hashpact.durable import claimed
from hashpact.exchange.rows import Put, Skip
from hashpact.exchange.tx import read_contents
from hashpact.http.hma import GAP

BANK = {"matching_enabled_ratio": 1.0, "name": "REMOVED"}


def code(number: int) -> str:
    """A PDQ code, balanced as those of pictures are."""
    return (number.to_bytes(16) + bytes(255 - byte for byte in number.to_bytes(16))).hex()


def content(number: int, **more: object) -> dict[str, Any]:
    """A content as HMA shows it."""
    shown = {"bank": BANK, "disable_until_ts": 1, "id": number, "original_media_uri": "https://a.example/1"}
    return shown | {"signals": {"pdq": code(number)}, "note": "PRIVATE"} | more


@contextmanager
def hma(
    contents: Mapping[int, dict[str, Any]],
    near: Callable[[str], list[int]] = lambda _: [],
    lookups: str = "200 OK",
    bank: str = "200 OK",
) -> Iterator[tuple[str, list[str]]]:
    """The URL of a server that answers as HMA 1.1.7 does, and the paths that were asked for.

    ``lookups`` and ``bank`` are the statuses of lookups and of its one bank.
    """
    asked: list[str] = []

    def script(head: bytes, connection: socket.socket) -> None:
        parts = urlsplit(path_of(head))
        asked.append(parts.path)
        query = parse_qs(parts.query)
        found: Any = {"message": "not found"}
        status = "200 OK"
        if parts.path == "/c/banks":
            found = [BANK]
        elif parts.path == "/m/raw_lookup":
            found, status = {"matches": near(query["signal"][0])}, lookups
        elif parts.path == "/c/bank/REMOVED":
            found, status = BANK, bank
        elif (number := int(parts.path.rpartition("/")[2])) in contents:
            assert (query["include_signals"], query["include_metadata"]) == (["true"], ["true"])
            found = contents[number]
        else:
            status = "404 NOT FOUND"
        connection.sendall(answered(json.dumps(found).encode(), status))

    with scripted(script) as url:
        yield url, asked


def test_every_content_is_copied_over_gaps_and_beyond_what_a_lookup_shows(tmp_path: Path) -> None:
    last = 3 * GAP
    contents = {1: content(1), GAP: content(GAP, disable_until_ts=0), last: content(last)}
    contents[2] = content(2, metadata={"content_id": "PRIVATE", "collab": {"NCMEC": ["9001-x"]}})
    file = tmp_path / "contents.jsonl"
    with hma(contents, lambda signal: [last] if signal == code(GAP) else []) as (url, asked):
        done = here("hma", "copy", url, file, "--json")
    assert (done.status, done.lines) == (
        exits.OK,
        [{"file": str(file), "contents": 4, "new": 4, "last": last}],
    )
    numbers = [int(path.rpartition("/")[2]) for path in asked if "/content/" in path]
    assert numbers == [*range(1, last + GAP + 1)]
    assert b"PRIVATE" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open("rb") as copied:
        first, other, off, end = read_contents(copied)
    assert isinstance(first, Put)
    assert [(one.type, one.value.hex()) for one in first.fingerprints] == [(PDQ, code(1))]
    assert [type(one) for one in (other, off, end)] == [Skip, Skip, Put]


def test_a_copy_that_was_interrupted_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    contents = {number: content(number) for number in (1, 2, 3)}
    file = tmp_path / "contents.jsonl"
    with hma(contents) as (url, asked):
        assert here("hma", "copy", url, file).status == exits.OK
        whole = file.read_bytes()
        file.write_bytes(whole[: whole.index(b"\n") + 20])
        asked.clear()
        done = here("hma", "copy", url, file)
        assert f"3 contents in {file}, 2 of them new" in done.out
        assert file.read_bytes() == whole
        assert "/c/bank/REMOVED/content/1" not in asked
        assert here("hma", "copy", url, file, "--json").lines[0]["new"] == 0


def test_a_copy_that_was_interrupted_at_a_gap_finds_what_is_beyond_it(tmp_path: Path) -> None:
    last = 3 * GAP
    file = tmp_path / "contents.jsonl"
    with hma({1: content(1), last: content(last)}, lambda _: [1, last]) as (url, _):
        assert here("hma", "copy", url, file).status == exits.OK
        whole = file.read_bytes()
        file.write_bytes(whole[: whole.index(b"\n") + 1])
        assert here("hma", "copy", url, file, "--json").lines[0]["last"] == last
        assert file.read_bytes() == whole


def test_an_hma_without_banks_has_no_contents(tmp_path: Path) -> None:
    with scripted(lambda _, connection: connection.sendall(answered(b"[]"))) as url:
        assert here("hma", "copy", url, tmp_path / "none", "--json").lines[0]["contents"] == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<html>", "200 OK", exits.MISUSED),
        (b'{"banks": []}', "200 OK", exits.MISUSED),
        (b"[" * 100_000, "200 OK", exits.MISUSED),
        (b'[{"name": "\\ud800"}]', "200 OK", exits.MISUSED),
        (b'[{"name": "../../STATUS"}]', "200 OK", exits.MISUSED),
        (b'[{"name": "' + b"A" * 3_000_000 + b'"}]', "200 OK", exits.MISUSED),
        (b"[]", "500 Error", exits.UNAVAILABLE),
    ],
)
def test_what_is_no_hma_is_refused(tmp_path: Path, body: bytes, status: str, code: int) -> None:
    with scripted(lambda _, connection: connection.sendall(answered(body, status))) as url:
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert done.status == code
    assert "c/banks is" in done.error


def test_an_answer_beyond_its_limit_is_refused_with_the_limit(tmp_path: Path) -> None:
    with hma({1: content(1, note="x" * (4 << 20))}) as (url, _):
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "c/bank/REMOVED/content/1 has more than 4194304 bytes" in done.error


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 2},
        {"id": None},
        {"id": True},
        {"bank": None},
        {"bank": {"name": 1}},
        {"metadata": {"collab": [[]]}},
    ],
)
def test_a_content_that_is_another_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with hma({1: content(1) | wrong}) as (url, _):
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "c/bank/REMOVED/content/1 is not answered as HMA 1.1.7 answers" in done.error


def test_a_lookup_that_shows_no_ids_is_refused(tmp_path: Path) -> None:
    with hma({1: content(1)}, lambda _: None) as (url, _):  # type: ignore[arg-type, return-value]  # it is to be wrong
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "m/raw_lookup is not answered as HMA 1.1.7 answers" in done.error


def test_a_signal_that_cannot_be_looked_up_shows_no_contents(tmp_path: Path) -> None:
    odd = {"pdq": code(1), "text": "\ud800", "vpdq": "x" * 100_000, "other": [1], "none": None}
    file = tmp_path / "contents.jsonl"
    with hma({1: content(1, signals=odd)}, lambda _: [9 * GAP], "400 BAD REQUEST") as (url, asked):
        assert here("hma", "copy", url, file, "--json").lines[0]["last"] == 1
    assert asked.count("/m/raw_lookup") == len(["pdq"])
    copied = json.loads(file.read_bytes())["signals"]
    assert copied == {name: value for name, value in odd.items() if isinstance(value, str)}


def test_a_redirection_is_shown_and_not_followed(tmp_path: Path) -> None:
    moved = answered(b"", "301 MOVED", "Location: https://hma.example/\x1b[2J")
    with scripted(lambda _, connection: connection.sendall(moved)) as url:
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert done.error.endswith(
        r"c/banks is answered with status 301, to 'https://hma.example/\x1b[2J', which is not followed"
    )


def test_lookups_that_are_not_ready_end_the_copy(tmp_path: Path) -> None:
    with hma({1: content(1)}, lookups="503 NOT READY") as (url, _):
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert (done.status, "m/raw_lookup is answered with status 503" in done.error) == (
        exits.UNAVAILABLE,
        True,
    )


def test_an_id_that_no_hma_has_ends_the_copy(tmp_path: Path) -> None:
    with hma({1: content(1)}, lambda _: [1 << 52]) as (url, asked):
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert f"shows content {1 << 52}, and HMA has none above 2147483647; a gateway" in done.error
    assert len(asked) < 2 * GAP


def test_a_bank_that_is_deleted_meanwhile_ends_no_copy_early(tmp_path: Path) -> None:
    with hma({1: content(1)}, bank="404 NOT FOUND") as (url, _):
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "bank REMOVED is gone; run this again to go on with another bank" in done.error
    assert done.status == exits.UNAVAILABLE


def test_of_an_exchange_only_the_name_is_copied(tmp_path: Path) -> None:
    file = tmp_path / "contents.jsonl"
    nested: dict[str, Any] = {"NCMEC": ["9001-x"], "OTHER": {"a": {"b": 1}}}
    with hma({1: content(1, metadata={"collab": nested}, disable_until_ts=float("nan"))}) as (url, _):
        assert here("hma", "copy", url, file).status == exits.OK
    copied = json.loads(file.read_bytes())
    assert copied["metadata"] == {"collab": {"NCMEC": [], "OTHER": []}}
    assert copied["disable_until_ts"] is None


COPIED = b'{"id":7,"disable_until_ts":1,"bank":{"name":"REMOVED"},"signals":{}}\n'


@pytest.mark.parametrize(
    "held",
    [
        b"something else\n",
        b"without the end of a line",
        b'{"id": 5, "mine": 1}',
        b'{"id": 5, "mine": 1}\n',
        b'{"id":1e999}\n',
        COPIED.replace(b"7", b"-7"),
        COPIED.replace(b"7", b'"7"'),
        COPIED.replace(b"7", b"9" * 20),
        COPIED + COPIED,
        COPIED + b"{}",
        bytes(20 << 20),
    ],
)
def test_a_file_that_is_no_copy_is_not_written_to(tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(held)
    with hma({1: content(1)}) as (url, asked):
        done = here("hma", "copy", url, file)
    assert "is no content of an HMA, or not in the order of their ids: name another file" in done.error
    assert (file.read_bytes() == held, asked) == (True, [])


@pytest.mark.parametrize("place", ["link", "directory", "pipe", "nowhere/file"])
def test_a_place_that_can_be_no_copy_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "target").write_bytes(COPIED)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    done = here("hma", "copy", "http://127.0.0.1:1", tmp_path / place)
    assert (done.status, f"cannot open {tmp_path / place}: " in done.error) == (exits.MISUSED, True)
    assert (tmp_path / "target").read_bytes() == COPIED


def test_one_copy_at_a_time_is_written_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "contents.jsonl"
    with claimed(file), hma({1: content(1)}) as (url, _):
        assert f"another process is copying into {file}" in here("hma", "copy", url, file).error


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "contents.jsonl"
    full = OSError(errno.ENOSPC, "No space left on device")
    with hma({1: content(1)}) as (url, _), patch("os.fsync", side_effect=full):
        done = here("hma", "copy", url, file)
    assert done.error == f"cannot write {file}: No space left on device; check the disk"
    assert done.status == exits.MISUSED


@pytest.mark.parametrize(
    "url",
    [
        "hma.internal:5000",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://a b/",
        "http://h/?token=SECRET",
        "http://user:SECRET@127.0.0.1",
        "http://h/#SECRET",
    ],
)
def test_what_is_no_address_of_an_hma_is_refused(tmp_path: Path, url: str) -> None:
    done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "is an http or https address without user, query and fragment" in done.error
    assert ("SECRET" in done.error, (tmp_path / "contents.jsonl").exists()) == (False, False)
