"""Requests drawn from the OpenAPI document of a gateway: none of them makes it fail.

docs/decisions/gateway.md says why they are drawn here.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from builders import fingerprint
from gatewayed import FORM, Http, form, gatewayed, made_folder
from hypothesis import given, settings
from hypothesis import strategies as some
from staged import PHOTO, SHARED, Stage

from hashpact.domain.fingerprints import PDQ
from hashpact.gateway.keeping.banks import FIRST_LOCAL
from hashpact.gateway.rest.app import ENDPOINTS

OPERATIONS = [(each.method, each.path) for each in ENDPOINTS]
EXAMPLES = 25

HEX = some.sampled_from(
    [SHARED.value.hex(), fingerprint(PDQ, "unknown").value.hex(), "0" * 64, "ab" * 16, "zz"]
)
NAMES = some.sampled_from(["FUZZED", "LABEL_NCII", "LABEL_HATE", "hashpact", "pdq", "video_md5", "photo", ""])
ANYTHING = some.text(max_size=40)
TEXTS = HEX | NAMES | ANYTHING
IDS = some.sampled_from(["0", "6", "7", str(FIRST_LOCAL), str(FIRST_LOCAL + 1), str(1 << 53), "-1", "9" * 30])
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | TEXTS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TYPES = {
    "string": TEXTS,
    "number": some.floats() | some.integers(),
    "integer": some.integers() | some.sampled_from([0, 1, 2_000_000_000]),
    "boolean": some.booleans(),
    "array": some.lists(TEXTS, max_size=3),
}


def values(schema: Mapping[str, Any]) -> some.SearchStrategy[Any]:
    """Values of a schema, and now and then others."""
    if schema.get("type") != "object":
        return TYPES.get(schema.get("type", ""), JSON) | JSON
    properties = {name: values(inner) for name, inner in schema.get("properties", {}).items()}
    required = {name: properties.pop(name) for name in schema.get("required", ()) if name in properties}
    known = some.fixed_dictionaries(required, optional=properties)
    return known | some.dictionaries(NAMES, JSON | some.lists(HEX, min_size=2, max_size=2), max_size=3) | JSON


def bodies(content: Mapping[str, Any]) -> some.SearchStrategy[tuple[bytes | None, dict[str, str]]]:
    """Bodies of the media types that an operation takes, broken ones, and none."""
    drawn: list[some.SearchStrategy[tuple[bytes | None, dict[str, str]]]] = [some.just((None, {}))]
    for media, described in content.items():
        if media == "multipart/form-data":
            fields = some.tuples(NAMES, some.just(PHOTO) | some.binary(max_size=200) | ANYTHING)
            drawn.append(some.lists(fields, max_size=3).map(lambda each: (form(*each), FORM)))
            drawn.append(some.binary(max_size=300).map(lambda data: (data, FORM)))
        else:
            headers = some.just({"Content-Type": media})
            good = values(described["schema"]).map(json.dumps).map(str.encode)
            drawn.append(some.tuples(good | some.binary(max_size=50), headers))
    return some.one_of(drawn)


@pytest.fixture(scope="module")
def fuzzed(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    """A gateway of its own, in which anything may be deleted: it shares nothing."""
    directory: Path = tmp_path_factory.mktemp("fuzzed") / "gateway"
    config = made_folder(
        directory,
        stage.directory / "acme-video",
        stage.server.address,
        allowed_hosts=("127.0.0.1",),
        stopncii=("ncii",),
    )
    with gatewayed(directory, config) as connected:
        yield connected


@pytest.fixture(scope="module")
def document(fuzzed: Http) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = fuzzed("GET", "/openapi/openapi.json").json
    return found


def test_the_document_has_every_operation(document: dict[str, Any]) -> None:
    found = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert found == set(OPERATIONS)
    assert document["openapi"].startswith("3.")
    identifiers = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(set(identifiers)) == len(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=str)
def test_no_request_is_a_fault(fuzzed: Http, document: dict[str, Any], method: str, path: str) -> None:
    operation = document["paths"][path][method.lower()]
    queries = [one for one in operation["parameters"] if one["in"] == "query"]
    content = operation.get("requestBody", {}).get("content", {})
    good = operation["responses"]
    connection = http.client.HTTPConnection(fuzzed.address, timeout=120)

    @settings(max_examples=EXAMPLES)
    @given(
        some.fixed_dictionaries({}, optional={one["name"]: TEXTS | some.just("true") for one in queries}),
        some.fixed_dictionaries(dict.fromkeys(re.findall(r"\{(\w+)\}", path), NAMES | IDS | ANYTHING)),
        bodies(content),
    )
    def ask(query: dict[str, str], parts: dict[str, str], body: tuple[bytes | None, dict[str, str]]) -> None:
        if path == "/c/bank/{name}/content" or "signal" in path:
            fuzzed("POST", "/c/banks", {"name": "FUZZED"})
        filled = path.format(
            **{name: quote(value, safe="", errors="replace") for name, value in parts.items()}
        )
        data, headers = body
        connection.request(method, f"{filled}?{urlencode(query, errors='replace')}", data, headers)
        response = connection.getresponse()
        answered = response.read()
        assert response.status < 500, (filled, query, body, answered)
        media = response.headers["content-type"].partition(";")[0]
        if response.status != 405 and str(response.status) in good:
            assert media in good[str(response.status)]["content"]
        if media == "application/json":
            shown = json.loads(answered)
            if response.status >= 400:
                assert isinstance(shown, list) if response.status == 422 else list(shown) == ["message"]

    try:
        ask()
    finally:
        connection.close()
