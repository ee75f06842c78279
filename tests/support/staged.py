"""A stage for tests of a gateway: a clearinghouse, what a member has shared, and content at addresses."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from builders import fingerprint
from gatewayed import Http, gatewayed, made_folder
from pictured import picture
from running import BOTH, RunningServer, found

from hashpact.domain.fingerprints import MD5, PDQ, Fingerprint
from hashpact.fingerprint.content import fingerprints_of
from hashpact.gateway import running as running_gateway
from hashpact.gateway.configured import SharedTerms
from hashpact.member.clients import Client

VIDEO = b"\0\0\0\x18ftypmp42 not much of a video"
VIDEO_MD5 = hashlib.md5(VIDEO, usedforsecurity=False).hexdigest()
ZEROS = "0" * 64
SHARED_BANKS = (
    SharedTerms("S_NCII_*", ("ncii",), jurisdictions=("VN",)),
    SharedTerms("S_HATE", ("hate",)),
    SharedTerms("S_UNKNOWN", ("no-such-label",)),
)


def jpeg(seed: int) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture(seed).save(file, "JPEG")
    return file.getvalue()


def pdq_of(data: bytes) -> str:
    """Its PDQ, in hex."""
    return fingerprints_of(data, ["pdq/1"]).fingerprints[0].value.hex()


def near(code: Fingerprint, bits: int) -> str:
    """A code at that distance, with as many bits set, in hex."""
    value, flipped = int.from_bytes(code.value), 0
    ones = [at for at in range(256) if value >> at & 1]
    zeros = [at for at in range(256) if not value >> at & 1]
    for at in [*ones[: bits - bits // 2], *zeros[: bits // 2]]:
        flipped |= 1 << at
    return (value ^ flipped).to_bytes(32).hex()


PHOTO = jpeg(1)
SHARED = fingerprint(PDQ, "shared")
DISPUTED = fingerprint(PDQ, "disputed")


@dataclass(frozen=True)
class Stage:
    """A gateway of acme-video, what lotus-forum has shared, and a web server with content."""

    http: Http
    server: RunningServer
    directory: Path
    ncii: int
    hate: int
    web: str


class _Web(http.server.BaseHTTPRequestHandler):
    """Content at addresses, for a gateway that may fetch from this machine."""

    def do_GET(self) -> None:
        kinds = {
            "/1.jpg": ("image/jpeg", PHOTO),
            "/1.mp4": ("video/mp4", VIDEO),
            "/text": ("text/plain", b"x"),
            "/large": ("image/png", bytes(2 << 20)),
        }
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://media.example/1.jpg")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kind, data = kinds.get(self.path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def flat() -> bytes:
    """A picture of one colour, as a file."""
    file = io.BytesIO()
    picture(1).point(lambda _: 128).save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def web() -> Iterator[str]:
    """The address of a web server on loopback."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()
    thread.join()


@contextlib.contextmanager
def staged(directory: Path) -> Iterator[Stage]:
    """The stage in a directory."""
    home = found(directory, {"acme-video": BOTH, "lotus-forum": BOTH})
    with RunningServer(home, "--workers", "1") as server, web() as address:
        with Client(server.profile("lotus-forum"), timeout=120) as client:
            ncii = client.submit([SHARED], labels=["ncii"], jurisdictions=["VN"]).index
            hate = client.submit([DISPUTED, fingerprint(MD5, "video")], labels=["hate"]).index
        with Client(server.profile("acme-video"), timeout=120) as client:
            client.opinion(ncii, "endorse")
            client.opinion(hate, "dispute")
        config = made_folder(
            directory / "gateway",
            directory / "acme-video",
            server.address,
            allowed_hosts=("127.0.0.1",),
            shared=SHARED_BANKS,
            timeout=120,
        )
        with (
            patch.object(running_gateway, "ROUND", 0.2),
            gatewayed(directory / "gateway", config) as connected,
        ):
            yield Stage(connected, server, directory, ncii, hate, address)


def entry_of(index: int, distance: str, label: str, endorsed: int, disputed: int) -> dict[str, object]:
    """A match of an entry, as lookups show it."""
    return {
        "bank_content_id": index,
        "distance": distance,
        "entry": f"entries/{index}",
        "labels": [label],
        "endorsed_by": endorsed,
        "disputed_by": disputed,
    }
