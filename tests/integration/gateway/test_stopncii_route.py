"""Route 21: the log in the form of StopNCII's FetchHashes, for clients that have no plug-in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from builders import fingerprint
from gatewayed import Http, gatewayed, made_folder
from staged import SHARED, Stage

from hashpact.domain.fingerprints import MD5, PDQ, Fingerprint
from hashpact.domain.messages import ChangesRequest
from hashpact.exchange import stopncii
from hashpact.exchange.rows import Delete, Put
from hashpact.member import awaiting
from hashpact.member.clients import Client

PATH = "/v1/FetchHashes"
CODE, VIDEO = fingerprint(PDQ, "of stopncii"), fingerprint(MD5, "of stopncii")


@pytest.fixture(scope="module")
def fetched(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    """A gateway that serves entries with the label ncii."""
    directory = tmp_path_factory.mktemp("stopncii") / "gateway"
    config = made_folder(directory, stage.directory / "acme-video", stage.server.address, stopncii=("ncii",))
    with gatewayed(directory, config) as http:
        yield http


def fetch(http: Http, start: int = 10) -> tuple[dict[tuple[str, str], dict[str, Any]], int]:
    """The records by type and value, of which the last counts, and the time to go on from."""
    records, token, pages = {}, "", 0
    while True:
        query = {"startTimestamp": str(start), "pageSize": "800"} | (
            {"nextPageToken": token} if token else {}
        )
        page = http("GET", PATH, **query).json
        assert page["count"] == len(page["hashRecords"])
        for one in page["hashRecords"]:
            records[one["signalType"], one["hashValue"]] = one
        pages += 1
        assert pages < 100
        if not page["hasMoreRecords"]:
            assert page["nextPageToken"] is None
            return records, page["nextSetTimestamp"]
        assert page["nextSetTimestamp"] == start
        token = page["nextPageToken"]


def of(code: Fingerprint) -> tuple[str, str]:
    """By what a record is known."""
    return {PDQ: "ImagePDQ", MD5: "VideoMD5"}[code.type], code.value.hex()


def test_it_is_off_unless_configured(http: Http) -> None:
    refused = http("GET", PATH, startTimestamp="10", pageSize="800")
    assert (refused.status, refused.message) == (404, "stopncii is not set in gateway.toml")


def test_route_21_entries_and_what_members_say(fetched: Http, stage: Stage) -> None:
    records, moment = fetch(fetched)
    one = records[of(SHARED)]
    assert (one["hashStatus"], one["caseNumbers"]) == ("Active", {f"entries/{stage.ncii}": "Active"})
    assert one["CSPFeedbacks"] == [
        {"source": "lotus-forum", "feedbackValue": "Blocked", "tags": ["ncii"]},
        {"source": "acme-video", "feedbackValue": "Blocked", "tags": ["ncii"]},
    ]
    assert one["lastModtimestamp"] <= moment
    hate = fingerprint(PDQ, "disputed")
    assert of(hate) not in records
    for name, value in (("startTimestamp", "x"), ("nextPageToken", "x"), ("startTimestamp", "9" * 16)):
        wrong = fetched("GET", PATH, **{name: value})
        assert (wrong.status, [fault["loc"] for fault in wrong.json]) == (422, [[name]])


def test_a_value_is_withdrawn_once_no_entry_has_it(fetched: Http, stage: Stage) -> None:
    with (
        Client(stage.server.profile("lotus-forum")) as lotus,
        Client(stage.server.profile("acme-video")) as acme,
    ):
        _, before = fetch(fetched)
        one = lotus.submit([CODE, VIDEO], labels=["ncii"]).index
        two = acme.submit([CODE], labels=["ncii"]).index
        lotus.opinion(two, "dispute")
        records, after = fetch(fetched, before)
        assert after >= before
        assert [records[of(each)]["hashStatus"] for each in (CODE, VIDEO)] == ["Active", "Active"]
        assert records[of(CODE)]["CSPFeedbacks"][-1] == {
            "source": "lotus-forum",
            "feedbackValue": "NotBlocked",
            "tags": [],
        }
        lotus.withdraw(one, "mistake")
        records, later = fetch(fetched, after)
        assert records[of(VIDEO)]["hashStatus"] == "Withdrawn"
        assert records[of(VIDEO)]["caseNumbers"] == {f"entries/{one}": "Withdrawn"}
        assert records[of(CODE)]["hashStatus"] == "Active"
        assert records[of(CODE)]["caseNumbers"] == {f"entries/{one}": "Withdrawn", f"entries/{two}": "Active"}
        acme.withdraw(two, "mistake")
        records, _ = fetch(fetched, later)
        assert (records[of(CODE)]["hashStatus"], records[of(CODE)]["CSPFeedbacks"]) == ("Withdrawn", [])
    fresh, _ = fetch(fetched)
    assert of(CODE) not in fresh  # a client that has nothing is given nothing to withdraw


def test_pages_are_read_by_our_own_importer_and_go_on(fetched: Http) -> None:
    def small(since: int, after: int | None = None, **rest: bool) -> ChangesRequest:
        return replace(ChangesRequest(since, after, **rest), size=1)

    with patch.object(awaiting, "ChangesRequest", small):
        paged, _ = fetch(fetched, 11)
    whole = fetched("GET", PATH, startTimestamp="11")
    rows = [row for row in stopncii.read(io.BytesIO(whole.body)) if isinstance(row, Put | Delete)]
    records = whole.json["hashRecords"]
    assert {row.key for row in rows} == {f"{one['signalType']}:{one['hashValue']}" for one in records}
    standing = {row.key for row in rows if isinstance(row, Put)}
    assert standing == {
        f"{kind}:{value}" for (kind, value), one in paged.items() if one["hashStatus"] == "Active"
    }
    assert f"ImagePDQ:{SHARED.value.hex()}" in standing
