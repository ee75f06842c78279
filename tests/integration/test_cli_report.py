"""The command report, over a home, its published tiles and its server: the same bytes, in every format."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import fingerprint
from commands import Done, here
from running import BOTH, RunningServer, found
from waits import wait_until

from hashpact.cli import exits
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.state import Role
from hashpact.member import papers
from hashpact.member.clients import Client

MEMBERS = {"acme-video": BOTH, "rights-watch": frozenset({Role.NOTIFY})}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a notice that was answered and one that is open."""
    home = found(tmp_path_factory.mktemp("report"), MEMBERS)
    with RunningServer(home) as running:
        with Client(running.profile("acme-video")) as acme, Client(running.profile("rights-watch")) as watch:
            now = int(dt.datetime.now(dt.UTC).timestamp())
            reached = papers.contact("notices", "desk", valid_from=now, valid_to=now + 9999, languages=["vi"])
            acme.state(reached)
            last = 0
            for number in range(2):
                given = papers.notice(
                    ["acme-video"],
                    labels=["hate"],
                    explanation="x",
                    reference="y",
                    channel="flagger",
                    clock="code",
                    fingerprints=[fingerprint(SHA256, str(number))],
                )
                index = watch.state(given).index
                last = index
                if not number:
                    acme.state(papers.decision(index, "kept"))
        published = home / "log" / "checkpoint"
        wait_until(lambda: int(published.read_text("utf-8").splitlines()[1]) > last)
        yield running


@pytest.fixture(scope="module")
def quarter() -> str:
    """The quarter of now."""
    today = dt.datetime.now(dt.UTC)
    return f"{today.year}Q{(today.month + 2) // 3}"


def run(*arguments: str | Path) -> Done:
    """The command."""
    return here("report", *arguments)


def home_of(server: RunningServer) -> Path:
    return server.log_path.parent / "home"


def test_home_tiles_and_server_give_the_same_bytes(
    server: RunningServer, quarter: str, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(home_of(server) / "log", mirror)
    size = next(iter(run(quarter, mirror, "--json").lines))["size"]
    digests = {}
    for form in ("json", "csv", "html"):
        for name, source in (
            ("home", [home_of(server)]),
            ("tiles", [mirror]),
            ("server", [server.address, "--profile", server.log_path.parent / "acme-video"]),
        ):
            out = tmp_path / f"{name}.{form}"
            done = run(quarter, *source, "--format", form, "--size", str(size), "--out", out)
            assert done.status == exits.OK, done.err
            digests[form, name] = hashlib.sha256(out.read_bytes()).hexdigest()
        assert len({digests[form, name] for name in ("home", "tiles", "server")}) == 1
    value = json.loads((tmp_path / "home.json").read_bytes())
    assert (value["format"], value["quarter"]) == ("hashpact/report/v1", quarter)
    assert value["figures"]["acme-video/notices.valid"]["value"] == 2
    rows = {row["figure"]: row for row in csv.DictReader((tmp_path / "home.csv").read_text().splitlines())}
    assert rows["acme-video/notices.answered"]["value"] == "1"
    page = (tmp_path / "home.html").read_text("utf-8")
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<script" not in page


def test_a_table_and_a_page_in_vietnamese(server: RunningServer, quarter: str, tmp_path: Path) -> None:
    shown = run(quarter, home_of(server), "--lang", "vi")
    assert "thông báo hợp lệ đã nhận\t2" in shown.out
    out = tmp_path / "report.html"
    assert run(quarter, home_of(server), "--format", "html", "--lang", "vi", "--out", out).status == exits.OK
    assert '<html lang="vi">' in out.read_text("utf-8")


def test_figures_are_explained_and_recounted(server: RunningServer, quarter: str) -> None:
    lines = run(quarter, home_of(server), "--explain", "acme-video/notices.valid", "--json").lines
    assert [line["kind"] for line in lines] == ["notice", "notice"]
    shown = run(quarter, home_of(server), "--explain", "acme-video/notices.answered")
    assert "rights-watch\tnotice\tto acme-video" in shown.out
    assert "figures recounted, 0 wrong" in run(quarter, home_of(server), "--verify").out
    (line,) = run(quarter, home_of(server), "--verify", "--json").lines
    assert line["wrong"] == []
    wrong = run(quarter, home_of(server), "--explain", "nobody/nothing")
    assert (wrong.status, "has no figure 'nobody/nothing'" in wrong.err) == (exits.REFUSED, True)


def test_what_cannot_be_reported_on(server: RunningServer, quarter: str, tmp_path: Path) -> None:
    for arguments, message in (
        ((quarter, tmp_path), "has no file checkpoint: it is no directory of tiles"),
        ((quarter, server.address), "name a member's profile"),
        (("2026", home_of(server)), "write it as 2026Q4"),
        (("9000Q1", home_of(server)), "there is nothing to report yet"),
        ((quarter, home_of(server), "--size", "99999999"), "the leaves that are signed"),
    ):
        done = run(*arguments)
        assert (done.status, message in done.err) == (exits.MISUSED, True), done.err


def test_a_mirror_whose_leaves_are_others_is_refused(
    server: RunningServer, quarter: str, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    shutil.copytree(home_of(server) / "log", mirror)
    bundles = (path for path in (mirror / "tile" / "entries").rglob("*") if path.is_file())
    bundle = max(bundles, key=lambda path: int(path.name))
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b"kind notice", b"kind reply!", 1))
    size = int((mirror / "checkpoint").read_text("utf-8").splitlines()[1])
    for arguments in ((), ("--size", str(size - 1))):
        done = run(quarter, mirror, *arguments)
        assert done.status == exits.CORRUPT, done.err
        assert "not those of the signed checkpoint" in done.err


def test_a_pdf_needs_a_browser(
    server: RunningServer, quarter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(quarter, home_of(server), "--format", "pdf")
    assert (done.status, "install one of chromium" in done.err) == (exits.MISUSED, True)
    browser = tmp_path / "chromium"
    browser.write_text(
        '#!/bin/sh\nfor one; do case $one in --print-to-pdf=*) echo pdf >"${one#*=}";; esac; done\n'
    )
    browser.chmod(0o755)
    out = tmp_path / "report.pdf"
    assert run(quarter, home_of(server), "--format", "pdf", "--out", out).status == exits.OK
    assert out.read_bytes() == b"pdf\n"
    browser.write_text("#!/bin/sh\nexit 3\n")
    failed = run(quarter, home_of(server), "--format", "pdf")
    assert (failed.status, "did not print the page" in failed.err) == (exits.MISUSED, True)
