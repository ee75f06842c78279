"""Members and keys through their whole life, as people type it: several machines, files between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from governing import admin, check_on, governed, here, join, keys, refused, told
from running import ORIGIN, RunningServer

from hashpact.domain.fingerprints import PDQ
from hashpact.errors import NotPermittedError
from hashpact.home.opening import open_home
from hashpact.member.clients import Client

PICTURE = [fingerprint(PDQ, "one")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one member, whose administrators have taken their keys away."""
    return governed(tmp_path)


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of that home."""
    with RunningServer(home) as running:
        yield running


def test_a_member_joins_with_keys_that_never_leave_its_machine(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    profile = join(home, server, "acme-video", recovery=True)
    with Client(profile) as client:
        client.submit(PICTURE, labels=["fraud"])
    assert keys(home, "acme-video") == {"1": "in use", "recovery": "in use"}
    (shown,) = here("member", "show", "acme-video", "--profile", profile)
    assert [key["use"] for key in shown["keys"]] == ["sign", "recovery"]
    assert {line["member"] for line in here("member", "list", "--home", home)} == {
        "acme-video",
        "lotus-forum",
    }
    assert "in good standing" in told("member", "list", "--profile", profile)
    # No private key is in any file that was passed around, or in the home.
    secret = (profile / "member-1.key").read_bytes().splitlines()[1]
    for path in (*tmp_path.glob("*.note"), *tmp_path.glob("*.welcome"), profile / "join", *home.rglob("*.*")):
        assert path.is_dir() or secret not in path.read_bytes()
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_what_is_signed_is_shown_in_plain_words(home: Path, server: RunningServer, tmp_path: Path) -> None:
    profile = tmp_path / "acme-video"
    new = ("--origin", ORIGIN, "--member", "acme-video", "--address", server.address, "--unencrypted")
    told("profile", "new", profile, *new)
    note = tmp_path / "acme.note"
    drafted = told("member", "admit", home, profile / "join", "--roles", "check", "--out", note)
    assert "nothing is signed yet" in drafted
    shown = told("statement", "show", note)
    assert "Enrol the member acme-video, who may check." in shown
    assert "Enrol the key acme-video/1, with which acme-video may sign statements." in shown
    assert shown.count("Signed by: nobody yet.") == 2
    signed = told("statement", "sign", note, "--key", admin(home, "2"), "--yes")
    assert "Enrol the member acme-video" in signed
    assert "signed 2 of 2 statements" in signed
    assert "signed 0 of 2 statements" in told("statement", "sign", note, "--key", admin(home, "2"), "--yes")
    assert "signed 1 of 2 statements" in told("statement", "sign", note, "--profile", profile, "--yes")
    shown = told("statement", "show", note, "--home", home)
    assert "Signed by: admin/2." in shown
    assert "Signed by: admin/2, acme-video/1." in shown
    assert "Administrators that must sign: 2." in shown
    first, second = here("statement", "show", note, "--home", home)
    assert (first["kind"], first["administrators_needed"]) == ("member-enrol", 2)
    assert {"name": "acme-video/1", "valid": True} in second["signatures"]
    whole = note.read_bytes()
    for damaged, said in (
        (whole.replace(b"id acme-video", b"id Acme-video", 1), "line 8, id"),
        (whole.replace(b"kind member-enrol", b"kind member-delete"), "kind"),
        (b"\n" + whole, "first line"),
        (b"", "first line"),
    ):
        note.write_bytes(damaged)
        assert said in refused("statement", "sign", note, "--key", admin(home, "1"), "--yes")
        assert said in refused("statement", "submit", note, "--home", home)
        assert note.read_bytes() == damaged
    note.write_bytes(whole.replace(b"role check", b"role contribute", 1))
    assert "DOES NOT VERIFY" in told("statement", "show", note, "--home", home)
    note.write_bytes(whole)
    assert "nothing to sign" in refused(
        "statement", "sign", note, "--key", tmp_path / "lotus-forum" / "member-1.key", "--yes"
    )


def test_a_key_is_rotated_suspended_resumed_and_revoked(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    profile = join(home, server, "acme-video", recovery=True)
    (rotated,) = here("key", "rotate", "--profile", profile, "--overlap", "0", "--unencrypted")
    assert rotated["key"] == "2"
    assert {path.name for path in profile.glob("*.key")} == {"member-2.key"}
    assert keys(home, "acme-video") == {"1": "retired", "recovery": "in use", "2": "in use"}
    with Client(profile) as client:
        client.submit(PICTURE, labels=["fraud"], again=True)
    here("key", "suspend", "2", "--reason", "laptop-lost", "--profile", profile)
    with Client(profile) as client, pytest.raises(NotPermittedError, match="suspended"):
        client.submit(PICTURE, labels=["fraud"], again=True)
    resume = ("key", "resume", "2", "--reason", "found", "--member", "acme-video", "--home", home)
    assert "2 administrators must sign; these files have the keys of 1" in refused(
        *resume, "--key", admin(home, "1")
    )
    here(*resume, "--key", admin(home, "1"), "--key", admin(home, "2"))
    with Client(profile) as client:
        stolen = client.submit(PICTURE, labels=["fraud"], again=True)
    # Lost for good: the recovery key replaces it, and the member revokes it from the theft on.
    recovery = ("--recovery", tmp_path / "recovery.key", "--unencrypted")
    assert here("key", "rotate", "--profile", profile, *recovery)[0]["key"] == "3"
    cutoff = ("--cutoff", str(stolen.index), "--reason", "stolen")
    here("key", "revoke", "2", *cutoff, "--profile", profile)
    assert keys(home, "acme-video")["2"] == f"revoked from leaf {stolen.index}"
    with Client(profile) as client:
        assert client.check(PICTURE).matches[0].entry < stolen.index
    draft = ("--member", "acme-video", "--home", home, "--draft", tmp_path / "revoke.note")
    here("key", "revoke", "3", "--reason", "too", *draft)
    (proposed,) = here("statement", "show", tmp_path / "revoke.note")
    size = here("log", "show", home, "--start", "-1")[0]["index"] + 1
    assert f"What it signed at leaf {size} or later does not stand." in proposed["words"]
    one = ("key", "suspend", "3", "--reason", "alarm", "--member", "acme-video", "--home", home)
    here(*one, "--key", admin(home, "2"))
    assert keys(home, "acme-video")["3"] == "suspended"
    assert "no key lotus-forum/9" in refused(
        "key", "suspend", "9", "--reason", "x", "--member", "lotus-forum", "--home", home
    )
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_a_suspended_member_is_refused_until_it_is_resumed(home: Path, server: RunningServer) -> None:
    profile = home.parent / "lotus-forum"
    with Client(server.profile("lotus-forum")) as client:
        client.check(PICTURE)
        reason = ("lotus-forum", "--reason", "keys-stolen", "--home", home)
        here("member", "suspend", *reason, "--key", admin(home, "1"))
        with pytest.raises(NotPermittedError, match="suspended"):
            check_on(client, PICTURE)
        assert here("member", "show", "lotus-forum", "--home", home)[0]["suspended_index"] is not None
        assert "suspended" in told("member", "list", "--home", home)
        draft = home.parent / "resume.note"
        here("member", "resume", *reason, "--draft", draft)
        for name in ("1", "2"):
            here("statement", "sign", draft, "--key", admin(home, name), "--yes")
        here("statement", "submit", draft, "--home", home)
        client.check(PICTURE)
    address = ("--address", server.address)
    here("member", "suspend", "lotus-forum", "--reason", "holiday", "--profile", profile, *address)
    assert "suspended" in refused("member", "list", "--profile", profile, *address)


def test_the_administrators_replace_each_other(home: Path, tmp_path: Path) -> None:
    carol = tmp_path / "admin-carol.key"
    (made,) = here("key", "new", carol, "--unencrypted")
    note = tmp_path / "root.note"
    here("root", "propose", home, "--add", f"carol={made['public']}", "--remove", "2", "--out", note)
    shown = told("statement", "show", note, "--home", home)
    assert "New: carol. No longer: 2." in shown
    assert f"carol, public key {made['public']}\n" in shown
    for name in (admin(home, "1"), admin(home, "2")):
        here("root", "sign", note, "--key", name, "--yes")
    assert "must sign" in refused("statement", "submit", note, "--home", home)
    here("root", "sign", note, "--key", carol, "--yes")
    here("statement", "submit", note, "--home", home)
    (now,) = here("root", "show", home)
    assert (now["version"], {each["name"] for each in now["admins"]}) == (2, {"1", "carol"})
    assert "no administrator's key" in refused(
        "member", "suspend", "lotus-forum", "--reason", "x", "--home", home, "--key", admin(home, "2")
    )
    policy = tmp_path / "policy.note"
    here("statement", "draft", home, "policy", "label=fraud", "label=ncii", "--out", policy, "--as", "carol")
    assert "use hashpact statement sign" in refused("root", "sign", policy, "--key", carol, "--yes")
    for name in (admin(home, "1"), carol):
        here("statement", "sign", policy, "--key", name, "--yes")
    here("statement", "submit", policy, "--home", home)
    with open_home(home) as opened:
        assert check_log(opened.ledger).state.charter() == opened.charter()
        assert (opened.charter().labels, opened.charter().policy_version) == (("fraud", "ncii"), 2)


def test_certificates_are_renewed_by_the_member_and_issued_by_hand(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    profile = tmp_path / "lotus-forum"
    config = (profile / "profile.toml").read_text()
    (profile / "profile.toml").write_text(config.replace("127.0.0.1:8443", server.address))
    before = (profile / "tls.pem").read_bytes()
    here("cert", "renew", "--profile", profile, "--unencrypted")
    assert (profile / "tls.pem").read_bytes() != before
    here("member", "list", "--profile", profile)
    (asked,) = here("cert", "request", "--profile", profile)
    (issued,) = here("cert", "issue", home, profile / "join", "--out", tmp_path / "lotus.welcome")
    assert issued["join_sha256"] == asked["sha256"]
    here("profile", "install", profile, tmp_path / "lotus.welcome")
    here("member", "list", "--profile", profile)
    other = join(home, server, "acme-video")
    assert "not for this profile" in refused("profile", "install", other, tmp_path / "lotus.welcome")
    here("cert", "server", home, "--unencrypted")
    here("member", "list", "--profile", profile)
    assert here("key", "expiring", "--home", home) == []


def test_what_people_see_from_the_first_day_to_the_last(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    profile, note, welcome = (tmp_path / name for name in ("acme-video", "acme.note", "acme.welcome"))
    new = ("--origin", ORIGIN, "--member", "acme-video", "--address", server.address, "--unencrypted")
    made = told("profile", "new", profile, *new, "--recovery", tmp_path / "recovery.key")
    digest = made.split("sha256 ")[1].split()[0]
    assert "keep it offline" in made
    assert digest in told("member", "admit", home, profile / "join", "--roles", "check", "--out", note)
    assert "there is no member 'acme-video'" in refused(
        "cert", "issue", home, profile / "join", "--out", welcome
    )
    for key in (profile / "member-1.key", tmp_path / "recovery.key", admin(home, "1"), admin(home, "2")):
        told("statement", "sign", note, "--key", key, "--yes")
    assert told("statement", "submit", note, "--home", home).startswith("member-enrol: leaf ")
    assert digest in told("cert", "issue", home, profile / "join", "--out", welcome)
    assert "genesis " in told("profile", "install", profile, welcome)
    assert "is new; it expires" in told("cert", "renew", "--profile", profile, "--unencrypted")
    assert "compare by telephone" in told("cert", "request", "--profile", profile)
    assert "the key is now 2" in told("key", "rotate", "--profile", profile, "--unencrypted")
    listed = told("key", "list", "--profile", profile)
    assert "acme-video/1" in listed
    assert "retiring" in listed
    assert "check; in good standing" in told("member", "show", "acme-video", "--home", home)
    assert "no member 'nobody'" in refused("member", "show", "nobody", "--profile", profile)
    assert "key-revoke: leaf " in told("key", "revoke", "1", "--reason", "retired", "--profile", profile)
    here("key", "suspend", "2", "--reason", "lost", "--profile", profile)
    draft = tmp_path / "resume.note"
    drafted = told(
        "key", "resume", "2", "--reason", "x", "--member", "acme-video", "--home", home, "--draft", draft
    )
    assert "drafted key-resume" in drafted
    suspend = ("member", "suspend", "acme-video", "--reason", "x", "--home", home, "--key", admin(home, "1"))
    assert "member-suspend: leaf " in told(*suspend)
    again = ("cert", "issue", home, profile / "join", "--out", tmp_path / "again.welcome")
    assert "is suspended" in refused(*again)
    governing = told("root", "show", home)
    assert "2 of 2 administrators must sign" in governing
    assert "elsewhere" in governing
    assert "has a new certificate" in told("cert", "server", home, "--unencrypted")
    assert "made " in told("key", "new", tmp_path / "admin-x.key", "--unencrypted")
    assert "is not encrypted any more" in told("key", "protect", tmp_path / "admin-x.key", "--unencrypted")


def test_stumble_7_a_draft_is_shown_and_refused_before_anybody_signs_it(home: Path, tmp_path: Path) -> None:
    note, draft = tmp_path / "policy.note", ("statement", "draft", home)
    told(*draft, "policy", "label=fraud", "label=ncii", "--out", note)
    for name in ("1", "2"):
        here("statement", "sign", note, "--key", admin(home, name), "--yes")
    here("statement", "submit", note, "--home", home)
    other = ("policy", "label=fraud", "label=gore", "key-delay=60")
    shown = told(*draft, *other, "--out", tmp_path / "next.note")
    assert "New labels: gore. No longer: ncii." in shown
    assert "Until now a newly enrolled key waits 0 s." in shown
    for said, *fields in (
        ("version", "policy", "label=fraud", "version=2"),
        ("no entry", "void", "entry=7", "reason=x"),
        ("already", "member-enrol", "id=lotus-forum", "role=check"),
    ):
        assert said in refused(*draft, *fields, "--out", tmp_path / "vain.note")
        assert not (tmp_path / "vain.note").exists()


def test_stumble_7_who_signs_is_asked_and_hears_who_is_missing(home: Path, tmp_path: Path) -> None:
    note, key = tmp_path / "policy.note", admin(home, "1")
    here("statement", "draft", home, "policy", "label=fraud", "--out", note)
    drafted = note.read_bytes()
    assert "there is no terminal to ask at" in refused("statement", "sign", note, "--key", key)
    assert note.read_bytes() == drafted
    first = told("statement", "sign", note, "--key", key, "--home", home, "--yes")
    assert "signed by admin/1; 2 administrators must sign, not yet: admin/2" in first
    shown, done = here("statement", "sign", note, "--key", admin(home, "2"), "--home", home, "--yes")
    assert shown["kind"] == "policy"
    assert done["statements"] == [{"signed": ["admin/1", "admin/2"], "missing": [], "needed": 2}]


def test_stumble_7_an_unknown_member_has_no_keys_and_says_so(home: Path) -> None:
    said = refused("key", "list", "--home", home, "--member", "zoe")
    assert "there is no member 'zoe'" in said
