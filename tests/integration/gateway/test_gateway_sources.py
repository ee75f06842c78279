"""The sources of a gateway: a mirror in its process, and a clearinghouse that it never reaches."""

from __future__ import annotations

import contextlib
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from builders import fingerprint
from commands import here
from gatewayed import FORM, gatewayed, made_folder
from mirrored import copied
from running import BOTH, found
from staged import PHOTO, SHARED, SHARED_BANKS, Stage, entry_of, near
from waits import wait_until

from hashpact.domain.fingerprints import PDQ, PHASH
from hashpact.errors import ConfigError
from hashpact.gateway import clearing, running
from hashpact.gateway.rest import asking


def test_a_mirror_in_the_process(stage: Stage, tmp_path: Path) -> None:
    profile = stage.directory / "acme-video"
    mirror = copied(stage.server.address, tmp_path / "mirror", profile)
    types = ("pdq", "video_md5", "phash", "sha256")
    config = made_folder(
        *(tmp_path / "gateway", profile, stage.server.address),
        mirror=mirror,
        signal_types=types,
        shared=SHARED_BANKS,
        access_log="calls",
    )
    query = {"signal": near(SHARED, 9), "signal_type": "pdq"}
    with gatewayed(tmp_path / "gateway", config) as http:
        wait_until(lambda: http("GET", "/status").status == 200)
        assert http("GET", "/m/lookup", **query).json == {
            "LABEL_NCII": [entry_of(stage.ncii, "9", "ncii", 1, 0)]
        }
        assert http("GET", "/c/bank/LABEL_NCII/content/" + str(stage.ncii)).status == 200
        # What is shared here is found at once, although the copy follows the log.
        assert http("POST", "/c/banks", {"name": "S_NCII_M"}).status == 201
        for number in range(5):
            code = fingerprint(PDQ, f"mirrored {number}").value.hex()
            added = http("POST", "/c/bank/S_NCII_M/signal", {"pdq": code})
            assert added.status == 200
            near_by = http("GET", "/m/lookup", signal=code, signal_type="pdq").json
            assert near_by["S_NCII_M"][0]["bank_content_id"] == added.json["id"]
        other = fingerprint(PHASH, "one").value.hex()
        assert http("GET", "/m/lookup", signal=other, signal_type="phash").json == {}
        assert [one["name"] for one in http("GET", "/c/signal_type").json] == list(types)
        assert http("GET", "/m/index/status").json["pdq"]["built_to"] > 0
        with patch.object(clearing.MirroredChecking, "health", stale):
            assert http("GET", "/status").body == b"INDEX-STALE"


async def stale(_checks: clearing.MirroredChecking, _stale: float) -> clearing.Health:
    """The health of an old copy."""
    return clearing.Health.STALE


def test_a_mirror_of_another_log(stage: Stage, tmp_path: Path) -> None:
    found(tmp_path / "other", {"acme-video": BOTH})
    profile = stage.directory / "acme-video"
    mirror = copied(stage.server.address, tmp_path / "mirror", profile)
    other = made_folder(
        tmp_path / "gateway", tmp_path / "other" / "acme-video", stage.server.address, mirror=mirror
    )
    with (
        pytest.raises(ConfigError, match="is a mirror of another log"),
        gatewayed(tmp_path / "gateway", other),
    ):
        raise AssertionError


def test_a_port_that_is_taken(stage: Stage, tmp_path: Path) -> None:
    config = made_folder(tmp_path / "gateway", stage.directory / "lotus-forum", stage.server.address)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = replace(config, listen=f"127.0.0.1:{port}")
        expected = f"cannot listen on 127.0.0.1, port {port}"
        with pytest.raises(ConfigError, match=expected), gatewayed(tmp_path / "gateway", config):
            raise AssertionError


def test_a_clearinghouse_that_was_never_reached(stage: Stage, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        patch.object(clearing, "PROBE", 0.2),
    ):
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        # What is never answered stays in the profile, to be sent again: in a copy of it.
        profile = shutil.copytree(stage.directory / "lotus-forum", tmp_path / "lotus-forum")
        config = made_folder(
            tmp_path / "gateway", profile, address, timeout=1, hashing=False, shared=SHARED_BANKS
        )
        with gatewayed(tmp_path / "gateway", config, first=0.2) as http:
            status = http("GET", "/status")
            assert (status.status, status.body) == (503, b"INDEX-NOT-LOADED")
            query = {"signal": near(SHARED, 0), "signal_type": "pdq"}
            early = http("GET", "/m/lookup", **query)  # nobody has said which labels have banks
            assert (early.status, early.message) == (503, "index not yet ready")
            assert http("POST", "/c/banks", {"name": "T_OWN"}).status == 201
            assert http("GET", "/m/lookup", **query, banks="T_OWN").json == {}
            assert http("GET", "/m/lookup", **query, banks="T_OWN,LABEL_NCII").status == 503
            asked = {"bank": "V", "api": "hashpact", "api_json": {}}
            assert http("POST", "/c/exchanges", asked).status == 201
            away = http("GET", "/m/lookup", **query)
            assert (away.status, away.message) == (503, "index not yet ready")
            index = http("GET", "/m/index/status", signal_type="pdq").json
            assert index == {"pdq": {"present": False, "built_to": -1, "size": 0}}
            assert http("GET", "/c/exchange/V/status").json["last_fetch_succeeded"] is None
            assert http("POST", "/c/banks", {"name": "S_HATE"}).status == 201
            kept = http("POST", "/c/bank/S_HATE/signal", {"pdq": near(SHARED, 2)})
            assert kept.status in {503, 504}
            assert len(list((profile / "pending").iterdir())) == 1
            for path, body in (("/m/lookup?url=http://media.example/1", None), ("/h/hash", b"x" * 70_000)):
                refused = http("GET" if body is None else "POST", path, body)
                assert (refused.status, refused.message) == (403, "Hashing is disabled, missing role")


def test_settings_are_bounds(stage: Stage, tmp_path: Path) -> None:
    """Banks, contents and the bytes of a file are bounded; ``require_token`` holds for all callers."""
    profile = stage.directory / "lotus-forum"
    labels = 10
    config = made_folder(
        *(tmp_path / "gateway", profile, stage.server.address),
        max_banks=labels + 1,
        max_contents=2,
        max_upload=1,
        allowed_hosts=("127.0.0.1",),
    )
    with gatewayed(tmp_path / "gateway", config) as http:
        assert len(http("GET", "/c/banks").json) == labels
        assert http("POST", "/c/banks", {"name": "ONE"}).status == 201
        many = http("POST", "/c/banks", {"name": "TWO"})
        assert (many.status, many.message) == (403, "there are 11 banks, as many as gateway.toml allows")
        codes = [fingerprint(PDQ, f"bound {number}").value.hex() for number in range(3)]
        added = [http("POST", "/c/bank/ONE/signal", {"pdq": code}) for code in codes]
        assert [one.status for one in added] == [200, 200, 403]
        assert added[2].message == "local banks have 2 contents, as many as gateway.toml allows"
        assert http.upload("/h/hash", "photo", bytes(1 << 20)).status == 400
        large = http.upload("/h/hash", "photo", bytes(2 << 20))
        assert (large.status, large.message) == (413, "Content too large")
        fetched = http("GET", "/h/hash", url=f"{stage.web}/large")
        assert (fetched.status, fetched.message) == (413, "Content too large")
        assert http("POST", "/m/compare", {"pdq": ["0" * 300_000]}).status == 413
        noted = http.upload("/c/bank/ONE/content", "photo", PHOTO, ("metadata", "x" * 300_000))
        assert (noted.status, noted.message) == (413, "Content too large")
        far = http.upload("/c/bank/NONE/content", "photo", bytes(1 << 20))
        assert far.status == 404  # its body is read, so that the answer arrives
    shutil.rmtree(tmp_path / "gateway")
    config = made_folder(tmp_path / "gateway", profile, stage.server.address, require_token=True)
    with gatewayed(tmp_path / "gateway", config) as http:
        assert http("GET", "/c/banks").status == 401
        token = here("gateway", "token", "new", tmp_path / "gateway", "script").out.strip()
        assert http("GET", f"/t/{token}/c/banks").status == 200


def test_slow_callers_do_not_keep_others_waiting(stage: Stage) -> None:
    """A request that holds a slot and sends no more of its file is ended, and the next one gets the slot."""
    host, _, port = stage.http.address.rpartition(":")
    head = f"POST /h/hash HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['Content-Type']}\r\n"
    with contextlib.ExitStack() as stack, patch.object(asking, "PATIENCE", 0.3):
        slow = [
            stack.enter_context(socket.create_connection((host, int(port)), 30))
            for _ in range(running.CONTENTS)
        ]
        for each in slow:
            each.sendall(f"{head}Content-Length: 99\r\n\r\npart".encode())
        hashed = stage.http.upload("/h/hash", "photo", PHOTO)
        assert (hashed.status, list(hashed.json)) == (200, ["pdq"])
        for each in slow:
            answered = b"".join(iter(lambda one=each: one.recv(65536), b""))  # type: ignore[misc]  # bytes
            assert answered.startswith(b"HTTP/1.1 408 ")
            assert b'{"message":"the body arrives too slowly"}' in answered
        with socket.create_connection((host, int(port)), 30) as refused:
            refused.sendall(b"POST /m/compare HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\npart")
            answered = b"".join(iter(lambda: refused.recv(65536), b""))
            assert answered.startswith(b"HTTP/1.1 415 ")
            assert b"\r\nconnection: close\r\n" in answered


def test_a_caller_that_leaves(stage: Stage) -> None:
    host, _, port = stage.http.address.rpartition(":")
    for path in ("/c/banks", "/h/hash", "/m/compare"):
        with socket.create_connection((host, int(port))) as caller:
            kind = "multipart/form-data; boundary=x" if path == "/h/hash" else "application/json"
            lines = (
                f"POST {path} HTTP/1.1",
                "Host: localhost",
                f"Content-Type: {kind}",
                "Content-Length: 99",
            )
            caller.sendall("\r\n".join((*lines, "", "part")).encode())
    assert stage.http("GET", "/status/live").status == 200
