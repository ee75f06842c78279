"""The server as a process: two on one home, enrolment beside it, refusals, a full disk, and what it logs."""

from __future__ import annotations

import base64
import json
import resource
import signal
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import check_log
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from running import BOTH, ORIGIN, RunningServer, found
from waits import wait_until

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.domain.checks import Filter
from hashpact.domain.fingerprints import PDQ, SHA256, Fingerprint
from hashpact.domain.keys import NamedKey
from hashpact.domain.messages import Submission
from hashpact.domain.state import Role, Stance
from hashpact.durable import write_private, write_public
from hashpact.errors import (
    BadSignatureError,
    ClockSkewError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    NotPermittedError,
    RequestReusedError,
    UnavailableError,
    UnknownKeyError,
    UnknownLabelError,
)
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths
from hashpact.keys import certificates
from hashpact.member.author import Author, Reason
from hashpact.member.clients import Client
from hashpact.settings import split_address

CODE = Fingerprint(PDQ, bytes.fromhex("0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2), 90)
FRAUD = Reason(frozenset({"fraud"}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two members."""
    return found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of it, and at the end the log is whole."""
    with RunningServer(home, measured=True) as running:
        yield running
    with open_home(home) as opened:
        check_log(opened.ledger)


def size(home: Path) -> int:
    with open_home(home) as opened:
        return opened.ledger.head().size


def near(code: Fingerprint, bits: int) -> Fingerprint:
    """The code with its first so many bits flipped."""
    flipped = int.from_bytes(code.value) ^ ((1 << bits) - 1)
    return Fingerprint(code.type, flipped.to_bytes(code.type.size), code.quality)


def test_what_one_member_shares_another_finds_until_it_is_withdrawn(server: RunningServer) -> None:
    with Client(server.profile("acme-video")) as acme, Client(server.profile("lotus-forum")) as lotus:
        receipt = acme.submit([CODE, Fingerprint(SHA256, b"\7" * 32)], labels={"ncii"}, jurisdictions={"VN"})
        (match,) = lotus.check([near(CODE, 31)]).matches
        assert (match.entry, match.score, match.labels, match.member) == (
            receipt.index,
            31,
            ("ncii",),
            "acme-video",
        )
        assert lotus.check([near(CODE, 32)]).matches == ()
        assert lotus.check([CODE], filter=Filter(jurisdictions=frozenset({"TH"}))).matches == ()
        lotus.opinion(receipt.index, Stance.DISPUTE)
        (match,) = acme.check([CODE]).matches
        assert (match.endorsed_by, match.disputed_by) == (0, 1)
        assert acme.check([CODE], filter=Filter(without_disputed=True)).matches == ()
        acme.withdraw(receipt.index, "mistake")
        assert lotus.check([CODE]).matches == ()
        with pytest.raises(ConflictError, match="withdrawn"):
            acme.withdraw(receipt.index, "mistake")


def test_33_two_servers_on_one_home(home: Path, server: RunningServer) -> None:
    with (
        RunningServer(home, measured=True) as second,
        Client(server.profile("acme-video")) as here,
        Client(second.profile("lotus-forum")) as there,
    ):
        mine = here.submit([near(CODE, 30)], labels={"fraud"})
        for bits in range(0, 20, 2):
            mine = here.submit([near(CODE, bits)], labels={"fraud"})
            found_there = there.check([near(CODE, bits)], min_position=mine.tree_size)
            assert mine.index in {match.entry for match in found_there.matches}
            theirs = there.submit([near(CODE, bits + 1)], labels={"fraud"})
            assert theirs.index == mine.index + 1
        here.withdraw(mine.index, "mistake")
        position = there.submit([near(CODE, 21)], labels={"fraud"}).tree_size
        answer = there.check([near(CODE, 18)], min_position=position)
        assert mine.index not in {match.entry for match in answer.matches}


def test_a_member_enrolled_while_the_server_runs_is_served(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    with open_home(home) as opened:
        enrol_member(opened, "river-social", frozenset({Role.CHECK}), tmp_path / "river-social", None)
    with Client(server.profile("river-social")) as river:
        assert river.check([CODE]).matches == ()
        with pytest.raises(NotPermittedError, match="role contribute"):
            river.submit([CODE], labels={"fraud"})


def changed(submission: Submission) -> Submission:
    """One byte of the text changed after signing: the label."""
    data = submission.statement.replace(b"\nlabel fraud\n", b"\nlabel fraue\n")
    assert data != submission.statement
    return replace(submission, statement=data)


def recast(**fields: Any) -> Callable[[Author], Submission]:  # noqa: ANN401  # as many types as an Author has
    """A submission by the author with other fields."""
    return lambda author: replace(author, **fields).submit([CODE], FRAUD)


UNKNOWN = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)

REFUSED: list[tuple[str, Callable[[Author], Submission], type[HashpactError], str]] = [
    (
        "changed after signing",
        lambda author: changed(author.submit([CODE], FRAUD)),
        BadSignatureError,
        "does not verify",
    ),
    (
        "unknown key",
        recast(key=NamedKey("1", UNKNOWN.public_key().public_bytes_raw()), signer=UNKNOWN),
        UnknownKeyError,
        "not enrolled",
    ),
    ("signed by another's key", recast(signer=UNKNOWN), BadSignatureError, "does not verify"),
    ("for another log", recast(origin="other.example/log"), InvalidInputError, "for the log"),
    ("in another's name", recast(member="lotus-forum"), NotPermittedError, "the channel is of 'acme-video'"),
    ("long ago", recast(clock=lambda: 1_700_000_000), ClockSkewError, "clock"),
    (
        "unknown label",
        lambda author: author.submit([CODE], Reason(frozenset({"sarcasm"}))),
        UnknownLabelError,
        "known are csam, fraud, harassment",
    ),
    (
        "private part missing",
        lambda author: replace(author.submit([CODE], FRAUD), private=()),
        InvalidInputError,
        "0 private parts for 1 commitments",
    ),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, RunningServer]]:
    """One home and its server for all statements that change nothing."""
    home = found(tmp_path_factory.mktemp("refusing"), {"acme-video": BOTH, "lotus-forum": BOTH})
    with RunningServer(home) as running:
        yield home, running
    with open_home(home) as opened:
        check_log(opened.ledger)


@pytest.mark.parametrize(
    ("make", "error", "reason"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_bad_statement_is_refused_with_its_reason_and_nothing_changes(
    refusing: tuple[Path, RunningServer],
    make: Callable[[Author], Submission],
    error: type[HashpactError],
    reason: str,
) -> None:
    home, server = refusing
    before = size(home)
    submission = make(server.author("acme-video"))
    with Client(server.profile("acme-video")) as client, pytest.raises(error, match=reason) as caught:
        client.append(submission)
    assert type(caught.value) is error
    assert size(home) == before


def test_01_02_a_replay_gets_the_original_receipt_and_other_bytes_are_refused(
    home: Path, server: RunningServer
) -> None:
    with Client(server.profile("acme-video")) as client:
        request = b"\5" * 16
        author = replace(server.author("acme-video"), entropy=lambda count: request[:1] * count)
        submission = author.submit([CODE], FRAUD)
        receipt = client.append(submission)
        client.submit([near(CODE, 3)], labels={"fraud"})
        before = size(home)
        assert client.append(submission) == receipt
        with pytest.raises(RequestReusedError, match="nothing has changed"):
            client.append(author.submit([near(CODE, 5)], FRAUD))
    assert size(home) == before


def test_no_fingerprint_or_label_of_a_call_is_logged(server: RunningServer) -> None:
    with Client(server.profile("acme-video")) as client:
        receipt = client.submit([CODE], labels={"ncii"})
        client.check([near(CODE, 1)])
        client.entry(receipt.index)
        with pytest.raises(UnknownLabelError):
            client.submit([CODE], labels={"sarcasm"}, again=True)
    assert server.stop() == 0
    events = [json.loads(line) for line in server.log.splitlines()]
    called = [event["rpc"].rpartition("/")[2] for event in events if event["event"] == "rpc"]
    followed = {"ListRoots", "GetCheckpoint", "GetInclusionProof"}
    assert set(called[: called.index("Append")]) == followed
    assert [name for name in called if name not in followed] == ["Append", "Check", "GetEntry", "Append"]
    for code in (CODE, near(CODE, 1)):
        for spelling in (code.value.hex(), base64.b64encode(code.value).decode(), repr(code.value)[2:20]):
            assert spelling not in server.log
    assert "ncii" not in server.log
    assert "sarcasm" not in server.log


def test_a_reload_of_one_process_is_refused_in_the_log_and_ends_nothing(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "nothing is reloaded" in server.log)
    with Client(server.profile("acme-video")) as client:
        assert client.check([CODE]).matches == ()


def test_sigterm_ends_the_server_well(server: RunningServer) -> None:
    assert server.stop() == 0
    events = [json.loads(line)["event"] for line in server.log.splitlines()]
    assert events[-2:] == ["stopping", "saved the index"]


def test_30_a_failed_commit_is_never_answered_and_ends_the_process(home: Path) -> None:
    with (
        RunningServer(home, measured=True) as server,
        Client(server.profile("acme-video")) as client,
        Client(server.profile("acme-video"), timeout=3) as hasty,
    ):
        answered = client.submit([CODE], labels={"fraud"})
        full = (home / "hashpact.db-wal").stat().st_size
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        lost = server.author("acme-video").submit([near(CODE, 8)], FRAUD)
        with pytest.raises(UnavailableError):
            hasty.append(lost)
        assert server.wait() == 4
        assert "CommitFailedError" in server.log, "the fault did not fire"
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        assert client.entry(answered.index).entry.index == answered.index
        again = client.append(lost)
        assert again.index == answered.index + 1
        assert client.append(lost) == again
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_a_second_signal_does_not_leave_the_log_open(home: Path) -> None:
    with RunningServer(home, measured=True) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.stop() == 0
    assert not (home / "hashpact.db-wal").exists()


def test_encrypted_keys_open_without_a_terminal(tmp_path: Path) -> None:
    secret = b"correct horse battery"
    create_home(tmp_path / "home", HomeConfig(ORIGIN), admins=1, threshold=1, passphrase=secret)
    with open_home(tmp_path / "home", lambda _: [secret]) as opened:
        enrol_member(opened, "acme-video", BOTH, tmp_path / "acme-video", None)
    with pytest.raises(AssertionError, match=r"server\.key is encrypted; set HASHPACT_PASSPHRASE_FILE"):
        RunningServer(tmp_path / "home")
    file = tmp_path / "credential"
    file.write_bytes(secret + b"\n")
    with (
        RunningServer(tmp_path / "home", HASHPACT_PASSPHRASE_FILE=str(file)) as server,
        Client(server.profile("acme-video")) as client,
    ):
        assert client.check([CODE]).matches == ()
        assert secret.decode() not in server.log


def test_new_certificates_are_taken_without_a_restart_and_bad_ones_raise_an_alarm(home: Path) -> None:
    paths = HomePaths(home)
    with open_home(home) as opened:
        authority = opened.open_authority()
    with RunningServer(home, measured=True) as server:

        def served() -> int:
            """The serial number of the certificate that the server shows."""
            host, port = split_address("address", server.address)
            pem = ssl.get_server_certificate((host, port), timeout=120)
            return x509.load_pem_x509_certificate(pem.encode()).serial_number

        first = served()
        renewed = certificates.issue_server(authority, ["localhost", "127.0.0.1"], unix_time)
        write_public(paths.server_cert, renewed.certificate, replace=True)
        assert served() == served() == first
        alarms = [event for event in events(server) if event["level"] == "error"]
        assert [event["event"] for event in alarms] == [
            "cannot load the certificates; the old ones are still in use"
        ]
        assert alarms[0]["reason"] == "server.crt is not of server.key; put both in place"
        write_private(paths.server_key, renewed.key, replace=True)
        assert served() != first
        assert "loaded the certificates" in [event["event"] for event in events(server)]
        paths.ca_cert.unlink()
        assert served() != first
        with Client(server.profile("acme-video")) as client:
            assert client.check([CODE]).matches == ()
        alarms = [event for event in events(server) if event["level"] == "error"]
        assert len(alarms) > 1


def events(server: RunningServer) -> list[dict[str, Any]]:
    """What a server has logged so far."""
    return [json.loads(line) for line in server.log.splitlines()]
