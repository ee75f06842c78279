"""What `hashpact check` takes, warns of and answers, with a real server."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from commands import here
from running import BOTH, RunningServer, found

from hashpact.demo import pictures
from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.fingerprint.content import fingerprints_of
from hashpact.governance.labels import TEXTS, write_texts
from hashpact.member.clients import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the member acme-video."""
    home = found(tmp_path_factory.mktemp("check"), {"acme-video": BOTH})
    with RunningServer(home) as running:
        yield running


def check(server: RunningServer, *arguments: str | Path, given: bytes = b"") -> tuple[int, list[Any], str]:
    """Exit status, objects and stderr of a check in JSON."""
    profile = server.log_path.parent / "acme-video"
    reach = ("--profile", profile, "--address", server.address)
    with patch("sys.stdin", io.TextIOWrapper(io.BytesIO(given))):
        done = here("check", *arguments, *reach, "--json")
    return done.status, done.lines, done.err


def test_stumble_7_standard_input_distances_and_exit_statuses(server: RunningServer, tmp_path: Path) -> None:
    picture = pictures.write_original(pictures.draw("hills", 5), tmp_path / "hills.jpg")
    (code,) = (each for each in fingerprints_of(picture).fingerprints if each.type is PDQ)
    bits = int.from_bytes(code.value) ^ 0b1111
    with Client(server.profile("acme-video")) as client:
        entry = client.submit([Fingerprint(PDQ, bits.to_bytes(32))], labels=["other"]).index
    status, (line,), _ = check(server, "-", given=picture.read_bytes())
    assert (status, line["file"]) == (0, "-")
    assert [(match["entry"], match["distance"]) for match in line["matches"]] == [(entry, 4)]
    assert check(server, picture, "--max-distance", "4")[0] == 0
    assert line["texts"] == hashlib.sha256(write_texts(TEXTS)).hexdigest()
    status, (line,), _ = check(server, picture, "--max-distance", "3")
    assert (status, line["matches"], "texts" in line) == (1, [], False)
    assert check(server, picture, "--type", "sha256/1")[0] == 1
    status, (line,), _ = check(server, tmp_path / "missing.jpg")
    assert (status, line["error"]["code"]) == (2, "UNUSABLE_CONTENT")


def test_a_profile_s_own_terms_hold_matches_back_and_the_command_says_so(
    server: RunningServer, tmp_path: Path
) -> None:
    text = tmp_path / "held.txt"
    text.write_text("Hội chợ sách mùa thu mở cửa miễn phí cho học sinh, sinh viên đến hết tuần này tại quận.")
    with Client(server.profile("acme-video")) as client:
        made = fingerprints_of(text).fingerprints
        entry = client.submit(made, labels=["other"]).index
    own = tmp_path / "own"
    shutil.copytree(server.log_path.parent / "acme-video", own)
    (own / "member-1.key").unlink()  # a check signs nothing, so the key that signs is not even read
    reach = ("--profile", own, "--address", server.address)
    terms = own / "matching.toml"
    terms.write_text('always = ["acme-video"]\n')
    (line,) = here("check", text, *reach, "--json", "--min-endorsed-by", "3").lines
    assert {match["believed"] for match in line["matches"]} == {True}
    assert "acme-video, believed" in here("check", text, *reach).out
    terms.write_text('never = ["acme-video"]\n')
    done = here("check", text, *reach, "--json")
    (line,) = done.lines
    assert (done.status, line["matches"]) == (1, [])
    assert {(match["entry"], match["held"]) for match in line["held"]} == {(entry, "never")}
    done = here("check", text, *reach)
    assert "no match" in done.out
    assert f"held back by matching.toml (never): {entry}\n" in done.err
    terms.write_text("enabled_ratio = 0.5\n")
    done = here("check", text, *reach)
    assert (done.status, done.out) == (2, "")
    assert "needs a seed" in done.err


def test_a_match_says_how_often_something_unrelated_was_as_near(
    server: RunningServer, tmp_path: Path
) -> None:
    picture = pictures.write_original(pictures.draw("hills", 6), tmp_path / "hills.jpg")
    with Client(server.profile("acme-video")) as client:
        client.submit(fingerprints_of(picture).fingerprints, labels=["other"])
    reach = ("--profile", server.log_path.parent / "acme-video", "--address", server.address)
    (line,) = here("check", picture, *reach, "--json").lines
    rates = {match["type"]: match["false_matches"] for match in line["matches"]}
    assert rates["sha256/1"] is None
    assert rates["pdq/1"]["found"] == 0
    assert rates["pdq/1"]["of"] > 100_000
    assert (
        f"Of {rates['pdq/1']['of']} unrelated comparisons 0 were"
        in here("check", picture, *reach, "--explain").out
    )


def test_stumble_5_what_is_refused_or_not_read_is_in_the_answer(
    server: RunningServer, tmp_path: Path
) -> None:
    short, tiff = tmp_path / "short.txt", tmp_path / "picture.tiff"
    short.write_text("ok!")
    tiff.write_bytes(b"II*\0" + bytes(range(256)))
    status, (first, second), err = check(server, short, tiff)
    assert status == 1
    assert [each["type"] for each in first["refused"]] == ["minhash/1", "winnow/1"]
    assert "a TIFF picture" in second["warnings"][0]
    assert len(err.splitlines()) == 3
