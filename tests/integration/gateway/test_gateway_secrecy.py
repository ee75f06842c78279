"""Nothing that callers send to a gateway is in its log or the clearinghouse's, even at level debug."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch
from urllib.parse import quote

import pytest
from builders import fingerprint
from gatewayed import FORM, Http, form, gatewayed, made_folder
from pictured import picture
from staged import SHARED_BANKS, Stage

from hashpact.domain.fingerprints import MD5, PDQ
from hashpact.gateway.matching import Matcher

WORD = 24
"""Characters of what is sent that nothing else has by chance."""


def forms(sent: bytes) -> Iterator[bytes]:
    """How something could be written: as it is, quoted, in hex or base64, or as Python shows it."""
    for part in {sent[:WORD], sent[-WORD:]}:
        yield part
        yield part.hex().encode()
        yield part.hex().upper().encode()
        yield repr(part)[2:-1].encode()
        yield quote(part).encode()
    yield base64.b64encode(sent)[:WORD]
    if sent.isalnum() and len(sent) in {32, 64}:  # a value in hex
        yield sent.upper()
        yield bytes.fromhex(sent.decode())


class Sent:
    """What was sent, each piece of which is to be looked for."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def word(self) -> str:
        """A new word."""
        word = secrets.token_hex(WORD)
        self.pieces.append(word.encode())
        return word

    def code(self, seed: str) -> str:
        """A new PDQ in hex."""
        code = fingerprint(PDQ, seed).value.hex()
        self.pieces.append(code.encode())
        return code


def ask(http: Http, sent: Sent, web: str, token: str) -> None:
    """Requests to every route that takes something, good and bad ones."""
    file = io.BytesIO()
    picture(3).save(file, "PNG")
    photo = file.getvalue()
    sent.pieces += [photo[1000:2000], token.encode()]
    noted = {"note": sent.word(), "metadata": {"content_id": sent.word(), "json": {sent.word(): sent.word()}}}
    local, shared = f"L_{sent.word().upper()}", "S_NCII_SECRET"
    for bank in (local, shared):
        assert http("POST", "/c/banks", {"name": bank}).status == 201
        for signals in ({"pdq": sent.code(f"one {bank}")}, {"video_md5": fingerprint(MD5, bank).value.hex()}):
            assert http("POST", f"/c/bank/{bank}/signal", signals | noted).status == 200
        added = http.upload(f"/c/bank/{bank}/content", "photo", photo, ("note", sent.word()))
        path = f"/c/bank/{bank}/content/{added.json['id']}"
        assert http("GET", path, include_metadata="true", include_signals="true").status == 200
        assert http("PUT", path, {"disable_until_ts": 0, sent.word(): sent.word()}).status == 200
    for query in (
        {"signal": sent.code("two"), "signal_type": "pdq", "banks": sent.word(), "seed": sent.word()},
        {"signal": sent.word(), "signal_type": "pdq"},
        {"signal": sent.code("three"), "signal_type": sent.word()},
        {"url": f"{web}/{sent.word()}.jpg?{sent.word()}"},
        {"url": f"http://{sent.word()}.example/{sent.word()}", "content_type": sent.word()},
        {sent.word(): sent.word()},
    ):
        for route in ("/m/lookup", "/m/raw_lookup", "/h/hash"):
            assert http("GET", route, **query).status < 500
        assert http("POST", "/m/lookup", dict(query)).status < 500
    assert http.upload("/m/lookup", "photo", photo).status == 200
    assert http("POST", "/h/hash", form((sent.word(), photo)), FORM).status == 400
    assert http("POST", "/m/compare", {"pdq": [sent.code("four"), sent.word()]}).status == 400
    assert http("POST", "/c/banks", sent.word().encode(), {"Content-Type": "application/json"}).status == 400
    assert http("POST", "/c/exchanges", {"bank": sent.word().upper(), "api": sent.word()}).status == 400
    assert http("GET", f"/{sent.word()}/{sent.word()}", **{sent.word(): sent.word()}).status == 404
    assert http("GET", f"/t/{token}/{sent.word()}", None, {"X-Forwarded-For": sent.word()}).status == 401
    assert http("GET", f"/c/exchange/{sent.word()}").status == 404
    # A fault of ours, with what was asked in its text.
    with patch.object(Matcher, "lookup", broken):
        failed = http("GET", "/m/lookup", signal=sent.code("five"), signal_type="pdq")
    assert (failed.status, failed.message) == (500, "internal error")


async def broken(_matcher: Matcher, wanted: object, *_: object) -> NoReturn:
    """A lookup that fails."""
    value: bytes = wanted.value  # type: ignore[attr-defined]  # a fingerprint
    raise RuntimeError(value.hex())


def test_nothing_that_was_sent_is_in_a_log(
    stage: Stage, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = made_folder(
        *(tmp_path / "gateway", stage.directory / "acme-video", stage.server.address),
        allowed_hosts=("127.0.0.1",),
        shared=SHARED_BANKS,
        access_log="calls",
        log_level="debug",
    )
    sent = Sent()
    with gatewayed(tmp_path / "gateway", config) as http:
        ask(http, sent, stage.web, secrets.token_urlsafe(32))
    out, err = capfd.readouterr()
    assert '"route": "/m/lookup"' in err
    assert '"reason": "RuntimeError"' in err
    written = (out + err + stage.server.log).encode()
    state = b"".join(path.read_bytes() for path in (tmp_path / "gateway").iterdir())
    for piece in sent.pieces:
        for written_as in forms(piece):
            assert written_as not in written
            assert written_as not in state


def test_the_forms_find_what_is_there() -> None:
    code = fingerprint(PDQ, "x").value
    for written in (
        code.hex().encode(),
        code.hex().upper().encode(),
        code,
        base64.b64encode(code.hex().encode()),
    ):
        assert any(written_as in b"<" + written + b">" for written_as in forms(code.hex().encode()))
