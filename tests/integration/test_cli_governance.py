"""Members and keys through their whole life, as people type it: several machines, files between them."""

from __future__ import annotations

import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from builders import check_log, fingerprint
from running import BOTH, ORIGIN, RunningServer, found

from hashpact.cli.main import run
from hashpact.domain.errors import NotPermittedError
from hashpact.domain.fingerprints import PDQ
from hashpact.home import open_home
from hashpact.sdk import Client
from hashpact.service import keyring
from hashpact.service.certificates import issue_member

PICTURE = [fingerprint(PDQ, "one")]


def here(*arguments: str | Path, status: int = 0) -> list[dict[str, Any]]:
    """What a command prints in JSON; it must exit with that status."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        came = run([*map(str, arguments), "--json"])
    assert came == status, err.getvalue()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def refused(*arguments: str | Path) -> str:
    """The one line with which a command refuses."""
    err = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(err):
        assert run([str(argument) for argument in arguments]) == 1
    (line,) = err.getvalue().splitlines()
    return line.removeprefix("hashpact: ")


def told(*arguments: str | Path) -> str:
    """What a command prints for people."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert run([str(argument) for argument in arguments]) == 0, err.getvalue()
    return out.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose two administrators, of whom both must sign, have taken their keys away."""
    home = found(tmp_path, {"lotus-forum": BOTH})
    for name in ("1", "2"):
        machine = tmp_path / f"machine-{name}"
        machine.mkdir()
        (home / "pki" / f"admin-{name}.key").rename(machine / f"admin-{name}.key")
    return home


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of that home."""
    with RunningServer(home) as running:
        yield running


def admin(home: Path, name: str) -> Path:
    """The key of an administrator, on its own machine."""
    return home.parent / f"machine-{name}" / f"admin-{name}.key"


def join(home: Path, server: RunningServer, member: str, *, recovery: bool = False) -> Path:
    """Enrol a member with keys of its own making; its profile."""
    place = home.parent
    profile, note, welcome = place / member, place / f"{member}.note", place / f"{member}.welcome"
    extra: tuple[str | Path, ...] = ("--recovery", place / "recovery.key") if recovery else ()
    new = ("--origin", ORIGIN, "--member", member, "--address", server.address, "--unencrypted")
    (made,) = here("profile", "new", profile, *new, *extra)
    assert "waits for an administrator" in refused("check", __file__, "--profile", profile)
    here("member", "admit", home, profile / "join", "--roles", "check,contribute", "--out", note)
    here("statement", "sign", note, "--profile", profile)
    if recovery:
        here("statement", "sign", note, "--key", place / "recovery.key")
    copy = shutil.copy(note, place / "copy.note")
    here("statement", "sign", note, "--key", admin(home, "1"))
    here("statement", "sign", copy, "--key", admin(home, "2"))
    assert "administrators, 2 must sign" in refused("statement", "submit", home, note)
    leaves = here("statement", "submit", home, note, copy)
    assert [leaf["kind"] for leaf in leaves] == ["member-enrol", *["key-enrol"] * (1 + recovery)]
    (issued,) = here("cert", "issue", home, profile / "join", "--out", welcome)
    assert issued["join_sha256"] == made["sha256"]
    (installed,) = here("profile", "install", profile, welcome)
    assert installed["genesis_sha256"] == here("root", "show", home)[0]["genesis_sha256"]
    return profile


def keys(home: Path, member: str) -> dict[str, str]:
    """The state of each key of a member, by name."""
    return {line["name"]: line["state"] for line in here("key", "list", "--home", home, "--member", member)}


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
    signed = told("statement", "sign", note, "--key", admin(home, "2"))
    assert "Enrol the member acme-video" in signed
    assert "signed 2 of 2 statements" in signed
    assert "signed 0 of 2 statements" in told("statement", "sign", note, "--key", admin(home, "2"))
    assert "signed 1 of 2 statements" in told("statement", "sign", note, "--profile", profile)
    shown = told("statement", "show", note, "--home", home)
    assert "Signed by: admin/2." in shown
    assert "Signed by: admin/2, acme-video/1." in shown
    assert "Administrators that must sign: 2." in shown
    whole = note.read_bytes()
    for damaged, said in (
        (whole.replace(b"id acme-video", b"id Acme-video", 1), "line 8, id"),
        (whole.replace(b"kind member-enrol", b"kind member-delete"), "kind"),
        (b"\n" + whole, "first line"),
        (b"", "first line"),
    ):
        note.write_bytes(damaged)
        assert said in refused("statement", "sign", note, "--key", admin(home, "1"), "--yes")
        assert said in refused("statement", "submit", home, note)
        assert note.read_bytes() == damaged
    note.write_bytes(whole.replace(b"role check", b"role contribute", 1))
    assert "DOES NOT VERIFY" in told("statement", "show", note, "--home", home)
    note.write_bytes(whole)
    assert "nothing to sign" in refused(
        "statement", "sign", note, "--key", tmp_path / "lotus-forum" / "member-1.key"
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
        client.submit(PICTURE, labels=["fraud"])
    here("key", "suspend", "2", "--reason", "laptop-lost", "--profile", profile)
    with Client(profile) as client, pytest.raises(NotPermittedError, match="suspended"):
        client.submit(PICTURE, labels=["fraud"])
    resume = ("key", "resume", "2", "--reason", "found", "--member", "acme-video", "--home", home)
    assert "2 administrators must sign; these files have the keys of 1" in refused(
        *resume, "--key", admin(home, "1")
    )
    here(*resume, "--key", admin(home, "1"), "--key", admin(home, "2"))
    with Client(profile) as client:
        stolen = client.submit(PICTURE, labels=["fraud"])
    # Lost for good: the recovery key replaces it, and the member revokes it from the theft on.
    recovery = ("--recovery", tmp_path / "recovery.key", "--unencrypted")
    assert here("key", "rotate", "--profile", profile, *recovery)[0]["key"] == "3"
    cutoff = ("--cutoff", str(stolen.index), "--reason", "stolen")
    here("key", "revoke", "2", *cutoff, "--profile", profile)
    assert keys(home, "acme-video")["2"] == f"revoked from leaf {stolen.index}"
    with Client(profile) as client:
        assert client.check(PICTURE).matches[0].entry < stolen.index
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
            client.check(PICTURE)
        assert here("member", "show", "lotus-forum", "--home", home)[0]["suspended_at"] is not None
        assert "suspended" in told("member", "list", "--home", home)
        draft = home.parent / "resume.note"
        here("member", "resume", *reason, "--draft", draft)
        for name in ("1", "2"):
            here("statement", "sign", draft, "--key", admin(home, name))
        here("statement", "submit", home, draft)
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
    for name in (admin(home, "1"), admin(home, "2")):
        here("root", "sign", note, "--key", name)
    assert "must sign" in refused("statement", "submit", home, note)
    here("root", "sign", note, "--key", carol)
    here("statement", "submit", home, note)
    (now,) = here("root", "show", home)
    assert (now["version"], {each["name"] for each in now["admins"]}) == (2, {"1", "carol"})
    assert "no administrator's key" in refused(
        "member", "suspend", "lotus-forum", "--reason", "x", "--home", home, "--key", admin(home, "2")
    )
    policy = tmp_path / "policy.note"
    here("statement", "draft", home, "policy", "label=fraud", "label=ncii", "--out", policy, "--as", "carol")
    assert "use hashpact statement sign" in refused("root", "sign", policy, "--key", carol)
    for name in (admin(home, "1"), carol):
        here("statement", "sign", policy, "--key", name)
    here("statement", "submit", home, policy)
    with open_home(home) as opened:
        assert check_log(opened.ledger).state.charter() == opened.charter
        assert (opened.charter.labels, opened.charter.policy_version) == (("fraud", "ncii"), 2)


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


def test_what_ends_soon_is_said_by_every_command_of_the_member(
    home: Path, server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "lotus-forum"
    address = ["--profile", str(profile), "--address", server.address]
    assert run(["member", "list", *address]) == 0
    assert capsys.readouterr().err == ""
    config = (profile / "profile.toml").read_text()
    soon = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 29.5 * 86400))
    (profile / "profile.toml").write_text(re.sub('key_expires = ".*"', f'key_expires = "{soon}"', config))
    with open_home(home) as opened:
        then = lambda: int(time.time()) - 25 * 86400 - 3600  # noqa: E731  # a clock
        old = issue_member(opened.authority, ORIGIN, "lotus-forum", then)
    (profile / "tls.pem").write_bytes(old.key + old.certificate)
    assert run(["member", "list", *address]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "hashpact: warning: the key lotus-forum/1 expires in 29 days; run: hashpact key rotate",
        "hashpact: warning: the certificate expires in 4 days; run: hashpact cert renew",
    ]


def test_what_ends_soon_has_an_exit_status_of_its_own(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("key", "expiring", "--home", home) == []
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now + 340.0 * 86400)
    lines = here("key", "expiring", "--home", home, status=3)
    assert {(line["what"], line["level"]) for line in lines} == {
        ("the key lotus-forum/1", "warning"),
        ("server.crt", "warning"),
    }
    assert run(["key", "expiring", "--home", str(home)]) == 3
    assert "warning: the key lotus-forum/1 expires in " in capsys.readouterr().out


def test_the_passphrase_of_a_key_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "admin-alice.key"
    monkeypatch.setenv("HASHPACT_PASSPHRASE", "correct horse battery")
    (made,) = here("key", "new", key)
    assert b"ENCRYPTED" in key.read_bytes()
    here("key", "protect", key, "--unencrypted")
    assert b"ENCRYPTED" not in key.read_bytes()
    monkeypatch.setenv("HASHPACT_PASSPHRASE", "another horse battery")
    here("key", "protect", key)
    opened = keyring.from_pem(key.read_bytes(), "key", lambda _: [b"another horse battery"])
    assert opened.public_key().public_bytes_raw().hex() == made["public"]
    monkeypatch.setenv("HASHPACT_PASSPHRASE", "short")
    assert run(["key", "new", str(tmp_path / "x.key")]) == 1
    assert "at least 12" in capsys.readouterr().err


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
        told("statement", "sign", note, "--key", key)
    assert told("statement", "submit", home, note).startswith("member-enrol: leaf ")
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("root", "propose", "HOME", "--add", "Carol=00", "--out", "x"), "is not NAME=PUBLIC"),
        (("root", "propose", "HOME", "--log-key", "00", "--out", "x"), "64 lower-case hex digits"),
        (("statement", "draft", "HOME", "void", "entry", "--out", "x"), "'entry' is not FIELD=VALUE"),
        (("statement", "sign", "x"), "either --key FILE or --profile DIR"),
        (("key", "list"), "--profile DIR for a member, or --home HOME"),
        (("key", "suspend", "1", "--reason", "x", "--home", "HOME"), "say whose key it is"),
    ],
)
def test_a_wrong_use_is_told(
    home: Path,
    arguments: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HASHPACT_PROFILE", raising=False)
    assert run([str(home) if argument == "HOME" else argument for argument in arguments]) == 2
    assert said in capsys.readouterr().err


def test_what_administrators_ask_for_that_there_is_not(home: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "x.note")
    assert "no administrator 'zoe'" in refused("root", "propose", home, "--remove", "zoe", *out)
    draft = ("statement", "draft", home, "void", "entry=1", "reason=x")
    assert "no administrator 'zoe'; there are 1, 2" in refused(*draft, *out, "--as", "zoe")
    here(*draft, *out)
    assert "nobody has signed the void statement" in refused("statement", "submit", home, tmp_path / "x.note")
    kinds = ("key-enrol", "id=lotus-forum", "name=2", f"public={'0' * 64}", "use=sign")
    here("statement", "draft", home, *kinds, "--out", tmp_path / "y.note")
    root = ("admin=1 " + "1" * 64, "threshold=1", "log-key=" + "2" * 64)
    here("statement", "draft", home, "root", *root, "--out", tmp_path / "z.note")
    alone = refused("member", "resume", "lotus-forum", "--reason", "x", "--home", home)
    assert "2 administrators must sign" in alone
