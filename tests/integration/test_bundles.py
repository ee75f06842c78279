"""Bundles and evidence by the command line: made with a server, verified by whoever has the genesis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from running import BOTH, ORIGIN, RunningServer, found

from hashpact.audit.answers.included import entry_bundle
from hashpact.cli import exits
from hashpact.cli.main import run
from hashpact.config import HomeConfig
from hashpact.domain.fingerprints import PDQ
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.log.receipt import parse
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import config_of
from hashpact.member.trusting import bundle
from hashpact.member.trusting.bundle import BundlePart


class Desk:
    """A served home with two members, and its commands."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
        self.home, self.address = home, address
        self._capsys = capsys
        self.acme, self.lotus = home.parent / "acme-video", home.parent / "lotus-forum"
        self.genesis = config_of(ProfilePaths(self.acme)).genesis.hex()

    def ask(self, *arguments: object, status: int = 0) -> list[Any]:
        """What a command prints as JSON, which has to end with that status."""
        self._capsys.readouterr()
        assert run([*map(str, arguments), "--json"]) == status
        printed = self._capsys.readouterr()
        return [json.loads(line) for line in (printed.out or printed.err).splitlines()]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """A home that serves, in which acme has submitted two pictures."""
    home = found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})
    with RunningServer(home) as server:
        with Client(server.profile("acme-video")) as client:
            for name in ("one", "two"):
                client.submit([fingerprint(PDQ, name)], labels={"ncii"})
        yield Desk(home, capsys, server.address)


def at(desk: Desk, profile: Path) -> tuple[object, ...]:
    """The options of a command that reaches the server as that member."""
    return "--profile", profile, "--address", desk.address


def test_a_bundle_is_verified_by_whoever_knows_the_genesis(desk: Desk, tmp_path: Path) -> None:
    first, second = sorted(int(path.stem) for path in (desk.acme / "receipts").glob("*.statement"))
    file = tmp_path / "court.bundle"
    made = desk.ask("bundle", "make", file, first, second, "--private", *at(desk, desk.acme))
    assert [line["index"] for line in made] == [0, first, second]
    by_genesis = desk.ask("bundle", "verify", file, "--genesis", desk.genesis)
    assert [(line["kind"], line["private"]) for line in by_genesis] == [
        ("genesis", 0),
        ("submit", 1),
        ("submit", 1),
    ]
    assert by_genesis == desk.ask("bundle", "verify", file, "--profile", desk.lotus)
    # A member who has no receipt of an entry can make one too, and without fingerprints.
    other = tmp_path / "other.bundle"
    desk.ask("bundle", "make", other, first, *at(desk, desk.lotus))
    assert [line["private"] for line in desk.ask("bundle", "verify", other, "--genesis", desk.genesis)] == [
        0,
        0,
    ]
    (refused,) = desk.ask("bundle", "make", file, first, *at(desk, desk.acme), status=exits.MISUSED)
    assert "exists already" in refused["error"]["message"]
    (refused,) = desk.ask("bundle", "verify", file, "--genesis", "00" * 32, status=6)
    assert "not the genesis that is pinned" in refused["error"]["message"]


def tampered(parts: tuple[BundlePart, ...], place: int, data: bytes) -> bytes:
    """The file with the bytes of one part replaced."""
    changed = list(parts)
    changed[place] = BundlePart(parts[place].kind, parts[place].index, data)
    return bundle.encode(changed)


def parts_of_another_log(directory: Path) -> tuple[BundlePart, ...]:
    """The genesis and the policy, with their proofs, of a log of the same name and with other keys."""
    home = directory / "another"
    create_home(home, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
    with open_home(home) as opened:
        whole = [entry_bundle(opened.ledger, index, 2) for index in (0, 1)]
    genesis, policy = (bundle.parse(each or b"") for each in whole)
    return (genesis[0], genesis[-1], *policy[-2:])


def test_what_was_altered_in_a_bundle_is_refused(desk: Desk, tmp_path: Path) -> None:
    first, second = sorted(int(path.stem) for path in (desk.acme / "receipts").glob("*.statement"))
    file = tmp_path / "court.bundle"
    desk.ask("bundle", "make", file, first, second, "--private", *at(desk, desk.acme))
    parts = bundle.parse(file.read_bytes())
    assert [part.kind for part in parts] == [
        *("root", "tlog-proof"),
        *("statement", "tlog-proof", "private"),
        *("statement", "tlog-proof", "private"),
    ]
    root, _, one, proof, private, other, other_proof, _ = parts
    alterations = {
        "another genesis": tampered(parts, 0, root.data[:-3] + b"=\n\n"),
        "another statement": tampered(parts, 2, other.data),
        "another's proof": tampered(parts, 3, other_proof.data),
        "a private part": tampered(parts, 4, private.data[:-1] + bytes([private.data[-1] ^ 1])),
        "another's private part": tampered(parts, 4, parts[7].data),
        "no proof": bundle.encode([*parts[:3], *parts[4:]]),
        "a proof without a statement": bundle.encode([*parts, proof]),
        "no root": bundle.encode(parts[2:]),
        "a root among the statements": bundle.encode([*parts[2:], *parts[:2], one, proof]),
        "a torn file": file.read_bytes()[:-1],
        "another index": bundle.encode(
            [BundlePart(each.kind, each.index + 1, each.data) if each.index else each for each in parts]
        ),
    }
    there = parts_of_another_log(tmp_path)
    alterations |= {
        "a root of another log": bundle.encode([*parts, *there[:2]]),
        "a statement of another log": bundle.encode([*parts, *there[2:]]),
        "another log's root and statement": bundle.encode([*parts, *there]),
    }
    outcomes = {}
    for name, data in alterations.items():
        changed = tmp_path / f"{name}.bundle"
        changed.write_bytes(data)
        outcomes[name] = run(["bundle", "verify", str(changed), "--genesis", desk.genesis])
    assert {name for name, status in outcomes.items() if status == 0} == {"a root among the statements"}
    assert set(outcomes.values()) <= {0, exits.MISUSED, 6}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: want 'hashpact/bundle/v1'"),
        (b"hashpact/bundle/v1\nstatement 1\n", "part 1: want a kind"),
        (b"hashpact/bundle/v1\nfile 1 0\n\n", "part 1: want a kind"),
        (b"hashpact/bundle/v1\nroot 01 0\n\n", "part 1: "),
        (b"hashpact/bundle/v1\nroot 1 2\na\n", "part 1: want 2 bytes and a newline"),
        (b"hashpact/bundle/v1\nroot 1 1\na\nroot", "part 2: want a kind"),
        (b"hashpact/bundle/v1\nroot 1 9223372036854775808\na\n", "part 1: "),
    ],
)
def test_what_is_no_bundle_is_refused(
    tmp_path: Path, data: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(data)
    assert run(["bundle", "verify", str(tmp_path / "file"), "--genesis", "00" * 32]) == exits.MISUSED
    assert message.removeprefix("line 1: ").removeprefix("part 1: ") in capsys.readouterr().err


def test_checkpoints_are_compared(desk: Desk, tmp_path: Path) -> None:
    paths = sorted((desk.acme / "receipts").glob("*.tlog-proof"))
    files = []
    for path in paths:
        files.append(tmp_path / f"{path.stem}.checkpoint")
        files[-1].write_bytes(parse(path.read_bytes()).signed.data)
    (told,) = desk.ask("checkpoint", "compare", *reversed(files), *at(desk, desk.lotus))
    assert told["agree"]
    assert told["sizes"] == sorted(told["sizes"])
    (told,) = desk.ask("checkpoint", "compare", files[0], files[0], *at(desk, desk.lotus))
    assert told["sizes"][0] == told["sizes"][1]
    files[0].write_bytes(files[0].read_bytes().replace(b"\n", b"\nx", 1))
    desk.ask("checkpoint", "compare", *files, *at(desk, desk.lotus), status=6)
    # Agreement is no evidence.
    agreeing = tmp_path / "agreeing.bundle"
    roots = bundle.parse((desk.acme / "roots").read_bytes())
    part = BundlePart("checkpoint", 9, files[1].read_bytes())
    agreeing.write_bytes(bundle.encode([*roots, part, part]))
    (refused,) = desk.ask("evidence", "verify", agreeing, "--genesis", desk.genesis, status=6)
    assert "they agree" in refused["error"]["message"]
    agreeing.write_bytes(bundle.encode([*roots, part]))
    (refused,) = desk.ask("evidence", "verify", agreeing, "--genesis", desk.genesis, status=exits.MISUSED)
    assert "this file has 1" in refused["error"]["message"]
    desk.ask("evidence", "verify", agreeing, status=exits.MISUSED)
