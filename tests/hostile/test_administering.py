"""59: administration from afar: what administrators do without the server's disk, and what they cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from governing import admin, governed, here, refused, told
from running import ORIGIN, RunningServer

from hashpact.domain.fingerprints import SHA256
from hashpact.errors import NotPermittedError, UnauthenticatedError
from hashpact.governance import drafts
from hashpact.governance.labels import TEXTS, write_texts
from hashpact.home.opening import open_home
from hashpact.member.clients import Client

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


def desk(home: Path, server: RunningServer, name: str, *key: Path) -> Path:
    """The profile of an administrator, made on their own machine; its certificate is issued at the home."""
    profile, welcome = home.parent / f"desk-{name}", home.parent / f"desk-{name}.welcome"
    new = ("--origin", ORIGIN, "--address", server.address, "--unencrypted", "--admin", name)
    here("profile", "new", profile, *new, "--key", *(key or (admin(home, name),)))
    here("cert", "issue", home, profile / "join", "--out", welcome)
    here("profile", "install", profile, welcome)
    return profile


@pytest.fixture
def desks(home: Path, server: RunningServer) -> tuple[Path, Path]:
    """The profiles of both administrators. Nothing of the home is in them."""
    return desk(home, server, "1"), desk(home, server, "2")


def test_59_one_administrator_suspends_and_two_resume_from_their_own_machines(
    home: Path, server: RunningServer, desks: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = desks
    (tried,) = here("profile", "test", "--profile", one)
    assert (tried["member"], tried["key"], tried["roles"]) == ("admin", "1", [])
    with Client(server.profile("lotus-forum")) as member:
        member.check(PICTURE)
        about = ("lotus-forum", "--reason", "keys-stolen", "--profile")
        (suspended,) = here("member", "suspend", *about, one)
        with pytest.raises(NotPermittedError, match="suspended"):
            member.check(PICTURE)
        (proposed,) = here("member", "resume", *about, one)
        assert proposed["kinds"] == ["member-resume"]
        with pytest.raises(NotPermittedError, match="suspended"):
            member.check(PICTURE)
        (waits,) = here("statement", "list", "--waiting", "--profile", two)
        (statement,) = waits["statements"]
        assert (statement["signed"], statement["missing"], statement["needed"]) == (
            ["admin/1"],
            ["admin/2"],
            2,
        )
        assert waits["waiting"].startswith(proposed["waiting"])
        assert "member-resume: lotus-forum" in told("statement", "list", "--waiting", "--profile", two)
        note = tmp_path / "resume.note"
        here("statement", "fetch", proposed["waiting"], "--out", note, "--profile", two)
        here("statement", "sign", note, "--profile", two, "--yes")
        (leaf,) = here("statement", "submit", note, "--profile", two)
        assert (leaf["kind"], leaf["index"]) == ("member-resume", suspended["index"] + 1)
        member.check(PICTURE)
    assert here("statement", "list", "--waiting", "--profile", one) == []
    assert "nothing waits" in told("statement", "list", "--waiting", "--home", home)
    listed = [(row["index"], row["kind"]) for row in here("statement", "list", "--profile", one)]
    assert listed[-2:] == [(suspended["index"], "member-suspend"), (leaf["index"], "member-resume")]
    assert listed == [(row["index"], row["kind"]) for row in here("statement", "list", "--home", home)]
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_59_a_member_joins_while_nobody_but_the_issuer_is_at_the_home(
    home: Path, server: RunningServer, desks: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = desks
    profile, note = tmp_path / "acme-video", tmp_path / "acme.note"
    new = ("--origin", ORIGIN, "--member", "acme-video", "--address", server.address, "--unencrypted")
    here("profile", "new", profile, *new)
    here("member", "admit", home, profile / "join", "--roles", "check", "--out", note)
    here("statement", "sign", note, "--profile", profile, "--yes")
    here("statement", "sign", note, "--profile", one, "--yes")
    (waits,) = here("statement", "submit", note, "--profile", one)
    assert waits["kinds"] == ["member-enrol", "key-enrol"]
    other = tmp_path / "other.note"
    here("statement", "fetch", waits["waiting"], "--out", other, "--profile", two)
    here("statement", "sign", other, "--profile", two, "--yes")
    assert [leaf["kind"] for leaf in here("statement", "submit", other, "--profile", two)] == waits["kinds"]
    assert any(row["member"] == "acme-video" for row in here("member", "list", "--profile", two))


def test_59_documents_come_with_the_last_signature(
    home: Path, server: RunningServer, desks: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = desks
    texts, note = tmp_path / "texts.json", tmp_path / "policy.note"
    texts.write_bytes(write_texts({"hate": TEXTS["hate"], "ncii": TEXTS["ncii"]}))
    drafted = ("statement", "draft", home, "policy", "label=hate", "label=ncii")
    assert "does not explain spam" in refused(*drafted, "label=spam", f"texts=@{texts}", "--out", note)
    (tmp_path / "pretty.json").write_bytes(texts.read_bytes().replace(b"{", b"{ "))
    assert "jq -cS" in refused(*drafted, f"texts=@{tmp_path}/pretty.json", "--out", note)
    assert "--document FILE" in told(*drafted, f"texts=@{texts}", "--out", note)
    here("statement", "sign", note, "--profile", one, "--yes")
    (waits,) = here("statement", "submit", note, "--profile", one, "--document", texts)
    assert waits["kinds"] == ["policy"]
    other = tmp_path / "other.note"
    here("statement", "fetch", waits["waiting"], "--out", other, "--profile", two)
    here("statement", "sign", other, "--profile", two, "--yes")
    submit = ("statement", "submit", other, "--profile", two)
    digest = hashlib.sha256(texts.read_bytes()).hexdigest()
    assert f"enclose the document with the SHA-256 {digest}" in refused(*submit)
    strange = ("--document", texts, "--document", note)
    assert "none of the statements names the document" in refused(*submit, *strange)
    (leaf,) = here(*submit, "--document", texts)
    assert leaf["kind"] == "policy"
    assert here(*submit) == here(*submit, "--document", texts)  # it is in the log
    labels = here("labels", "--profile", tmp_path / "lotus-forum", "--address", server.address)
    assert {line["label"]: line["texts"] for line in labels} == {"hate": digest, "ncii": digest}
    # The methods statement, too: one administrator signs it, on another machine than the home's.
    methods, note = tmp_path / "methods.json", tmp_path / "methods.note"
    (written,) = here("methods", "publish", home, "--out", methods)
    assert (written["index"], written["new"]) == (None, True)
    here("statement", "draft", home, "methods", f"document=@{methods}", "--out", note, "--as", "2")
    here("statement", "sign", note, "--profile", two, "--yes")
    (leaf,) = here("statement", "submit", note, "--profile", two, "--document", methods)
    assert here("methods", "publish", home) == [{**written, "index": leaf["index"], "new": False}]
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_59_proposals_survive_a_server_that_is_killed(
    home: Path, server: RunningServer, desks: tuple[Path, Path]
) -> None:
    about = ("lotus-forum", "--reason", "asked", "--roles", "check", "--profile", desks[0])
    (waits,) = here("member", "roles", *about)
    server.kill()
    with RunningServer(home) as again:
        (found,) = here("statement", "list", "--waiting", "--profile", desks[1], "--address", again.address)
        assert found["waiting"].startswith(waits["waiting"])


def test_59_an_administrators_channel_governs_and_reads_no_private_part(
    server: RunningServer, desks: tuple[Path, Path]
) -> None:
    with Client(server.profile("lotus-forum")) as member:
        entry = member.submit(PICTURE, labels=["other"]).index
    with Client(desks[0]) as client:
        detail = client.entry(entry)
        assert (detail.private, detail.withheld) == ((), True)
        assert [one.private for one in client.entries(entry)] == [()]
        for work in (
            lambda: client.check(PICTURE),
            lambda: list(client.leaves(private=True)),
            lambda: client.submit(PICTURE, labels=["other"]),
            lambda: client.withdraw(entry, "mine"),
        ):
            with pytest.raises(NotPermittedError):
                work()


def test_59_nobody_but_an_administrator_proposes_or_lists(server: RunningServer) -> None:
    with Client(server.profile("lotus-forum")) as member:
        with pytest.raises(NotPermittedError, match="no administrator"):
            member.proposals()
        with pytest.raises(NotPermittedError, match="no administrator"):
            member.propose(drafts.parse(member.author.withdraw(1, "x").statement))


def test_59_a_stolen_channel_says_nothing_without_the_key(
    home: Path, server: RunningServer, desks: tuple[Path, Path], tmp_path: Path
) -> None:
    thief = desks[0]
    # The thief signs with a key of its own, under the administrator's name.
    own = tmp_path / "admin-1.key"
    here("key", "new", own, "--unencrypted")
    note = tmp_path / "suspend.note"
    suspend = ("member", "suspend", "lotus-forum", "--reason", "x", "--home", home)
    here(*suspend, "--draft", note)
    here("statement", "sign", note, "--key", own, "--yes")
    assert "does not verify by a key" in refused("statement", "submit", note, "--profile", thief)
    with Client(server.profile("lotus-forum")) as member:
        member.check(PICTURE)


def test_59_a_replaced_administrator_is_out_at_once(
    home: Path, server: RunningServer, desks: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = desks
    carol, note = tmp_path / "admin-carol.key", tmp_path / "root.note"
    (made,) = here("key", "new", carol, "--unencrypted")
    here("root", "propose", home, "--add", f"carol={made['public']}", "--remove", "2", "--out", note)
    for key in (admin(home, "2"), carol):
        here("root", "sign", note, "--key", key, "--yes")
    here("root", "sign", note, "--key", admin(home, "1"), "--yes")
    with Client(two) as client:
        client.proposals()
        (leaf,) = here("statement", "submit", note, "--profile", one)
        assert leaf["kind"] == "root"
        with pytest.raises(UnauthenticatedError, match="names no key of 'admin'"):
            client.proposals()
        with pytest.raises(UnauthenticatedError, match="names no key of 'admin'"):
            list(client.members())
    refused_again = refused("cert", "issue", home, two / "join", "--out", tmp_path / "two.welcome")
    assert "is not enrolled" in refused_again
    assert here("statement", "list", "--waiting", "--profile", desk(home, server, "carol", carol)) == []


@pytest.mark.usefixtures("server")
def test_59_an_administrator_renews_the_certificate_with_its_key(desks: tuple[Path, Path]) -> None:
    before = (desks[0] / "tls.pem").read_bytes()
    here("cert", "renew", "--profile", desks[0], "--unencrypted")
    assert (desks[0] / "tls.pem").read_bytes() != before
    here("statement", "list", "--waiting", "--profile", desks[0])


def test_59_a_member_cannot_be_called_admin(home: Path, tmp_path: Path) -> None:
    draft = ("statement", "draft", home, "member-enrol", "id=admin", "role=check")
    refusal = refused(*draft, "--out", tmp_path / "admin.note")
    assert "'admin' is reserved for the administrators" in refusal
