"""HMA's routes 10 to 14, as docs/integrations/hma.md numbers them: banks and their contents."""

from __future__ import annotations

import pytest
from gatewayed import Http
from staged import PHOTO, SHARED, VIDEO_MD5, ZEROS, Stage, flat, near, pdq_of

from hashpact.gateway.keeping.banks import FIRST_LOCAL


def test_route_10_banks(http: Http, bank: str) -> None:
    listed = http("GET", "/c/banks")
    assert listed.status == 200
    assert {"matching_enabled_ratio": 1.0, "name": "LABEL_NCII"} in listed.json
    assert {"matching_enabled_ratio": 1.0, "name": "LABEL_OTHER_ILLEGAL"} in listed.json
    assert listed.json[-1] == {"matching_enabled_ratio": 1.0, "name": bank}


@pytest.mark.parametrize(
    ("more", "ratio"),
    [
        ({}, 1.0),
        ({"enabled_ratio": "0.5"}, 0.5),
        ({"enabled_ratio": 7}, 1.0),
        ({"enabled_ratio": -1}, 0.0),
        ({"enabled": "true", "matching_enabled_ratio": 0.25}, 0.25),
        ({"enabled": False}, 0.0),
        ({"what": "else"}, 1.0),
    ],
)
def test_route_10_made(http: Http, more: dict[str, object], ratio: float) -> None:
    made = http("POST", "/c/banks", {"name": "T_MADE", **more})
    assert (made.status, made.json) == (201, {"matching_enabled_ratio": ratio, "name": "T_MADE"})
    again = http("POST", "/c/banks", {"name": "T_MADE"})
    assert (again.status, again.message) == (403, "Bank already exists")
    assert http("DELETE", "/c/bank/T_MADE").message == "Done"


@pytest.mark.parametrize("name", ["lower", "1A", "A B", "", "A\n", "\u0410", "A" * 256])
def test_route_10_names(http: Http, name: str) -> None:
    answered = http("POST", "/c/banks", {"name": name})
    assert (answered.status, answered.message) == (400, "Bank names must be UPPER_WITH_UNDERSCORE")


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({}, "missing", "name"),
        ({"name": 7}, "string_type", "name"),
        ({"name": "T_X", "enabled_ratio": "abc"}, "float_parsing", "enabled_ratio"),
        ({"name": "T_X", "enabled_ratio": [1]}, "float_parsing", "enabled_ratio"),
        ([], "dict_type", "body"),
    ],
)
def test_route_10_breaks_its_schema(http: Http, body: object, kind: str, field: str) -> None:
    answered = http("POST", "/c/banks", body)
    assert answered.status == 422
    ((what, where),) = [(one["type"], one["loc"]) for one in answered.json]
    assert (what, where) == (kind, [field])
    assert answered.json[0].keys() == {"type", "loc", "msg", "input"}


def test_route_10_other_media_types(http: Http, bank: str) -> None:
    text = {"Content-Type": "text/plain"}
    assert http("POST", "/c/banks", b"{}", text).status == 422
    refused = http("PUT", f"/c/bank/{bank}", b'{"enabled": false}', text)
    assert (refused.status, refused.json[0]["loc"]) == (422, ["body"])
    assert http("PUT", f"/c/bank/{bank}").json["matching_enabled_ratio"] == 1
    for path in ("/m/compare", f"/c/bank/{bank}/signal"):
        assert http("POST", path, b"{}", text).status == 415
    for body in (b"{", b'{"name": NaN}', b'{"name": 1e999}', b"[" * 100_000, b"\xff"):
        broken = http("POST", "/c/banks", body, {"Content-Type": "application/json"})
        assert (broken.status, broken.message) == (400, "the body is not JSON")


def test_route_11_a_bank(http: Http, bank: str) -> None:
    assert http("GET", f"/c/bank/{bank}").json == {"matching_enabled_ratio": 1.0, "name": bank}
    assert http("PUT", f"/c/bank/{bank}", {"enabled_ratio": 0.5}).json["matching_enabled_ratio"] == 0.5
    assert http("PUT", f"/c/bank/{bank}", {"enabled": True}).json["matching_enabled_ratio"] == 1
    number = http("POST", f"/c/bank/{bank}/signal", {"pdq": near(SHARED, 0)}).json["id"]
    renamed = http("PUT", f"/c/bank/{bank}", {"name": "T_NEW"})
    assert (renamed.status, renamed.json) == (200, {"matching_enabled_ratio": 1.0, "name": "T_NEW"})
    near_by = http("GET", "/m/lookup", signal=near(SHARED, 0), signal_type="pdq", banks="T_NEW").json
    assert near_by == {"T_NEW": [{"bank_content_id": number, "distance": "0"}]}
    taken = http("PUT", "/c/bank/T_NEW", {"name": "LABEL_NCII"})
    assert (taken.status, taken.message) == (403, "Bank name already exists")
    assert http("PUT", "/c/bank/T_NEW", {"name": "no"}).status == 400
    assert http("PUT", "/c/bank/T_NEW", {"name": bank}).status == 200


def test_route_11_no_bank(http: Http) -> None:
    missing = http("GET", "/c/bank/T_NONE")
    assert (missing.status, missing.message) == (404, "bank 'T_NONE' not found")
    changed = http("PUT", "/c/bank/T_NONE", {"enabled_ratio": 1})
    assert (changed.status, changed.message) == (404, "Bank not found")
    deleted = http("DELETE", "/c/bank/T_NONE")
    assert (deleted.status, deleted.message) == (200, "Done")


def test_route_12_content(stage: Stage, bank: str) -> None:
    http, path = stage.http, f"/c/bank/{bank}/content"
    by_file = http.upload(path, "photo", PHOTO)
    assert by_file.status == 200
    assert by_file.json == {"id": by_file.json["id"], "signals": {"pdq": pdq_of(PHOTO)}}
    by_url = http("POST", path, url=f"{stage.web}/1.mp4")
    assert by_url.json == {"id": by_file.json["id"] + 1, "signals": {"video_md5": VIDEO_MD5}}
    none = http("POST", path)
    assert (none.status, none.message) == (400, "Neither `url` nor multipart file upload was received")
    other = http.upload("/c/bank/T_NONE/content", "photo", PHOTO)
    assert (other.status, other.message) == (404, "bank 'T_NONE' not found")
    plain = http.upload(path, "photo", flat())
    assert (plain.status, plain.message) == (400, "No signals given")
    view = http.upload("/c/bank/LABEL_NCII/content", "photo", PHOTO)
    expected = "bank 'LABEL_NCII' is a view of the clearinghouse; nothing can be added to it"
    assert (view.status, view.message) == (403, expected)


def test_route_12_metadata_in_every_dialect(stage: Stage, bank: str) -> None:
    http, path = stage.http, f"/c/bank/{bank}/content"
    url = f"{stage.web}/1.jpg"
    report = {"source": "ncmec_report", "of": [1, 2]}
    encoded = {"Content-Type": "application/x-www-form-urlencoded"}
    given = {"content_id": "post:7", "json": report}
    cases = [
        (http("POST", path, {"metadata": given, "note": "n"}, url=url), "post:7", None, report, "n"),
        (
            http.upload(
                path, "photo", PHOTO, ("content_id", "7"), ("content_uri", "u"), ("metadata", '{"a": 1}')
            ),
            *("7", "u", {"a": 1}, None),
        ),
        (http.upload(path, "photo", PHOTO, ("metadata", "words")), None, None, {"text": "words"}, None),
        (http.upload(path, "photo", PHOTO, metadata="ignored"), None, None, None, None),
        (http("POST", path, b"note=n&content_id=8", encoded, url=url), "8", None, None, "n"),
        (http("POST", path, {"metadata": [1]}, url=url), None, None, {"value": [1]}, None),
        (http("POST", path, {"metadata": {"content_id": 9}}, url=url), "9", None, None, None),
    ]
    for added, content_id, uri, json, note in cases:
        assert added.status == 200, added
        shown = http(
            "GET", f"{path}/{added.json['id']}", include_metadata="true", include_signals="true"
        ).json
        metadata = {"content_id": content_id, "content_uri": uri, "json": json, "collab": {}}
        assert (shown["metadata"], shown.get("note")) == (metadata, note)
        assert shown["signals"] == {"pdq": pdq_of(PHOTO)}
    long = http("POST", path, {"note": "n" * 256}, url=url)
    assert (long.status, long.message) == (400, "note is text of at most 255 characters")


def test_route_13_signals(http: Http, bank: str) -> None:
    path, code = f"/c/bank/{bank}/signal", near(SHARED, 1)
    added = http("POST", path, {"pdq": code.upper(), "video_md5": "AB" * 16, "note": "n"})
    assert added.status == 200
    number = added.json["id"]
    assert added.json == {"id": number, "signals": {"pdq": code, "video_md5": "ab" * 16}}
    for kind, value in added.json["signals"].items():
        near_by = http("GET", "/m/lookup", signal=value, signal_type=kind, banks=bank).json
        assert near_by == {bank: [{"bank_content_id": number, "distance": "0"}]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"pdq": "zz"}, "Invalid pdq signal: invalid PDQ hash"),
        ({"sha1": "zz"}, "No such signal type sha1"),
        ({}, "No signals given"),
        ({"note": "n"}, "No signals given"),
        ({"pdq": None}, "Invalid pdq signal: invalid PDQ hash"),
        ([], "Request input was not a dict"),
    ],
)
def test_route_13_refusals(http: Http, bank: str, body: object, expected: str) -> None:
    answered = http("POST", f"/c/bank/{bank}/signal", body)
    assert (answered.status, answered.message) == (400, expected)
    assert http("POST", "/c/bank/T_NONE/signal", body).status == 404


def test_route_13_refuses_what_matches_too_much(http: Http, bank: str) -> None:
    answered = http("POST", f"/c/bank/{bank}/signal", {"pdq": ZEROS})
    assert answered.status == 400
    assert answered.message.startswith("Invalid pdq signal: refused pdq/1")


def test_route_14_a_content(http: Http, bank: str) -> None:
    code = near(SHARED, 0)
    number = http("POST", f"/c/bank/{bank}/signal", {"pdq": code, "note": "n"}).json["id"]
    path = f"/c/bank/{bank}/content/{number}"
    plain = {
        "bank": {"matching_enabled_ratio": 1.0, "name": bank},
        "disable_until_ts": 1,
        "id": number,
        "original_media_uri": None,
    }
    assert http("GET", path).json == plain
    assert http("GET", path, include_signals="true").json == plain | {"signals": {"pdq": code}}
    for missing in (FIRST_LOCAL + 10**6, 10**9, "x", 1 << 53):
        answered = http("GET", f"/c/bank/{bank}/content/{missing}")
        assert (answered.status, answered.message) == (404, f"content '{missing}' not found")
    assert http("GET", f"/c/bank/T_NONE/content/{number}").status == 404


def test_route_14_disabling(http: Http, bank: str) -> None:
    code = near(SHARED, 0)
    number = http("POST", f"/c/bank/{bank}/signal", {"pdq": code, "note": "n"}).json["id"]
    path = f"/c/bank/{bank}/content/{number}"

    def near_by() -> object:
        return http("GET", "/m/lookup", signal=code, signal_type="pdq", banks=bank).json

    for until, matches in (
        (0, False),
        (1, True),
        (1_900_000_000, False),
        (1_000_000_000, True),
        ("0", False),
    ):
        changed = http("PUT", path, {"disable_until_ts": until})
        assert changed.json == {
            "bank": {"matching_enabled_ratio": 1.0, "name": bank},
            "collab_metadata": {},
            "disable_until_ts": int(until),
            "id": number,
            "note": "n",
            "original_media_uri": None,
            "user_metadata": None,
        }
        assert bool(near_by()) is matches
        assert http("GET", path).json["disable_until_ts"] == int(until)
    for wrong in (None, "x", -1, 10**12, True, 1.5):
        assert http("PUT", path, {"disable_until_ts": wrong}).status == 400
    assert http("PUT", f"/c/bank/{bank}/content/{FIRST_LOCAL + 10**6}", {"disable_until_ts": 0}).status == 404


def test_route_14_deleting(http: Http, bank: str) -> None:
    code = near(SHARED, 0)
    number = http("POST", f"/c/bank/{bank}/signal", {"pdq": code}).json["id"]
    path = f"/c/bank/{bank}/content/{number}"
    assert http("DELETE", path).json == {"deleted": 1}
    assert http("DELETE", path).json == {"deleted": 0}
    assert http("DELETE", f"/c/bank/{bank}/content/x").json == {"deleted": 0}
    assert http("DELETE", f"/c/bank/{bank}/content/{10**9}").json == {"deleted": 0}
    assert http("GET", "/m/lookup", signal=code, signal_type="pdq", banks=bank).json == {}
    assert http("DELETE", f"/c/bank/T_NONE/content/{number}").status == 404


def test_route_14_entries(stage: Stage) -> None:
    http, path = stage.http, f"/c/bank/LABEL_NCII/content/{stage.ncii}"
    shown = http("GET", path, include_signals="true", include_metadata="true").json
    assert shown["signals"] == {"pdq": SHARED.value.hex()}
    assert shown["metadata"]["collab"] == {"LABEL_NCII": [f"{stage.ncii}.0"]}
    refused = http("DELETE", path)
    expected = f"entry {stage.ncii} is lotus-forum's; disable it here, or dispute it"
    assert (refused.status, refused.message) == (403, expected)
    query = {"signal": SHARED.value.hex(), "signal_type": "pdq"}
    assert http("PUT", path, {"disable_until_ts": 0}).status == 200
    assert http("GET", "/m/lookup", **query).json == {}
    assert http("GET", "/m/raw_lookup", **query).json == {"matches": [stage.ncii]}
    assert http("PUT", path, {"disable_until_ts": 1}).json["disable_until_ts"] == 1
    assert list(http("GET", "/m/lookup", **query).json) == ["LABEL_NCII"]
