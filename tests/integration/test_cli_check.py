"""What `hashpact check` takes, warns of and answers, with a real server."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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
    command = [sys.executable, "-m", "hashpact", "check", *map(str, arguments), "--json"]
    done = subprocess.run(
        [*command, "--profile", str(profile), "--address", server.address],
        input=given, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


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
