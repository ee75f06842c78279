"""A home whose log signs with ML-DSA-44 too: founded so, given another such key, and none at last."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from builders import check_audit, fingerprint
from running import RunningServer

from hashpact.cli.main import run
from hashpact.domain.fingerprints import PDQ
from hashpact.home.opening import open_home
from hashpact.log import note
from hashpact.member.clients import Client

ORIGIN = "example.org/hashpact"
PICTURE = fingerprint(PDQ, "one")
DASH = "\u2014 ".encode()


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A home with an ML-DSA-44 key, and the profile of a member."""
    home = tmp_path / "home"
    listen = ["--listen", "127.0.0.1:0", "--unencrypted", "--json"]
    assert run(["init", str(home), "--origin", ORIGIN, "--post-quantum", *listen]) == 0
    enrol = ["member", "enrol", str(home), "acme-video", "--roles", "check,contribute", "--unencrypted"]
    assert run([*enrol, "--out", str(tmp_path / "acme-video")]) == 0
    capsys.readouterr()
    return home


def keys(home: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The ML-DSA-44 keys that the log's charter names."""
    capsys.readouterr()
    assert run(["root", "show", str(home), "--json"]) == 0
    named: list[str] = json.loads(capsys.readouterr().out)["log_mldsa_keys"]
    assert run(["root", "show", str(home)]) == 0
    out = capsys.readouterr().out
    assert all(f"and by {key}\n" in out for key in named)
    return named


def govern(home: Path, *options: str) -> None:
    """Have a root statement with these options in force."""
    draft = str(home.parent / "root.note")
    assert run(["root", "propose", str(home), *options, "--out", draft]) == 0
    for number in (1, 2):
        assert run(["root", "sign", draft, "--key", str(home / "pki" / f"admin-{number}.key"), "--yes"]) == 0
    assert run(["statement", "submit", draft, "--home", str(home)]) == 0
    Path(draft).unlink()


def share(home: Path) -> int:
    """Serve the home, and submit something as a member; how many lines the receipt's checkpoint has."""
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
        receipt = client.submit([PICTURE], labels={"ncii"}, again=True)
        assert len(client.profile.log.mldsa_keys) <= 2
    with open_home(home) as opened:
        check_audit(opened.ledger)
    return receipt.checkpoint.count(DASH)


def test_a_log_is_founded_with_a_second_key_and_gets_another(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (first,) = keys(home, capsys)
    assert share(home) == 2
    published = (home / "log" / "log-keys").read_text().splitlines()
    assert published[1:] == [first]
    assert f"log {first}\n" in (home / "log" / "policy").read_text()
    assert run(["log", "key", str(home)]) == 0
    assert capsys.readouterr().out.splitlines() == published
    assert note.parse_verifier_key(first)[:2] == (ORIGIN, b"\x06")

    other = home / "pki" / "new-log-mldsa.key"
    assert run(["key", "new", str(other), "--mldsa", ORIGIN, "--unencrypted", "--json"]) == 0
    second = json.loads(capsys.readouterr().out)["key"]
    govern(home, "--log-mldsa-key", first, "--log-mldsa-key", second)
    assert keys(home, capsys) == sorted([first, second])
    assert share(home) == 2  # by the first: either will do
    other.replace(home / "pki" / "log-mldsa.key")
    assert share(home) == 2
    govern(home, "--log-mldsa-key", second)
    assert keys(home, capsys) == [second]
    assert share(home) == 2
    govern(home, "--threshold", "2")
    assert keys(home, capsys) == [second]  # as before, unless options say otherwise

    receipts = sorted((tmp_path / "acme-video" / "receipts").glob("*.tlog-proof"))
    assert len(receipts) == 4
    newest, public = receipts[-1], published[0].split("+", 2)[2]
    raw = base64.b64decode(public)[1:].hex()
    by_keys = ["receipt", str(newest), "--origin", ORIGIN, "--log-key", raw]
    assert run([*by_keys, "--log-mldsa-key", second]) == 0
    assert run([*by_keys, "--log-mldsa-key", first]) == 1
    assert "no ML-DSA-44 key of the log signed the checkpoint" in capsys.readouterr().err
    archive, again = str(tmp_path / "home.tar"), tmp_path / "again"
    assert run(["backup", str(home), archive]) == 0
    capsys.readouterr()
    assert run(["restore", archive, str(again), "--json"]) == 0
    missing = json.loads(capsys.readouterr().out)["missing"]
    assert [Path(path).name for path in missing] == ["ca.key", "server.key", "log.key", "log-mldsa.key"]
    govern(home, "--no-log-mldsa-key")
    assert keys(home, capsys) == []
    assert share(home) == 1
    assert run(["log", "verify", str(home)]) == 0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["key", "new", "FILE", "--mldsa", "Not An Origin", "--unencrypted"], "'Not An Origin'"),
        (["root", "propose", "HOME", "--log-mldsa-key", "x", "--out", "FILE"], "ML-DSA-44 verifier key"),
        (
            ["receipt", "FILE", "--origin", ORIGIN, "--log-mldsa-key", "x", "--log-key", "00" * 32],
            "ML-DSA-44 verifier key",
        ),
    ],
)
def test_what_is_no_such_key_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], message: str
) -> None:
    places = {"FILE": str(tmp_path / "file"), "HOME": str(tmp_path)}
    assert run([places.get(word, word) for word in command]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "file").exists()


def test_a_new_key_is_printed_for_people_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log-mldsa.key"
    assert run(["key", "new", str(file), "--mldsa", ORIGIN, "--unencrypted"]) == 0
    out = capsys.readouterr().out.strip()
    assert out.startswith(f"made {file}; its verifier key is {ORIGIN}+")
    assert note.parse_verifier_key(out.rpartition(" ")[2])[1] == b"\x06"
