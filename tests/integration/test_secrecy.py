"""Nothing of a check is kept: its fingerprints are in no log, metric, span or file, whatever is on."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from builders import fingerprint
from collector import Collector
from running import BOTH, RunningServer, answered, found, plain_port

from hashpact.domain.fingerprints import (
    FOLDED,
    MD5,
    MINHASH,
    PARTS,
    PDQ,
    PHASH,
    SHA1,
    SHA256,
    SHA512,
    TYPES,
    WINNOW,
    Fingerprint,
)
from hashpact.errors import HashpactError
from hashpact.member.clients import Client
from hashpact.wire.v1 import check_pb2, check_pb2_grpc

SHARED = fingerprint(PDQ, "shared")
EACH = 8
_ENOUGH = 12
"""Bytes of a fingerprint that nothing else has by chance; md5 has 16, and phash 8 only."""


def forms(value: bytes) -> Iterator[bytes]:
    """How a value could be written: as it is, in hexadecimal, base64, or as Python shows it."""
    for part in {value[:_ENOUGH], value[-_ENOUGH:]}:
        yield part
        yield part.hex().encode()
        yield part.hex().upper().encode()
        yield repr(part)[2:-1].encode()
    yield base64.b64encode(value)[:16]
    yield base64.urlsafe_b64encode(value)[:16]


def test_the_forms_find_what_is_there() -> None:
    value = SHARED.value
    for written in (value, value.hex().encode(), value.hex().upper().encode(), base64.b64encode(value)):
        assert any(form in b"<" + written + b">" for form in forms(value))


def sent(client: Client) -> list[Fingerprint]:
    """Checks of every type: alone, together, in batches, refused, and given up; all that was sent."""
    asked: list[Fingerprint] = []
    for kind in TYPES.values():
        some = [fingerprint(kind, f"{kind.name} {number}") for number in range(EACH)]
        asked += some
        client.check(some[:1])
        client.check(some)
    packed = [
        fingerprint(kind, f"packed {n}")
        for kind in (PDQ, PHASH, MINHASH, FOLDED, SHA256, MD5)
        for n in range(EACH)
    ]
    asked += packed
    list(client.check_many(packed))
    streamed = [fingerprint(PDQ, f"streamed {number}") for number in range(EACH)]
    asked += streamed
    list(client.check_stream([each] for each in streamed))
    late = fingerprint(PDQ, "late")
    first, *rest, last = SHARED.value
    near = Fingerprint(PDQ, bytes([first ^ 3, *rest, last ^ 3]))  # a match, which is not what was shared
    asked += [late, near]
    with pytest.raises(HashpactError):
        client.check([late], min_position=10**9, timeout=0.3)
    assert client.check([near]).matches
    assert {one.type for one in asked} == {
        PDQ,
        PHASH,
        PARTS,
        MINHASH,
        WINNOW,
        FOLDED,
        SHA256,
        MD5,
        SHA1,
        SHA512,
    }
    return asked


def refused(server: RunningServer) -> list[bytes]:
    """The values of checks that the server refuses, sent as no client of ours would."""
    tls = server.profile("acme-video").endpoint.tls
    credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
    values = [b"\1\2" * 16, b"known, and too short"]
    with grpc.secure_channel(server.address, credentials) as channel:
        stub = check_pb2_grpc.CheckServiceStub(channel)
        for value in values:
            query = check_pb2.Query(fingerprint=check_pb2.Fingerprint(type=PDQ.name, value=value))
            with pytest.raises(grpc.RpcError) as caught:
                stub.Check(check_pb2.CheckRequest(queries=[query]), timeout=120)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return values


def test_no_fingerprint_of_a_check_is_kept_anywhere(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with Collector() as collector:
        everything = {
            "HASHPACT_METRICS": "127.0.0.1:0",
            "HASHPACT_TRACES": collector.url,
            "HASHPACT_LOG_LEVEL": "debug",
            "HASHPACT_ACCESS_LOG": "members",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        }
        (tmp_path / "metrics").mkdir()
        with RunningServer(home, **everything) as server:  # type: ignore[arg-type]  # strings of the environment
            with Client(server.profile("acme-video")) as client:
                client.submit([SHARED], labels=["fraud"])
                asked = [one.value for one in sent(client)]
            asked += refused(server)
            deadline, scrape = time.monotonic() + 120, b""
            while b'rpc="CheckService/CheckBatch"' not in scrape:
                assert time.monotonic() < deadline, scrape
                _, scrape = answered(plain_port(server.log, "metrics"), "/metrics")
            assert server.stop() == 0
    assert b'rpc="CheckService/Check"' in scrape
    assert len(collector.spans) > 2 * len(TYPES)
    files = [path for path in (*home.rglob("*"), *(tmp_path / "metrics").iterdir()) if path.is_file()]
    kept = {str(path): path.read_bytes() for path in files}
    kept |= {"log": server.log.encode(), "metrics": scrape, "spans": collector.bytes}
    assert any(
        form in kept[str(home / "hashpact.db")] for form in forms(SHARED.value)
    )  # it is shared, not asked
    for one in asked:
        for form in forms(one):
            assert [name for name, content in kept.items() if form in content] == [], one.hex()
