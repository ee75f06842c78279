"""The contents of an HMA, asked for one after another: what is copied, where it ends, what is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from commands import here
from webs import answered, path_of, scripted

from hashpact.cli import exits
from hashpact.domain.fingerprints import PDQ
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
    contents: Mapping[int, dict[str, Any]], near: Callable[[str], list[int]] = lambda _: []
) -> Iterator[tuple[str, list[str]]]:
    """The URL of a server that answers as HMA 1.1.7 does, and the paths that were asked for."""
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
            found = {"matches": near(query["signal"][0])}
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
    numbers = [int(path.rpartition("/")[2]) for path in asked if path.startswith("/c/bank/")]
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


def test_an_hma_without_banks_has_no_contents(tmp_path: Path) -> None:
    with scripted(lambda _, connection: connection.sendall(answered(b"[]"))) as url:
        assert here("hma", "copy", url, tmp_path / "none", "--json").lines[0]["contents"] == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<html>", "200 OK", exits.MISUSED),
        (b'{"banks": []}', "200 OK", exits.MISUSED),
        (b"[" * 100_000, "200 OK", exits.MISUSED),
        (b"[]", "500 Error", exits.UNAVAILABLE),
    ],
)
def test_what_is_no_hma_is_refused(tmp_path: Path, body: bytes, status: str, code: int) -> None:
    with scripted(lambda _, connection: connection.sendall(answered(body, status))) as url:
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert done.status == code
    assert "c/banks is" in done.error


@pytest.mark.parametrize("wrong", [{"id": 2}, {"id": None}])
def test_a_content_that_is_another_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with hma({1: content(1) | wrong}) as (url, _):
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "c/bank/REMOVED/content/1 is not answered as HMA 1.1.7 answers" in done.error


def test_a_lookup_that_shows_no_ids_is_refused(tmp_path: Path) -> None:
    with hma({1: content(1)}, lambda _: None) as (url, _):  # type: ignore[arg-type, return-value]  # it is to be wrong
        done = here("hma", "copy", url, tmp_path / "contents.jsonl")
    assert "m/raw_lookup is not answered as HMA 1.1.7 answers" in done.error


def test_a_file_that_is_no_copy_is_not_written_to(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("something else\n")
    with hma({1: content(1)}) as (url, _):
        done = here("hma", "copy", url, file)
    assert "is no content of an HMA: name another file" in done.error
    assert file.read_text() == "something else\n"
    assert "is no http or https address" in here("hma", "copy", "hma.internal:5000", file).error
