"""Route 21: the log in the form of StopNCII's FetchHashes, for clients that have no plug-in."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from builders import fingerprint
from gatewayed import Http, gatewayed, made_folder
from staged import DISPUTED, SHARED, Stage

from hashpact.domain.fingerprints import MD5, PDQ, Fingerprint
from hashpact.exchange import stopncii
from hashpact.exchange.rows import Delete, Put
from hashpact.member.author import Reason
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


Records: TypeAlias = dict[tuple[str, str], dict[str, Any]]


def pages(http: Http, start: int, size: int = 800) -> Iterator[dict[str, Any]]:
    """One page after the other."""
    query = {"startTimestamp": str(start), "pageSize": str(size)}
    while True:
        page = http("GET", PATH, **query).json
        assert page["count"] == len(page["hashRecords"])
        assert (page["nextPageToken"] is not None) is page["hasMoreRecords"]
        yield page
        if not page["hasMoreRecords"]:
            return
        assert page["nextSetTimestamp"] == start
        query["nextPageToken"] = page["nextPageToken"]


def fetch(http: Http, start: int = 10, size: int = 800) -> tuple[Records, int]:
    """The records by type and value, of which the last counts, and the time to go on from."""
    records: Records = {}
    for page in pages(http, start, size):
        records |= taken(page)
    return records, page["nextSetTimestamp"]


def taken(page: dict[str, Any]) -> Records:
    """The records of a page."""
    return {(one["signalType"], one["hashValue"]): one for one in page["hashRecords"]}


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
    assert of(DISPUTED) not in records
    for name, value in (("startTimestamp", "x"), ("nextPageToken", "x"), ("startTimestamp", "9" * 16)):
        wrong = fetched("GET", PATH, **{name: value})
        assert (wrong.status, [fault["loc"] for fault in wrong.json]) == (422, [[name]])


def test_a_value_is_withdrawn_once_no_entry_has_it(fetched: Http, stage: Stage) -> None:
    with (
        Client(stage.server.profile("lotus-forum"), timeout=120) as lotus,
        Client(stage.server.profile("acme-video"), timeout=120) as acme,
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
    paged, _ = fetch(fetched, 11, size=1)
    whole = fetched("GET", PATH, startTimestamp="11")
    rows = [row for row in stopncii.read(io.BytesIO(whole.body)) if isinstance(row, Put | Delete)]
    records = whole.json["hashRecords"]
    assert {row.key for row in rows} == {f"{one['signalType']}:{one['hashValue']}" for one in records}
    standing = {row.key for row in rows if isinstance(row, Put)}
    assert standing == {
        f"{kind}:{value}" for (kind, value), one in paged.items() if one["hashStatus"] == "Active"
    }
    assert f"ImagePDQ:{SHARED.value.hex()}" in standing


def test_a_page_has_as_many_entries_as_are_asked_for(fetched: Http) -> None:
    for size, bounded in ((1, True), (0, True), (10**9, False)):
        found = list(pages(fetched, 10, size))
        assert (len(found) > 1) is bounded
        assert not bounded or all(len(taken(page)) <= 2 for page in found)  # an entry has at most two here
    for wrong in ("-1", "NaN", "1e9", "٣"):
        refused = fetched("GET", PATH, pageSize=wrong)
        assert (refused.status, [fault["loc"] for fault in refused.json]) == (422, [["pageSize"]])


def test_what_is_withdrawn_between_two_pages_is_told_to_a_client_that_had_nothing(
    fetched: Http, stage: Stage
) -> None:
    code = fingerprint(PDQ, "between pages")
    with Client(stage.server.profile("lotus-forum"), timeout=120) as lotus:
        entry = lotus.submit([code], labels=["ncii"]).index
        lotus.submit([fingerprint(PDQ, "after it")], labels=["ncii"])
        records: Records = {}
        for page in pages(fetched, 10, 1):
            had = of(code) in records
            records |= taken(page)
            if of(code) in records and not had:
                assert page["hasMoreRecords"]
                lotus.withdraw(entry, "mistake")
    assert records[of(code)]["hashStatus"] == "Withdrawn"


def test_after_a_restart_a_client_goes_on_unless_other_entries_are_served(
    stage: Stage, tmp_path: Path
) -> None:
    directory, profile = tmp_path / "gateway", stage.directory / "acme-video"
    config = made_folder(directory, profile, stage.server.address, stopncii=("ncii",))
    with gatewayed(directory, config) as http:
        _, first = fetch(http)
        for name in ("lotus-forum", "acme-video"):
            with Client(stage.server.profile(name), timeout=120) as member:
                later = replace(member.author, clock=lambda: first + 10).submit(
                    [fingerprint(PDQ, f"later, by {name}")], Reason(frozenset({"ncii"}))
                )
                member.append(later)
        _, second = fetch(http, first)
        assert second > first  # the log's moment, which no single member moves
    with gatewayed(directory, config) as http:
        assert of(SHARED) not in fetch(http, second)[0]
        assert of(SHARED) in fetch(http, first)[0]  # nothing before it is known
    with gatewayed(directory, replace(config, stopncii=("hate", "ncii"))) as http:
        assert {of(SHARED), of(DISPUTED)} <= fetch(http, second)[0].keys()


def test_what_is_held_back_from_a_share_of_uploads_is_served_and_keeps_a_value_active(
    stage: Stage, tmp_path: Path
) -> None:
    code = fingerprint(PDQ, "held back")
    profile = tmp_path / "acme-video"
    shutil.copytree(stage.directory / "acme-video", profile)
    (profile / "matching.toml").write_text('seed = "one"\nenabled_ratio = 0.0\n')
    config = made_folder(tmp_path / "gateway", profile, stage.server.address, stopncii=("ncii",))
    with (
        gatewayed(tmp_path / "gateway", config) as http,
        Client(stage.server.profile("lotus-forum"), timeout=120) as lotus,
        Client(stage.server.profile("acme-video"), timeout=120) as acme,
    ):
        one = lotus.submit([code], labels=["ncii"]).index
        two = acme.submit([code], labels=["ncii"]).index
        lotus.withdraw(one, "mistake")
        record = fetch(http, 11)[0][of(code)]
    assert record["caseNumbers"] == {f"entries/{one}": "Withdrawn", f"entries/{two}": "Active"}
    assert record["hashStatus"] == "Active"
