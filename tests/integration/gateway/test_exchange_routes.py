"""HMA's routes 15 to 20, as docs/integrations/hma.md numbers them: exchanges, and what there is."""

from __future__ import annotations

import pytest
from gatewayed import Http
from staged import DISPUTED, SHARED, Stage, entry_of, near


def test_route_15_and_16_kinds_of_exchanges(http: Http) -> None:
    assert http("GET", "/c/exchanges/apis").json == ["hashpact"]
    shown = {"has_set_authentification": True, "supports_authentification": False}
    assert http("GET", "/c/exchanges/api/hashpact").json == shown
    assert http("POST", "/c/exchanges/api/hashpact", {"credential_json": {}}).json == shown
    refused = http("POST", "/c/exchanges/api/hashpact", {"credential_json": {"token": "x"}})
    assert refused.status == 400
    for method in ("GET", "POST"):
        unknown = http(method, "/c/exchanges/api/ncmec", {} if method == "POST" else None)
        assert (unknown.status, unknown.message) == (400, "no such Exchange API 'ncmec'")
    assert http("GET", "/c/exchanges/api/ncmec/schema").status == 404
    schema = http("GET", "/c/exchanges/api/hashpact/schema").json
    assert schema["credentials_schema"] is None
    fields = [(one["name"], one["type"]) for one in schema["config_schema"]["fields"]]
    assert fields == [
        ("labels", "set_of_string"),
        ("min_endorsed_by", "number"),
        ("without_disputed", "boolean"),
    ]


def test_route_17_and_18_views(stage: Stage) -> None:
    http = stage.http
    settings = {"labels": ["hate", "ncii"], "min_endorsed_by": 1, "x": 1}
    asked = {"bank": "T_VIEW", "api": "hashpact", "api_json": settings}
    made = http("POST", "/c/exchanges", asked)
    assert (made.status, made.message) == (201, "Created successfully")
    again = http("POST", "/c/exchanges", asked)
    assert (again.status, again.message) == (403, "Bank already exists")
    assert {"LABEL_NCII", "T_VIEW"} <= set(http("GET", "/c/exchanges").json)
    shown = {
        "name": "T_VIEW",
        "api": "hashpact",
        "enabled": True,
        "credential_status": {"has_credentials": True, "source": "environment"},
        "labels": ["hate", "ncii"],
        "min_endorsed_by": 1,
    }
    assert http("GET", "/c/exchange/T_VIEW").json == shown
    query = {"signal_type": "pdq", "banks": "T_VIEW"}
    near_by = {"T_VIEW": [entry_of(stage.ncii, "0", "ncii", 1, 0)]}
    assert http("GET", "/m/lookup", signal=SHARED.value.hex(), **query).json == near_by
    assert http("GET", "/m/lookup", signal=DISPUTED.value.hex(), **query).json == {}
    off = http("PUT", "/c/exchange/T_VIEW", {"enabled": False})
    assert off.json == shown | {"enabled": False}
    assert http("GET", "/m/lookup", signal=SHARED.value.hex(), **query).json == {}
    assert http("PUT", "/c/exchange/T_VIEW", {}).json == shown | {"enabled": False}
    assert http("PUT", "/c/exchange/T_VIEW", {"enabled": True}).json == shown
    deleted = http("DELETE", "/c/exchange/T_VIEW")
    assert (deleted.status, deleted.message) == (200, "Exchange deleted")
    assert http("GET", "/c/bank/T_VIEW").status == 404
    assert http("DELETE", "/c/exchange/T_VIEW").message == "Exchange deleted"


@pytest.mark.parametrize(
    ("settings", "keeps"),
    [
        ({"bases": ["guideline"], "jurisdictions": ["VN"]}, True),
        ({"bases": ["law"]}, False),
        ({"jurisdictions": ["DE"]}, False),
        ({"members": ["lotus-forum"], "max_distance": 4}, True),
        ({"members": ["acme-video"]}, False),
        ({"max_distance": 3}, False),
        ({"without_disputed": True, "min_endorsed_by": 1.0}, True),
        ({"min_endorsed_by": 2}, False),
    ],
)
def test_route_17_filters(stage: Stage, settings: dict[str, object], *, keeps: bool) -> None:
    asked = {"bank": "T_FILTER", "api": "hashpact", "api_json": settings}
    assert stage.http("POST", "/c/exchanges", asked).status == 201
    query = {"signal": near(SHARED, 4), "signal_type": "pdq", "banks": "T_FILTER"}
    near_by = stage.http("GET", "/m/lookup", **query).json
    stage.http("DELETE", "/c/exchange/T_FILTER")
    assert bool(near_by) is keeps


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"bank": "t x", "api": "hashpact"}, "Field `bank` must match /^[A-Z0-9_]+$/"),
        ({"bank": "1", "api": "hashpact"}, "Bank names must be UPPER_WITH_UNDERSCORE"),
        ({"api": "hashpact"}, "bank is required"),
        ({"bank": "T_X", "api": "ncmec"}, "No such exchange type 'ncmec'"),
        ({"bank": "T_X"}, "No such exchange type 'None'"),
        (
            {"bank": "T_X", "api": "hashpact", "api_json": []},
            "Failed to parse `api_json` - it must be an object",
        ),
        (
            {"bank": "T_X", "api": "hashpact", "api_json": {"labels": "ncii"}},
            "Failed to parse `api_json` - labels must be a list of strings",
        ),
        (
            {"bank": "T_X", "api": "hashpact", "api_json": {"min_endorsed_by": -1}},
            "Failed to parse `api_json` - min_endorsed_by must be a whole number from 0 to 2147483647",
        ),
        (
            {"bank": "T_X", "api": "hashpact", "api_json": {"without_disputed": 1}},
            "Failed to parse `api_json` - without_disputed must be true or false",
        ),
        (
            {"bank": "T_X", "api": "hashpact", "credential_json": {"k": 1}},
            "hashpact takes no credentials: the gateway has those of its member",
        ),
    ],
)
def test_route_17_refusals(http: Http, body: object, expected: str) -> None:
    answered = http("POST", "/c/exchanges", body)
    assert (answered.status, answered.message) == (400, expected)


def test_route_18_status_and_19_credentials(http: Http, bank: str) -> None:
    status = http("GET", "/c/exchange/LABEL_NCII/status").json
    assert status.keys() == {
        "checkpoint_ts",
        "fetched_items",
        "last_fetch_complete_ts",
        "last_fetch_succeeded",
        "running_fetch_start_ts",
        "up_to_date",
    }
    assert status["up_to_date"] is status["last_fetch_succeeded"] is True
    assert status["fetched_items"] > 0
    given = {"has_credentials": True, "source": "environment"}
    assert http("POST", "/c/exchange/LABEL_NCII/credentials", {}).json == given
    assert http("POST", "/c/exchange/LABEL_NCII/credentials", {"credential_json": {"k": 1}}).status == 400
    for name in (bank, "T_NONE"):  # a plain bank is no exchange
        for method, path in (("GET", ""), ("PUT", ""), ("GET", "/status"), ("POST", "/credentials")):
            body: dict[str, object] | None = {} if method in {"PUT", "POST"} else None
            answered = http(method, f"/c/exchange/{name}{path}", body)
            assert (answered.status, answered.message) == (404, f"Exchange '{name}' not found")
    http("DELETE", f"/c/exchange/{bank}")
    assert http("GET", f"/c/bank/{bank}").status == 200


def test_route_20_what_there_is(http: Http) -> None:
    assert http("GET", "/c/signal_type").json == [
        {"enabled_ratio": 1.0, "name": "pdq"},
        {"enabled_ratio": 1.0, "name": "video_md5"},
    ]
    assert http("GET", "/c/content_type").json == [
        {"enabled": True, "name": "photo"},
        {"enabled": True, "name": "video"},
    ]
    index = http("GET", "/c/signal_type/index", signal_type="pdq").json
    assert index["pdq"].keys() == {
        "db_size",
        "index_size",
        "index_out_of_date",
        "newest_db_item",
        "index_built_to",
    }
    assert http("GET", "/c/signal_type/index", signal_type="x").status == 400
    paths = http("GET", "/site-map").json
    document = http("GET", "/openapi/openapi.json").json
    assert paths == sorted(document["paths"])
    assert {"/m/lookup", "/c/bank/{name}/content/{id}", "/openapi/openapi.json"} <= set(paths)


@pytest.mark.parametrize("path", ["/", "/nothing", "/m/lookup/", "/m//lookup", "/openapi.json", "/t/x"])
def test_unknown_routes(http: Http, path: str) -> None:
    answered = http("GET", path)
    assert (answered.status, answered.message) == (404, "Not Found")


def test_unknown_methods(http: Http) -> None:
    for method, path in (("POST", "/status"), ("PUT", "/c/signal_type"), ("DELETE", "/m/lookup")):
        answered = http(method, path)
        assert (answered.status, answered.message) == (405, "Method Not Allowed")
