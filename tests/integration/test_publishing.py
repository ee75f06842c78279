"""A real server publishes its log: over HTTP, as a directory for others, and to a mirror that cosigns."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from commands import apart, here
from running import BOTH, ORIGIN, RunningServer, found, plain_port
from storing import StoringMirror
from waits import wait_until
from webs import static

from hashpact.cli import main
from hashpact.clock import unix_time
from hashpact.config import HomeConfig, WitnessAt
from hashpact.domain import keys
from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.errors import ConfigError, DeadlineError
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths
from hashpact.log import checkpoint, cosignature, tiles
from hashpact.member.author import Author, Reason
from hashpact.member.clients import Client
from hashpact.member.profile import Profile
from hashpact.service.append import Appender

MEMBER = "acme-video"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a member."""
    return found(tmp_path, {MEMBER: BOTH})


def audited(place: str, *options: str | Path) -> dict[str, object]:
    """The report of an audit, which must find nothing wrong."""
    done = here("audit", place, "--json", *options)
    assert done.status == 0, done.err
    (report,) = done.lines
    return report


def item(number: int) -> Fingerprint:
    return Fingerprint(SHA256, number.to_bytes(32))


def submit(server: RunningServer, *numbers: int) -> list[bytes]:
    """Share these; the checkpoints of the receipts."""
    with Client(server.profile(MEMBER), timeout=120) as client:
        return [client.submit([item(number)], labels={"fraud"}).checkpoint for number in numbers]


def append(home: Path, *numbers: int) -> None:
    """Share these in a home that is not served, all in one commit."""
    profile = Profile.load(home.parent / MEMBER)
    author = Author(profile.origin, MEMBER, profile.key, profile.signer, unix_time, secrets.token_bytes)
    with open_home(home) as opened:
        fresh = [author.submit([item(number)], Reason(frozenset({"fraud"}))) for number in numbers]
        Appender(opened.ledger, unix_time).append_all(MEMBER, fresh)


def published_size(data: bytes) -> int:
    """The size of a signed checkpoint."""
    return checkpoint.parse(data).checkpoint.size


def fetched(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path)
    response = connection.getresponse()
    got = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return got


@pytest.mark.parametrize("workers", ["1", "2"])
def test_everybody_reads_and_audits_the_log_over_http(home: Path, tmp_path: Path, workers: str) -> None:
    last = tmp_path / "last"
    with RunningServer(home, "--workers", workers, HASHPACT_TILES="127.0.0.1:0") as server:
        port = plain_port(server.log, "tiles")
        url = f"http://127.0.0.1:{port}"
        before = audited(url, "--from", last)
        receipts = submit(server, *range(1, 20))
        size = published_size(receipts[-1])
        wait_until(lambda: published_size(fetched(port, "/checkpoint")[2]) == size)
        with open_home(home) as opened:
            genesis, names = opened.genesis(), opened.verifier_keys()
        report = audited(url, "--from", last, "--genesis", genesis.hex())
        assert (report["size"], report["audited"], report["faults"]) == (size, before["size"], [])
        status, headers, leaf = fetched(port, "/genesis")
        assert (status, hashlib.sha256(leaf).digest()) == (200, genesis)
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        assert fetched(port, "/log-keys")[2].decode().splitlines() == names
        for private in (
            "/hashpact.db",
            "/../hashpact.db",
            "/pki/log.key",
            "/metrics",
            "/livez",
            "/log/checkpoint",
        ):
            assert fetched(port, private)[0] == 404
        server.stop()
    assert published_size(last.read_bytes()) == size


def test_a_further_directory_is_published_for_any_web_server(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "www" / "log"
    before = os.umask(0o077)  # as a service has it
    try:
        append(home, *range(1, 299))
        with RunningServer(home, HASHPACT_PUBLISH=str(place)) as server:
            size = published_size(submit(server, 299)[-1])
            wait_until(lambda: published_size((place / "checkpoint").read_bytes()) == size)
            server.stop()
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for path in [place.parent, place, *place.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path
    ours, theirs = (
        {path.relative_to(each).as_posix(): path.read_bytes() for path in each.rglob("*") if path.is_file()}
        for each in (home / "log", place)
    )
    wanted = {tile.path for tile in (*tiles.tiles(size), *tiles.entries(size))}
    assert wanted <= theirs.keys()
    assert all(theirs[path] == ours[path] for path in wanted)
    assert theirs.keys() - {path for path in theirs if path.startswith(("tile/", "documents/"))} == {
        "checkpoint",
        "genesis",
        "log-keys",
        "policy",
    }
    secret = item(7).value.hex().encode()
    assert not [path for path, data in theirs.items() if secret in data or b"hashpact/private" in data]
    with static(place) as (url, _):
        assert audited(url)["size"] == size
    assert audited(str(place))["size"] == size
    (place / "tile" / "0" / "000").write_bytes(bytes(256 * 32))
    config = HomeConfig(ORIGIN, publish=str(place))
    HomePaths(home).config.write_text(config.to_toml())
    assert main.run(["log", "verify", str(home), "--evidence", str(tmp_path / "evidence")]) == 1
    report = json.loads((tmp_path / "evidence" / "report.json").read_text())
    assert [fault["message"].partition(":")[0] for fault in report["faults"]] == [str(place)]


def test_a_directory_that_cannot_be_written_keeps_nothing_else_from_being_published(
    home: Path, tmp_path: Path
) -> None:
    place = tmp_path / "www"
    with RunningServer(home, HASHPACT_PUBLISH=str(place)) as server:
        wait_until((place / "checkpoint").exists)
        (place / "tile" / "entries").rename(tmp_path / "away")
        (place / "tile" / "entries").write_text("")  # no directory
        size = published_size(submit(server, 1)[0])
        wait_until(lambda: published_size((home / "log" / "checkpoint").read_bytes()) == size)
        wait_until(lambda: "cannot seal the log" in server.log)
        assert published_size((place / "checkpoint").read_bytes()) < size
        server.stop()
    assert str(place / "tile" / "entries") in server.log


@pytest.mark.parametrize("inside", ["log", "www/log", "."])
def test_the_home_is_no_place_to_publish_in(home: Path, inside: str) -> None:
    config = HomeConfig(ORIGIN, publish=str(home / inside))
    HomePaths(home).config.write_text(config.to_toml())
    with open_home(home) as opened, pytest.raises(ConfigError, match="name a directory outside the home"):
        opened.publishers()


def test_an_old_copy_is_not_served_beside_a_newer_published_directory(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "www"
    subprocess.run(["/bin/cp", "-r", home, tmp_path / "yesterday"], check=True)
    with RunningServer(home, HASHPACT_PUBLISH=str(place)) as server:
        size = published_size(submit(server, 1, 2, 3)[-1])
        wait_until(lambda: published_size((place / "checkpoint").read_bytes()) == size)
        server.stop()
    options = ("--listen", "127.0.0.1:0")
    done = apart("serve", tmp_path / "yesterday", *options, HASHPACT_PUBLISH=str(place))
    assert done.status == 6
    assert f"{place}/checkpoint) is of {size} leaves" in done.err


def test_a_mirrors_cosignature_counts_and_everybody_audits_the_mirror(home: Path, tmp_path: Path) -> None:
    with open_home(home) as opened:
        (log,) = opened.charter().log_keys
    with StoringMirror(tmp_path / "mirror", ORIGIN, log, clock=unix_time) as mirror:
        config = HomeConfig(ORIGIN, mirrors=(WitnessAt(mirror.witness, mirror.url),), quorum=1)
        HomePaths(home).config.write_text(config.to_toml())
        with RunningServer(home) as server:
            notes = submit(server, *range(1, 12))
            for note in notes:
                signed = checkpoint.parse(note).note
                assert cosignature.verify(signed, mirror.witness, keys.verify) is not None
                assert mirror.size >= published_size(note)
            # Documents are no part of C2SP's mirrors: whoever wants them there copies them.
            shutil.copytree(home / "log" / "documents", mirror.place / "documents")
            report = audited(mirror.monitoring)
            assert report["size"] == mirror.size == published_size(notes[-1])
            # Without the mirror there is no quorum; the leaf is in the log, and the mirror gets it later.
            mirror.lie = lambda _path, _said: (503, "text/plain", b"")
            with pytest.raises(DeadlineError, match="0 of 1 witnesses"):
                submit(server, 100)
            mirror.lie = None
            submit(server, 101)
            assert len(mirror.leaves) == mirror.size == published_size(notes[-1]) + 2
            server.stop()
        assert audited(mirror.monitoring)["size"] == mirror.size
