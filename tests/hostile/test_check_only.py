"""48: check-only profiles, from which nobody can sign, read or submit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from governing import admin, check_on, governed, here, refused, told
from running import RunningServer

from hashpact.domain.fingerprints import SHA256
from hashpact.errors import ConfigError, HashpactError, NotPermittedError
from hashpact.home.opening import open_home
from hashpact.keys.passphrase import Passphrases
from hashpact.member.channels import issue_check_only
from hashpact.member.clients import Client
from hashpact.member.keys import statement_key
from hashpact.member.profile import Profile

PICTURE = [fingerprint(SHA256, "one")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose administrators have taken their keys away."""
    return governed(tmp_path)


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of that home."""
    with RunningServer(home) as running:
        yield running


@pytest.fixture
def member(home: Path, server: RunningServer) -> Path:
    """The profile of a member of that home, for that server."""
    profile = home.parent / "lotus-forum"
    config = profile / "profile.toml"
    config.write_text(config.read_text().replace("127.0.0.1:8443", server.address))
    return profile


def issue(member: Path, name: str, *words: str) -> tuple[Path, str]:
    """A check-only profile of the member, and its certificate's serial."""
    out = member.parent / name
    wanted = ("--check-only", "--out", out, "--profile", member, "--unencrypted")
    (made,) = here("profile", "issue", *wanted, *words)
    return out, made["serial"]


def test_48_a_check_only_profile_checks_and_does_nothing_else(home: Path, member: Path) -> None:
    with Client(member) as client:
        entry = client.submit(PICTURE, labels=["other"]).index
    upload, _ = issue(member, "upload")
    assert sorted(path.name for path in upload.iterdir()) == ["ca.crt", "profile.toml", "tls.pem"]
    assert 'check_only = "yes"' in (upload / "profile.toml").read_text()
    with Client(upload) as client:
        assert [match.entry for match in client.check(PICTURE).matches] == [entry]
        signs: list[Callable[[], object]] = [
            lambda: client.submit([fingerprint(SHA256, "two")], labels=["other"]),
            lambda: client.withdraw(entry, "mistake"),
            lambda: client.opinion(entry, "seen"),
            lambda: client.certificate(b"request"),
        ]
        for call in signs:
            with pytest.raises(ConfigError, match="for checks only: it has no statement key"):
                call()
        with Client(member) as whole:
            statement = whole.author.withdraw(entry, "mistake")
        reads: list[Callable[[], object]] = [
            lambda: client.entry(entry),
            lambda: list(client.entries()),
            lambda: list(client.leaves()),
            lambda: list(client.members()),
            client.checkpoint,
            client.policy,
            lambda: client.append(statement),
        ]
        for call in reads:
            with pytest.raises(NotPermittedError, match="certificate of 'lotus-forum' is for checks only"):
                call()
    for command in (
        ("cert", "request"),
        ("cert", "renew", "--unencrypted"),
        ("key", "rotate", "--unencrypted"),
    ):
        assert "for checks only" in refused(*command, "--profile", upload)
    with pytest.raises(ConfigError, match="for checks only"):
        statement_key(upload)
    assert Profile.load(upload).endings(0) == []
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_48_any_number_are_issued_listed_and_revoked_one_by_one(home: Path, member: Path) -> None:
    (first, serial), (second, other) = issue(member, "first", "--days", "3"), issue(member, "second")
    listed = {line["serial"]: line for line in here("cert", "list", "--profile", member)}
    assert [line["use"] for line in listed.values()].count("channel") == 1
    assert {listed[each]["use"] for each in (serial, other)} == {"check-only"}
    assert {line["state"] for line in listed.values()} == {"key in use"}
    assert listed[serial]["expires"] < listed[other]["expires"]
    here("cert", "revoke", serial, "--reason", "machine-lost", "--profile", member)
    with Client(first) as client, pytest.raises(NotPermittedError, match="is revoked"):
        client.check(PICTURE)
    with Client(second) as client:
        client.check(PICTURE)
    signer = ("--home", home, "--key", admin(home, "1"))
    here("cert", "revoke", other, "--reason", "machine-lost", "--member", "lotus-forum", *signer)
    with Client(second) as client, pytest.raises(NotPermittedError, match="is revoked"):
        check_on(client, PICTURE)
    listed = {line["serial"]: line for line in here("cert", "list", "--profile", member)}
    assert sorted(line["state"] for line in listed.values()) == ["key in use", "revoked", "revoked"]
    at_home = here("cert", "list", "--home", home, "--member", "lotus-forum")
    assert {line["serial"] for line in at_home} == {serial, other}
    assert all(line["revoked_index"] for line in at_home)
    assert here("cert", "list", "--home", home, "--member", "acme") == []
    assert serial in told("cert", "list", "--profile", member)


def test_48_a_check_only_profile_ends_with_the_key_that_vouched_for_it(member: Path) -> None:
    upload, _ = issue(member, "upload")
    here("key", "rotate", "--overlap", "0", "--unencrypted", "--profile", member)
    with Client(upload) as client, pytest.raises(NotPermittedError, match="it has been replaced"):
        client.check(PICTURE)
    with Client(member) as client:
        client.check(PICTURE)
    again, _ = issue(member, "again")
    with Client(again) as client:
        client.check(PICTURE)


def test_48_misuse_is_named(home: Path, member: Path) -> None:
    out = ("--out", member, "--profile", member, "--unencrypted")
    assert "not an empty directory" in refused("profile", "issue", "--check-only", *out)
    assert "is not a serial" in refused("cert", "revoke", "AB", "--reason", "lost", "--profile", member)
    assert "whose certificate" in refused("cert", "revoke", "00" * 20, "--reason", "lost", "--home", home)


def test_48_a_server_that_ignores_the_mark_is_noticed(member: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Client.certificate
    monkeypatch.setattr(Client, "certificate", lambda self, request, *_, **__: ask(self, request))
    with pytest.raises(HashpactError, match="not for checks only"):
        issue_check_only(member, member.parent / "out", 3, Passphrases({}), unencrypted=True)
    assert not (member.parent / "out").exists()


def test_48_the_last_use_of_each_profile_is_listed(home: Path, server: RunningServer, member: Path) -> None:
    upload, serial = issue(member, "upload")
    _, unused = issue(member, "unused")

    def listed(*more: str) -> dict[str, str | None]:
        return {row["serial"]: row["last_used"] for row in here("cert", "list", "--profile", member, *more)}

    assert listed()[serial] is None
    with Client(upload) as client:
        client.check(PICTURE)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    found = listed()
    assert (found[serial] is None, found[unused]) == (False, None)
    assert str(found[serial]) >= today
    assert server.stop() == 0
    with RunningServer(home) as again:
        after = listed("--address", again.address)
    assert (after[serial], after[unused]) == (found[serial], None)
