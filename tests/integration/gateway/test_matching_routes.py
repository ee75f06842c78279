"""HMA's routes 1 to 9, as docs/integrations/hma.md numbers them: status, hashes, lookups, comparisons."""

from __future__ import annotations

import pytest
from builders import fingerprint
from gatewayed import FORM, Http, form
from staged import PHOTO, SHARED, VIDEO, VIDEO_MD5, ZEROS, Stage, entry_of, flat, near, pdq_of

from hashpact.domain.fingerprints import MD5, PDQ
from hashpact.gateway.keeping.banks import FIRST_LOCAL


def test_route_1_and_2_status(http: Http) -> None:
    for path in ("/status", "/status/live"):
        answered = http("GET", path)
        assert (answered.status, answered.media, answered.body) == (200, "text/plain", b"I-AM-ALIVE")


def test_route_3_hash_of_an_address(stage: Stage) -> None:
    hashed = stage.http("GET", "/h/hash", url=f"{stage.web}/1.jpg")
    assert (hashed.status, hashed.json) == (200, {"pdq": pdq_of(PHOTO)})
    named = stage.http("GET", "/h/hash", url=f"{stage.web}/1.jpg", content_type="photo", types="pdq")
    assert (named.status, named.json) == (200, {"pdq": pdq_of(PHOTO)})
    video = stage.http("GET", "/h/hash", url=f"{stage.web}/1.mp4")
    assert (video.status, video.json) == (200, {"video_md5": VIDEO_MD5})


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/1.jpg", {"content_type": "x"}, "no such content_type: 'x'"),
        ("/text", {}, "unsupported url ContentType: 'text/plain', name one with content_type"),
        ("/1.jpg", {"types": "sha1"}, "signal type 'sha1' doesn't exist or is disabled"),
        ("/1.jpg", {"types": "video_md5"}, "empty signal type selection"),
        ("/gone", {}, "Failed to fetch URL: status 404"),
        ("/elsewhere", {}, "Invalid or unsafe URL provided"),
        ("/text", {"content_type": "photo"}, "no fingerprint can be made of this content"),
    ],
)
def test_route_3_refusals(stage: Stage, path: str, query: dict[str, str], expected: str) -> None:
    answered = stage.http("GET", "/h/hash", url=f"{stage.web}{path}", **query)
    assert (answered.status, answered.message) == (400, expected)


def test_route_3_without_address_and_of_others(http: Http) -> None:
    missing = http("GET", "/h/hash")
    assert missing.status == 422
    assert missing.json == [{"type": "missing", "loc": ["url"], "msg": "Field required", "input": {}}]
    other = http("GET", "/h/hash", url="http://media.example/1.jpg")
    assert (other.status, other.message) == (400, "Invalid or unsafe URL provided")


def test_route_4_hash_of_a_file(http: Http) -> None:
    photo = http.upload("/h/hash", "photo", PHOTO, types="pdq")
    assert (photo.status, photo.json) == (200, {"pdq": pdq_of(PHOTO)})
    video = http.upload("/h/hash", "video", VIDEO)
    assert (video.status, video.json) == (200, {"video_md5": VIDEO_MD5})


def test_route_4_flat_pictures_have_no_hash(http: Http) -> None:
    answered = http.upload("/h/hash", "photo", flat())
    assert (answered.status, answered.json) == (200, {})


def test_route_4_refusals(http: Http) -> None:
    none = http("POST", "/h/hash", {"photo": "x"})
    assert (none.status, none.message) == (400, "Missing multipart/form-data file upload")
    two = http("POST", "/h/hash", form(("photo", PHOTO), ("photo", PHOTO)), FORM)
    assert (two.status, two.message) == (400, "Only one file allowed per request")
    other = http.upload("/h/hash", "file", PHOTO)
    assert (other.status, other.message) == (400, "no such content_type: 'file'")
    junk = http.upload("/h/hash", "photo", b"\xff\xd8\xff junk")
    assert (junk.status, junk.message) == (400, "no fingerprint can be made of this content")
    broken = http("POST", "/h/hash", b"--nothing", FORM)
    assert (broken.status, broken.message.partition(":")[0]) == (400, "not a multipart/form-data body")


def test_route_5_lookup_by_hash(stage: Stage) -> None:
    http = stage.http
    for text in (near(SHARED, 9), f"  {near(SHARED, 9).upper()} "):
        answered = http("GET", "/m/lookup", signal=text, signal_type="pdq")
        assert (answered.status, answered.media) == (200, "application/json")
        assert answered.json == {"LABEL_NCII": [entry_of(stage.ncii, "9", "ncii", 1, 0)]}
    video = fingerprint(MD5, "video").value.hex()
    near_by = http("GET", "//m/lookup", signal=video, signal_type="video_md5")
    assert near_by.json == {"LABEL_HATE": [entry_of(stage.hate, "0", "hate", 0, 1)]}


def test_route_5_banks_and_nothing(stage: Stage, bank: str) -> None:
    http, code = stage.http, near(SHARED, 4)
    added = http("POST", f"/c/bank/{bank}/signal", {"pdq": near(SHARED, 2)}).json["id"]
    both = http("GET", "/m/lookup", signal=code, signal_type="pdq").json
    assert list(both) == ["LABEL_NCII", bank]
    (local,) = both[bank]
    assert (local["bank_content_id"], int(local["distance"]) <= 6, len(local)) == (added, True, 2)
    assert added >= FIRST_LOCAL
    only = http("GET", "/m/lookup", signal=code, signal_type="pdq", banks=f"{bank},NONE").json
    assert only == {bank: [local]}
    for query in ({"banks": "NONE"}, {"banks": f" {bank}"}):
        assert http("GET", "/m/lookup", signal=code, signal_type="pdq", **query).json == {}
    assert list(http("GET", "/m/lookup", signal=code, signal_type="pdq", banks="").json) == list(both)
    for nothing in (ZEROS, near(fingerprint(PDQ, "unknown"), 0)):
        answered = http("GET", "/m/lookup", signal=nothing, signal_type="pdq")
        assert (answered.status, answered.json) == (200, {})


def test_route_5_ratios(stage: Stage, bank: str) -> None:
    http, code = stage.http, near(SHARED, 0)
    http("POST", f"/c/bank/{bank}/signal", {"pdq": code})

    def answers(**query: str) -> bool:
        return bank in http("GET", "/m/lookup", signal=code, signal_type="pdq", banks=bank, **query).json

    assert answers()
    assert http("PUT", f"/c/bank/{bank}", {"enabled_ratio": 0}).json["matching_enabled_ratio"] == 0
    assert not any(answers(seed=str(seed)) for seed in range(5))
    assert not answers(bypass_coinflip="true")  # only of POST
    http("PUT", f"/c/bank/{bank}", {"enabled_ratio": 0.5})
    drawn = [answers(seed=str(seed)) for seed in range(40)]
    assert {True, False} == set(drawn)
    assert drawn == [answers(seed=str(seed)) for seed in range(40)]


def test_route_5_by_address(stage: Stage, bank: str) -> None:
    http = stage.http
    number = http.upload(f"/c/bank/{bank}/content", "photo", PHOTO).json["id"]
    url = f"{stage.web}/1.jpg"
    near_by = {bank: [{"bank_content_id": number, "distance": "0"}]}
    assert http("GET", "/m/lookup", url=url, banks=bank).json == {"pdq": near_by}
    assert http("GET", "/m/lookup", url=url, signal_type="pdq", banks=bank).json == near_by
    assert http("GET", "/m/lookup", url=url, banks="NONE").json == {"pdq": {}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "Either url or both signal and signal_type are required"),
        ({"signal": ZEROS}, "Either url or both signal and signal_type are required"),
        ({"signal": "zz", "signal_type": "pdq"}, "invalid signal: invalid PDQ hash"),
        ({"signal": ZEROS, "signal_type": "x"}, "No such SignalType 'x'"),
        ({"signal": ZEROS, "signal_type": "minhash"}, "No such SignalType 'minhash'"),
    ],
)
def test_route_5_refusals(http: Http, query: dict[str, str], expected: str) -> None:
    answered = http("GET", "/m/lookup", **query)
    assert (answered.status, answered.message) == (400, expected)


def test_route_6_lookup_of_a_file(stage: Stage, bank: str) -> None:
    http = stage.http
    number = http.upload(f"/c/bank/{bank}/content", "photo", PHOTO).json["id"]
    near_by = {"pdq": {bank: [{"bank_content_id": number, "distance": "0"}]}}
    answered = http.upload("/m/lookup", "photo", PHOTO, banks=bank, types="pdq")
    assert (answered.status, answered.json) == (200, near_by)
    http("PUT", f"/c/bank/{bank}", {"enabled_ratio": 0})
    assert http.upload("/m/lookup", "photo", PHOTO, banks=bank).json == {"pdq": {}}
    assert http.upload("/m/lookup", "photo", PHOTO, banks=bank, bypass_coinflip="true").json == near_by
    assert http.upload("/m/lookup", "video", VIDEO).json == {"video_md5": {}}
    assert http.upload("/m/lookup", "photo", b"junk").status == 400


def test_route_6_takes_json(stage: Stage) -> None:
    asked = {"signal": near(SHARED, 3), "signal_type": "pdq"}
    near_by = {"LABEL_NCII": [entry_of(stage.ncii, "3", "ncii", 1, 0)]}
    assert stage.http("POST", "/m/lookup", asked).json == near_by
    assert stage.http("POST", "/m/lookup", asked | {"banks": "NONE"}).json == {}
    refused = stage.http("POST", "/m/lookup", {"signal": 1})
    assert refused.message == "Either url or both signal and signal_type are required"


def test_route_7_raw_lookup(stage: Stage, bank: str) -> None:
    http, code = stage.http, near(SHARED, 0)
    number = http("POST", f"/c/bank/{bank}/signal", {"pdq": near(SHARED, 12)}).json["id"]
    http("PUT", f"/c/bank/{bank}/content/{number}", {"disable_until_ts": 0})
    http("PUT", f"/c/bank/{bank}", {"enabled_ratio": 0})
    query = {"signal": code, "signal_type": "pdq"}
    assert http("GET", "/m/raw_lookup", **query).json == {"matches": [stage.ncii, number]}
    with_distance = http("GET", "/m/raw_lookup", **query, include_distance="true")
    nearest = {"bank_content_id": stage.ncii, "distance": "0"}
    assert with_distance.json == {"matches": [nearest, {"bank_content_id": number, "distance": "12"}]}
    assert http("GET", "/m/raw_lookup", **query, banks=bank).json == {"matches": [number]}
    assert http("GET", "/m/raw_lookup", **query, banks="NONE").json == {"matches": []}
    wrong = http("GET", "/m/raw_lookup", **query, include_distance="banana")
    assert wrong.status == 422
    assert [(one["type"], one["loc"]) for one in wrong.json] == [("bool_parsing", ["include_distance"])]
    assert http("GET", "/m/raw_lookup", signal=code).status == 400


def test_route_8_compare(http: Http) -> None:
    one, other = SHARED.value.hex(), near(SHARED, 9)
    assert http("POST", "/m/compare", {"pdq": [one, other]}).json == {"pdq": [True, {"distance": 9}]}
    assert http("POST", "/m/compare", {"pdq": [one, near(SHARED, 40)]}).json == {
        "pdq": [False, {"distance": 40}]
    }
    assert http("POST", "/m/compare", {"pdq": [ZEROS, ZEROS]}).json == {"pdq": [True, {"distance": 0}]}
    assert http("POST", "/m/compare", {}).json == {}
    same, different = "ab" * 16, "cd" * 16
    assert http("POST", "/m/compare", {"video_md5": [same, same.upper()]}).json == {"video_md5": [True, {}]}
    assert http("POST", "/m/compare", {"video_md5": [same, different]}).json == {"video_md5": [False, {}]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], "Request input was not a dict"),
        ({"pdq": "x"}, "Comparison hashes for pdq was not a list"),
        ({"pdq": [ZEROS]}, "Comparison hash list length must be exactly 2"),
        ({"pdq": [ZEROS, "zz"]}, "Invalid pdq hash: invalid PDQ hash"),
        ({"pdq": [ZEROS, 7]}, "Invalid pdq hash: invalid PDQ hash"),
        ({"x": [ZEROS, ZEROS]}, "No such SignalType 'x'"),
    ],
)
def test_route_8_refusals(http: Http, body: object, expected: str) -> None:
    answered = http("POST", "/m/compare", body)
    assert (answered.status, answered.message) == (400, expected)


def test_route_9_index_status(http: Http) -> None:
    answered = http("GET", "/m/index/status")
    assert (answered.status, list(answered.json)) == (200, ["pdq", "video_md5"])
    assert answered.json["pdq"].keys() == {"present", "built_to", "size"}
    assert answered.json["pdq"]["present"]
    assert answered.json["pdq"]["size"] > 0
    assert list(http("GET", "/m/index/status", signal_type="pdq").json) == ["pdq"]
    assert http("GET", "/m/index/status", signal_type="x").message == "No such SignalType 'x'"
