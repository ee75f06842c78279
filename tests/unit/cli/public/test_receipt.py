"""Receipts that were kept, verified without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import World, fingerprint
from memory import MemoryLedger

from hashpact.cli.main import run
from hashpact.config import ProfileConfig
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.pinned import to_file
from hashpact.member.author import Reason
from hashpact.member.paths import ProfilePaths


@pytest.fixture
def kept(world: World, tmp_path: Path) -> Path:
    """The directory of two statements and their receipts."""
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    guard, appender = world.guard(ledger), world.appender(ledger)
    for name in ("one", "two"):
        submission = world.author("acme").submit([fingerprint(PDQ, name)], Reason(frozenset({"ncii"})))
        receipt = guard.receipt(appender.append("acme", submission))
        (tmp_path / f"{name}.statement").write_bytes(submission.statement)
        (tmp_path / f"{name}.tlog-proof").write_bytes(to_file(receipt))
    return tmp_path


def known(world: World) -> list[str]:
    return ["--origin", world.origin, *(part for key in world.log_keys for part in ("--log-key", key.hex()))]


def test_a_kept_receipt_is_verified_by_the_keys_of_the_log(
    world: World, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(kept / "one.tlog-proof"), str(kept / "two.tlog-proof")]
    assert run(["receipt", *files, *known(world), "--json"]) == 0
    one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (one["kind"], one["member"], one["key_replaced"]) == ("submit", "acme", False)
    assert (two["index"], two["size"]) == (one["index"] + 1, one["size"] + 1)

    assert run(["receipt", files[0], "--statement", str(kept / "one.statement"), *known(world)]) == 0
    told = capsys.readouterr().out
    assert f"leaf {one['index']} of {world.origin}, submit by acme" in told
    assert f"in a signed tree of {one['size']}\n" in told


def test_a_kept_receipt_is_verified_by_a_profile(
    world: World, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ProfileConfig(world.origin, world.log_keys, bytes(32), "acme", "key-1", 2**32, "localhost:1")
    ProfilePaths(kept).config.write_text(config.to_toml())
    assert run(["receipt", str(kept / "one.tlog-proof"), "--profile", str(kept)]) == 0
    assert "submit by acme" in capsys.readouterr().out


def test_a_receipt_that_proves_nothing_is_named_and_the_others_are_verified(
    world: World, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept / "one.statement").write_bytes((kept / "two.statement").read_bytes())
    (kept / "three.tlog-proof").write_bytes(b"")
    (kept / "three.statement").write_bytes((kept / "two.statement").read_bytes())
    files = [str(kept / f"{name}.tlog-proof") for name in ("one", "two", "three", "four")]
    assert run(["receipt", *files, *known(world)]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(files[1])
    assert captured.out.count("\n") == 1
    complaints = captured.err.splitlines()
    assert [files[place] in line for place, line in zip((0, 2, 3), complaints, strict=True)] == [True] * 3

    assert run(["receipt", files[1], "--origin", world.origin, "--log-key", "00" * 32]) == 1
    assert "not one that is pinned" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--origin", "test.example/log"],
        ["--origin", "test.example/log", "--log-key", "abc"],
        ["--log-key", "00" * 32, "--profile", "."],
    ],
)
def test_what_the_log_is_known_by_has_to_be_said(
    kept: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["receipt", str(kept / "one.tlog-proof"), *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_statement_is_of_one_receipt(world: World, kept: Path) -> None:
    files = [str(kept / "one.tlog-proof"), str(kept / "two.tlog-proof")]
    assert run(["receipt", *files, "--statement", str(kept / "one.statement"), *known(world)]) == 2
