"""Private lists as banks of a gateway: lookups answer from both, nothing is changed, and nothing is sent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from commands import here
from gatewayed import Http, gatewayed, made_folder
from mirrored import copied
from staged import PHOTO, SHARED, Stage, entry_of, near
from waits import wait_until

from hashpact.domain.fingerprints import MD5, PDQ, Fingerprint
from hashpact.gateway import running
from hashpact.gateway.keeping.banks import FIRST_LISTED, FIRST_LOCAL
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import AsyncConnection

LISTED = fingerprint(PDQ, "listed")
VIDEO = fingerprint(MD5, "listed")
BANK = "LIST_OF_NCMEC"
REFUSED = (
    f"bank '{BANK}' is a private list of this member, which only hashpact import and "
    "hashpact list-local change"
)


@dataclass(frozen=True)
class Listing:
    """A gateway of a member that has private lists, and what it has sent to the clearinghouse."""

    http: Http
    profile: Path
    sent: list[bytes]
    remote: bool

    def fill(self, name: str, *codes: Fingerprint) -> None:
        """Make these what a list holds."""
        file = self.profile.parent / f"{name}.txt"
        names = {PDQ: "pdq", MD5: "video_md5"}
        file.write_text("".join(f"{names[one.type]} {one.value.hex()}\n" for one in codes))
        chosen = ("--private", name, "--label", "ncii", "--complete", "--profile", self.profile)
        assert here("import", "tx-local", file, *chosen).status == 0

    def remove(self, name: str) -> None:
        """Remove a list."""
        here("list-local", "remove", name, "--all", "--profile", self.profile)

    def near(self, code: str, kind: str = "pdq", /, **query: str) -> Any:  # noqa: ANN401 - JSON
        """What a lookup finds."""
        return self.http("GET", "/m/lookup", signal=code, signal_type=kind, **query).json


@pytest.fixture(scope="module", params=["remote", "mirrored"])
def listing(
    stage: Stage, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listing]:
    """A gateway of acme-video, over gRPC or with a mirror, with a list that it had before it started."""
    directory = tmp_path_factory.mktemp("lists")
    profile = shutil.copytree(stage.directory / "acme-video", directory / "acme-video")
    sent: list[bytes] = []
    run = AsyncConnection.run

    async def recorded(self: AsyncConnection, call: Call[object], timeout: float) -> object:  # noqa: ASYNC109 - as what it wraps
        sent.append(call.request)
        return await run(self, call, timeout)

    mirror = (
        copied(stage.server.address, directory / "mirror", profile) if request.param == "mirrored" else None
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(AsyncConnection, "run", recorded)
        patched.setattr(running, "ROUND", 0.2)
        made = Listing(Http(""), profile, sent, request.param == "remote")
        made.fill("of-ncmec", LISTED, VIDEO)
        config = made_folder(directory / "gateway", profile, stage.server.address, mirror=mirror)
        with gatewayed(directory / "gateway", config) as http:
            wait_until(lambda: http("GET", "/status").status == 200)
            yield replace(made, http=http)


def test_a_lookup_answers_from_both(listing: Listing, stage: Stage) -> None:
    for code, bits in ((LISTED, 0), (LISTED, 9)):
        (row,) = listing.near(near(code, bits))[BANK]
        assert row.pop("bank_content_id") in range(FIRST_LISTED, FIRST_LOCAL)
        key = f"pdq:{LISTED.value.hex()}"
        assert row == {"distance": str(bits), "list": "of-ncmec", "key": key, "labels": ["ncii"]}
    entry = entry_of(stage.ncii, "9", "ncii", 1, 0)
    assert listing.near(near(SHARED, 9)) == {"LABEL_NCII": [entry]}
    listing.fill("second", SHARED)
    wait_until(lambda: "LIST_SECOND" in listing.near(near(SHARED, 9)))
    both = listing.near(near(SHARED, 9))
    assert sorted(both) == ["LABEL_NCII", "LIST_SECOND"]
    assert (both["LABEL_NCII"], both["LIST_SECOND"][0]["list"]) == ([entry], "second")
    assert listing.near(near(SHARED, 9), banks="LABEL_NCII") == {"LABEL_NCII": [entry]}
    ids = listing.http("GET", "/m/raw_lookup", signal=near(SHARED, 9), signal_type="pdq").json["matches"]
    assert sorted(ids) == sorted((stage.ncii, both["LIST_SECOND"][0]["bank_content_id"]))
    assert listing.near(VIDEO.value.hex(), "video_md5")[BANK][0]["distance"] == "0"
    listing.remove("second")
    wait_until(lambda: "LIST_SECOND" not in str(listing.http("GET", "/c/banks").json))
    assert listing.near(near(SHARED, 9)) == {"LABEL_NCII": [entry]}


def test_a_change_of_a_list_is_noticed_at_once(listing: Listing) -> None:
    new = fingerprint(PDQ, "new")
    assert listing.near(new.value.hex()) == {}
    listing.fill("of-ncmec", LISTED, VIDEO, new)
    (row,) = listing.near(new.value.hex())[BANK]
    path = f"/c/bank/{BANK}/content/{row['bank_content_id']}"
    assert listing.http("GET", path).status == 200
    listing.fill("of-ncmec", LISTED, VIDEO)
    assert listing.near(new.value.hex()) == {}
    gone = listing.http("GET", path)
    assert (gone.status, gone.message) == (404, f"content '{row['bank_content_id']}' not found")


def test_the_row_of_a_list_is_shown(listing: Listing) -> None:
    (row,) = listing.near(VIDEO.value.hex(), "video_md5")[BANK]
    number = row["bank_content_id"]
    query = {"include_signals": "true", "include_metadata": "true"}
    shown = listing.http("GET", f"/c/bank/{BANK}/content/{number}", **query)
    assert (shown.status, shown.json) == (
        200,
        {
            "bank": {"matching_enabled_ratio": 1.0, "name": BANK},
            "disable_until_ts": 1,
            "id": number,
            "original_media_uri": None,
            "signals": {"video_md5": VIDEO.value.hex()},
            "metadata": {
                "content_id": None,
                "content_uri": None,
                "json": None,
                "collab": {BANK: [f"video_md5:{VIDEO.value.hex()}"]},
            },
        },
    )
    assert listing.http("GET", "/m/index/status").json["pdq"]["size"] > 1
    for other in (FIRST_LISTED, FIRST_LOCAL - 1, number + 5):
        missing = listing.http("GET", f"/c/bank/{BANK}/content/{other}")
        assert (missing.status, missing.message) == (404, f"content '{other}' not found")


def test_nothing_changes_a_list(listing: Listing) -> None:
    http, code = listing.http, LISTED.value.hex()
    (row,) = listing.near(code)[BANK]
    one = f"/c/bank/{BANK}/content/{row['bank_content_id']}"
    assert http("GET", f"/c/bank/{BANK}").json == {"matching_enabled_ratio": 1.0, "name": BANK}
    for method, path, body in (
        ("PUT", f"/c/bank/{BANK}", {"enabled_ratio": 0}),
        ("PUT", f"/c/bank/{BANK}", {"name": "MINE"}),
        ("DELETE", f"/c/bank/{BANK}", None),
        ("POST", f"/c/bank/{BANK}/signal", {"pdq": code}),
        ("PUT", one, {"disable_until_ts": 0}),
        ("DELETE", one, None),
    ):
        answered = http(method, path, body)
        assert (answered.status, answered.message) == (403, REFUSED)
    uploaded = http.upload(f"/c/bank/{BANK}/content", "photo", PHOTO)
    assert (uploaded.status, uploaded.message) == (403, REFUSED)
    taken = http("POST", "/c/banks", {"name": BANK})
    assert (taken.status, taken.message) == (403, "Bank already exists")
    reserved = http("POST", "/c/banks", {"name": "LIST_MINE"})
    assert (reserved.status, reserved.message) == (
        403,
        "names that begin with LIST_ are those of private lists",
    )
    assert http("DELETE", f"/c/bank/{BANK}/content/{FIRST_LISTED}").json == {"deleted": 0}
    assert http("GET", f"/c/exchange/{BANK}").status == 404
    assert [row] == listing.near(code)[BANK]


def test_nothing_of_a_list_is_sent(listing: Listing, stage: Stage) -> None:
    asked = near(LISTED, 9)
    listing.sent.clear()
    assert BANK in listing.near(asked, banks=BANK)
    assert not any(bytes.fromhex(asked) in each for each in listing.sent)  # no check: rounds alone
    assert BANK in listing.near(asked)
    assert listing.http.upload("/m/lookup", "photo", PHOTO).status == 200
    sent = b"".join(listing.sent) + stage.server.log.encode()
    state = b"".join(path.read_bytes() for path in (stage.directory / "home").rglob("*") if path.is_file())
    for value in (LISTED.value, VIDEO.value, b"of-ncmec"):
        for written in (value, value.hex().encode()):
            assert written not in sent
            assert written not in state
    if listing.remote:  # the search finds what is there
        assert bytes.fromhex(asked) in sent
