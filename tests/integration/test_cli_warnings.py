"""What commands on keys say of the end that is near, of a wrong use, and of what there is not."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from governing import governed, here, refused
from running import ORIGIN, RunningServer

from hashpact.cli.main import run
from hashpact.durable import write_private
from hashpact.home.opening import open_home
from hashpact.keys import pkcs8
from hashpact.keys.certificates import Grant, issue_member
from hashpact.member.profile import CERTIFICATE, Profile


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one member, whose administrators have taken their keys away."""
    return governed(tmp_path)


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of that home."""
    with RunningServer(home) as running:
        yield running


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
        grant = Grant("lotus-forum", Profile.load(profile).key.id)
        old = issue_member(opened.open_authority(), ORIGIN, grant, then)
    (profile / "tls.pem").write_bytes(old.key + old.certificate)
    for command, status in ((["labels"], 0), (["withdraw", "99", "--reason", "mistake"], 3)):  # reads; signs
        assert run([*command, *address]) == status
        assert capsys.readouterr().err.splitlines()[:2] == [
            "hashpact: warning: the key lotus-forum/1 expires in 29 days; run: hashpact key rotate",
            "hashpact: warning: the certificate expires in 4 days; run: hashpact cert renew",
        ]


def test_what_ends_soon_has_an_exit_status_of_its_own(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("key", "expiring", "--home", home) == []
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now + 340.0 * 86400)
    lines = here("key", "expiring", "--home", home, status=1)
    assert {(line["what"], line["level"]) for line in lines} == {
        ("the key lotus-forum/1", "warning"),
        ("server.crt", "warning"),
    }
    assert run(["key", "expiring", "--home", str(home)]) == 1
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
    opened = pkcs8.from_pem(key.read_bytes(), "key", lambda _: [b"another horse battery"])
    assert opened.public_key().public_bytes_raw().hex() == made["public"]
    channel = tmp_path / "tls.pem"  # a key with its certificate, which stays
    write_private(channel, key.read_bytes() + CERTIFICATE + b"-----\n")
    here("key", "protect", channel, "--unencrypted")
    assert b"ENCRYPTED" not in channel.read_bytes()
    assert channel.read_bytes().endswith(CERTIFICATE + b"-----\n")
    monkeypatch.setenv("HASHPACT_PASSPHRASE", "short")
    assert run(["key", "new", str(tmp_path / "x.key")]) == 2
    assert "at least 12" in capsys.readouterr().err


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
    draft = ("statement", "draft", home, "policy", "label=fraud")
    assert "no administrator 'zoe'; there are 1, 2" in refused(*draft, *out, "--as", "zoe")
    here(*draft, *out)
    unsigned = refused("statement", "submit", tmp_path / "x.note", "--home", home)
    assert "nobody has signed the policy statement" in unsigned
    public, other, log = (here("key", "new", tmp_path / name, "--unencrypted")[0]["public"] for name in "abc")
    kinds = ("key-enrol", "id=lotus-forum", "name=2", f"public={public}", "use=sign")
    here("statement", "draft", home, *kinds, "--out", tmp_path / "y.note")
    root = (f"admin=1 {public}", f"admin=2 {other}", "threshold=2", f"log-key={log}")
    here("statement", "draft", home, "root", *root, "--out", tmp_path / "z.note")
    alone = refused("member", "resume", "lotus-forum", "--reason", "x", "--home", home)
    assert "2 administrators must sign" in alone
