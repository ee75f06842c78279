"""Shared banks: what is added to one is a signed entry of the member, with the labels that the bank has."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import fingerprint
from gatewayed import Http, gatewayed, made_folder
from staged import SHARED_BANKS, Stage, near
from waits import wait_until

from hashpact.domain.fingerprints import MD5, PDQ
from hashpact.domain.kinds import Withdraw
from hashpact.gateway import clearing, running
from hashpact.gateway.keeping.banks import FIRST_LOCAL, Bank, BankKind, Content
from hashpact.gateway.keeping.folder import open_banks
from hashpact.gateway.keeping.store import Unreceipted
from hashpact.keys.passphrase import Passphrases
from hashpact.member.clients import Client
from hashpact.member.pending import subject_of_content, subject_of_entry


def made(http: Http, name: str) -> str:
    """The bank of that name, which is made if there is none."""
    assert http("POST", "/c/banks", {"name": name}).status in {201, 403}
    return name


@pytest.fixture
def shared(http: Http) -> str:
    """A shared bank."""
    return made(http, "S_NCII_ONE")


@pytest.fixture
def client(stage: Stage) -> Iterator[Client]:
    """The member's own client."""
    with Client(stage.server.profile("acme-video"), timeout=120) as connected:
        yield connected


def code(seed: str) -> str:
    """A PDQ in hex."""
    return fingerprint(PDQ, seed).value.hex()


def test_a_content_becomes_an_entry(http: Http, shared: str, client: Client) -> None:
    path, signals = f"/c/bank/{shared}/signal", {"pdq": code("entry"), "video_md5": "ab" * 16}
    added = http("POST", path, {**signals, "note": "of a person", "metadata": {"content_id": "secret:1"}})
    assert added.status == 200
    number = added.json["id"]
    assert number < FIRST_LOCAL
    entry = client.entry(number)
    assert (entry.entry.member, entry.entry.labels, entry.entry.basis.value) == (
        "acme-video",
        ("ncii",),
        "guideline",
    )
    assert (entry.entry.jurisdictions, entry.entry.items) == (("VN",), 2)
    for part in (entry.statement, *entry.private):
        assert b"person" not in part
        assert b"secret" not in part
    again = http("POST", path, signals)
    assert again.json["id"] == number
    near_by = http("GET", "/m/lookup", signal=signals["pdq"], signal_type="pdq").json
    assert sorted(near_by) == ["LABEL_NCII", shared]
    shown = http("GET", f"/c/bank/{shared}/content/{number}", include_metadata="true").json
    assert (shown["note"], shown["metadata"]["content_id"]) == ("of a person", "secret:1")
    assert shown["metadata"]["collab"] == {shared: [f"{number}.0"]}


def test_deleting_withdraws(http: Http, shared: str, client: Client) -> None:
    asked = {"pdq": code("withdrawn")}
    number = http("POST", f"/c/bank/{shared}/signal", asked).json["id"]
    path = f"/c/bank/{shared}/content/{number}"
    assert http("DELETE", path).json == {"deleted": 1}
    found = client.entry(number)
    assert (found.stands, found.entry.withdrawn_reason) == (False, "removed-from-bank")
    assert http("GET", "/m/lookup", signal=asked["pdq"], signal_type="pdq").json == {}
    assert http("DELETE", path).json == {"deleted": 0}
    assert http("POST", f"/c/bank/{shared}/signal", asked).json["id"] > number


def test_a_bank_with_entries_is_not_deleted(http: Http, client: Client) -> None:
    name = made(http, "S_NCII_DELETED")
    number = http("POST", f"/c/bank/{name}/signal", {"pdq": code("kept")}).json["id"]
    refused = http("DELETE", f"/c/bank/{name}")
    assert (refused.status, f"bank '{name}' has entries that stand" in refused.message) == (403, True)
    client.withdraw(number, "mistake")
    assert http("DELETE", f"/c/bank/{name}").message == "Done"
    assert http("GET", f"/c/bank/{name}").status == 404


def test_one_content_is_in_one_bank(http: Http, shared: str) -> None:
    other, asked = made(http, "S_NCII_OTHER"), {"pdq": code("twice")}
    number = http("POST", f"/c/bank/{shared}/signal", asked).json["id"]
    same_terms = http("POST", f"/c/bank/{other}/signal", asked)
    assert (same_terms.status, same_terms.message) == (
        409,
        f"entry {number} has the same content in another bank",
    )
    hate = http("POST", f"/c/bank/{made(http, 'S_HATE')}/signal", asked)
    assert hate.status == 409
    near_by = http("GET", "/m/lookup", signal=asked["pdq"], signal_type="pdq").json
    assert sorted(near_by) == ["LABEL_NCII", shared]


def test_what_the_member_has_shared_itself_is_taken_in(http: Http, shared: str, client: Client) -> None:
    number = client.submit([fingerprint(MD5, "itself")], labels=["ncii"], jurisdictions=["VN"]).index
    asked = {"video_md5": fingerprint(MD5, "itself").value.hex()}
    # Its own record of what it has shared is in the profile, which both use.
    assert http("POST", f"/c/bank/{shared}/signal", asked).json["id"] == number


def test_refusals_of_the_clearinghouse(http: Http) -> None:
    answered = http("POST", f"/c/bank/{made(http, 'S_UNKNOWN')}/signal", {"pdq": code("unknown")})
    assert answered.status == 400
    assert "no-such-label" in answered.message


def test_a_local_bank_stays_local_under_any_name(http: Http, bank: str, client: Client) -> None:
    before = client.checkpoint().checkpoint.size
    assert http("PUT", f"/c/bank/{bank}", {"name": "S_NCII_RENAMED"}).status == 200
    number = http("POST", "/c/bank/S_NCII_RENAMED/signal", {"pdq": code("local")}).json["id"]
    assert number >= FIRST_LOCAL
    assert client.checkpoint().checkpoint.size == before
    assert http("PUT", "/c/bank/S_NCII_RENAMED", {"name": bank}).status == 200


def test_a_shared_bank_without_terms_takes_nothing(http: Http) -> None:
    name = made(http, "S_NCII_FREE")
    assert http("PUT", f"/c/bank/{name}", {"name": "ELSEWHERE"}).status == 200
    refused = http("POST", "/c/bank/ELSEWHERE/signal", {"pdq": code("free")})
    assert (refused.status, "no [[shared]] terms" in refused.message) == (403, True)
    assert http("DELETE", "/c/bank/ELSEWHERE").message == "Done"


def test_an_answer_that_is_late(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "PROBE", 0.2)
    monkeypatch.setattr(running, "ROUND", 0.2)
    asked, server, shared = {"pdq": code("late")}, stage.server, "S_NCII_LATE"
    query = {"signal": near(fingerprint(PDQ, "late"), 5), "signal_type": "pdq"}
    place = (tmp_path / "gateway", stage.directory / "acme-video", server.address)
    with gatewayed(tmp_path / "gateway", made_folder(*place, shared=SHARED_BANKS, timeout=2)) as http:
        for name in (shared, "T_LOCAL"):
            assert http("POST", "/c/banks", {"name": name}).status == 201
        wait_until(lambda: http("GET", "/m/lookup", **query).json == {})
        server.pause()
        try:
            late = http("POST", f"/c/bank/{shared}/signal", asked)
            assert (late.status, "sent again later" in late.message) == (504, True)
            waiting = http("GET", "/m/lookup", **query)
            assert (waiting.status, waiting.message) == (503, "index not yet ready")
            assert waiting.headers["retry-after"] == "1"
            stale = http("GET", "/status")
            assert (stale.status, stale.media, stale.body) == (503, "text/plain", b"INDEX-STALE")
            assert not http("GET", "/c/exchange/LABEL_NCII/status").json["up_to_date"]
            assert http("GET", "/status/live").status == 200
            assert http("GET", "/m/lookup", **query, banks="T_LOCAL").json == {}  # needs no clearinghouse
        finally:
            server.process.send_signal(signal.SIGCONT)
        wait_until(lambda: http("GET", "/status").status == 200)
        wait_until(lambda: shared in http("GET", "/m/lookup", **query).json)
        (found,) = http("GET", "/m/lookup", **query).json[shared]
        assert http("POST", f"/c/bank/{shared}/signal", asked).json["id"] == found["bank_content_id"]


def test_a_withdrawal_without_an_answer(stage: Stage, shared: str, client: Client) -> None:
    """Its statement is in the profile: it is sent in the background, and then its content is gone."""
    http = stage.http
    asked = {"pdq": code("late withdrawal"), "note": "kept here"}
    number = http("POST", f"/c/bank/{shared}/signal", asked).json["id"]
    path = f"/c/bank/{shared}/content/{number}"
    assert http("GET", path, include_metadata="true").json["note"] == "kept here"
    outbox, subject = stage.server.profile("acme-video").outbox, subject_of_entry(Withdraw, number)
    assert outbox is not None
    withdrawal = stage.server.author("acme-video").withdraw(number, "removed-from-bank")
    assert outbox.put(subject, withdrawal, ())
    wait_until(lambda: not http("GET", path, include_metadata="true").json.get("note"))
    assert outbox.find(subject) is None
    assert not client.entry(number).stands


def test_a_receipt_that_came_before_a_kill(stage: Stage, client: Client, tmp_path: Path) -> None:
    """What was kept before it was sent comes into its bank at the next start; what was not sent does not."""
    config = made_folder(
        *(tmp_path / "gateway", stage.directory / "acme-video", stage.server.address), shared=SHARED_BANKS
    )
    entry = client.submit([fingerprint(PDQ, "killed")], labels=["hate"]).index
    with open_banks(tmp_path / "gateway", Passphrases(environ={}), unencrypted=True) as store:
        bank = store.put(Bank(0, "S_HATE", BankKind.SHARED))
        for name in ("killed", "never sent"):
            signals = {"pdq": code(name)}
            subject = subject_of_content([fingerprint(PDQ, name)])
            store.wait(Unreceipted(subject, bank.number, Content(0, bank.number, signals, "note")))
    with gatewayed(tmp_path / "gateway", config) as http:
        query = {"signal": code("killed"), "signal_type": "pdq"}
        # Its receipt is looked for in the background, when the worker that is asked has followed.
        wait_until(lambda: "S_HATE" in http("GET", "/m/lookup", **query).json)
        assert http("GET", "/m/lookup", **query).json["S_HATE"][0]["bank_content_id"] == entry
        assert http("GET", f"/c/bank/S_HATE/content/{entry}", include_metadata="true").json["note"] == "note"
        assert http("GET", "/m/lookup", signal=code("never sent"), signal_type="pdq").json == {}
    with open_banks(tmp_path / "gateway", Passphrases(environ={}), unencrypted=True) as store:
        assert store.waits() == []
