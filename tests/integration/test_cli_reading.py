"""Commands that sign nothing work without the profile's statement key, at a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import here
from running import BOTH, RunningServer, found

from hashpact.cli import exits
from hashpact.demo.texts import ORIGINALS
from hashpact.fingerprint.content import fingerprints_of_text
from hashpact.member.clients import Client

READING = {
    "check": ("upload.txt",),
    "entry": ("{entry}",),
    "list": (),
    "log changes": (),
    "labels": (),
    "export": ("csv", "--entries", "--output", "entries.csv"),
    "bundle make": ("court.bundle", "{entry}"),
    "methods show": (),
    "checkpoint compare": ("{profile}/checkpoint", "{profile}/checkpoint"),
    "contact list": (),
    "contact procedure": ("acme-video",),
    "notice list": (),
    "notice show": ("1",),
    "notice watch": ("--once",),
    "appeal list": (),
    "appeal show": ("1",),
    "reply list": (),
    "practice list": (),
    "practice show": ("0" * 64,),
    "training list": (),
    "tally list": (),
    "review list": (),
    "member list": (),
    "member show": ("acme-video",),
    "key list": (),
    "key expiring": (),
    "cert list": (),
    "statement list": (),
    "statement fetch": ("nothing", "--out", "fetched"),
    "list-local add": ("reviewed", "upload.txt"),
    "list-local show": (),
    "list-local remove": ("reviewed", "--all"),
    "audit": ("{address}",),
    "monitor": ("{address}", "--state", "log.state", "--once"),
    "mirror": ("{address}", "mirror", "--once"),
}
"""Each command that reads, with what it needs; in this order."""
SAYING_NO = {
    "contact procedure",
    "methods show",
    "notice show",
    "appeal show",
    "practice show",
    "statement fetch",
}
"""Those that find nothing of what they are asked for in this log."""
AT_PLACES = {"audit", "monitor", "mirror"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose member acme-video has shared a text, and then moved its statement key away."""
    home = found(tmp_path_factory.mktemp("reading"), {"acme-video": BOTH})
    with RunningServer(home) as running:
        with Client(running.profile("acme-video")) as client:
            client.submit(fingerprints_of_text(ORIGINALS[0].original).fingerprints, labels=["other"])
        (home.parent / "acme-video" / "member-1.key").unlink()
        yield running


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of all commands."""
    work = tmp_path_factory.mktemp("work")
    (work / "upload.txt").write_text(ORIGINALS[0].original)
    return work


@pytest.mark.parametrize("name", READING)
def test_a_command_that_reads_leaves_the_statement_key_alone(
    server: RunningServer, work: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(work)
    profile = server.log_path.parent / "acme-video"
    (receipt,) = (profile / "receipts").glob("*.tlog-proof")
    known = {"entry": receipt.stem, "profile": str(profile), "address": server.address}
    given = [one.format(**known) for one in READING[name]]
    reach = ["--profile", str(profile), *([] if name in AT_PLACES else ["--address", server.address])]
    done = here(*name.split(), *given, *reach)
    assert "statement key" not in done.err
    assert "member-1.key" not in done.err
    assert done.status == (exits.REFUSED if name in SAYING_NO else exits.OK), done.err
