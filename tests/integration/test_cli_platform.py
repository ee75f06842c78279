"""What a platform's people list and try: entries, labels, the profile, the configuration, completion."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from commands import Done, here
from running import BOTH, RunningServer, found

from hashpact.cli import exits
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import Role
from hashpact.governance.labels import TEXTS
from hashpact.member.clients import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with entries of two members: the second of acme-video is disputed, the third withdrawn."""
    home = found(tmp_path_factory.mktemp("platform"), {"acme-video": BOTH, "lotus-forum": BOTH})
    with RunningServer(home) as running:
        with Client(running.profile("acme-video")) as acme, Client(running.profile("lotus-forum")) as lotus:
            first, second, third = (
                acme.submit([fingerprint(PDQ, str(number))], labels=[label], removed=7).index
                for number, label in enumerate(("fraud", "ncii", "fraud"))
            )
            lotus.submit([fingerprint(PDQ, "3")], labels=["fraud"])
            lotus.opinion(second, "dispute", "news-report")
            acme.withdraw(third, "removed-in-error")
            assert first < second < third
        yield running


def run(server: RunningServer, *arguments: str, member: str = "acme-video") -> Done:
    """A command of a member."""
    profile = server.log_path.parent / member
    return here(*arguments, "--profile", profile, "--address", server.address)


def listed(server: RunningServer, *arguments: str) -> list[int]:
    """The entries that `hashpact list` gives, counted from the first one that there is."""
    done = run(server, "list", "--json", *arguments)
    assert done.status == 0
    first = min(line["entry"] for line in run(server, "list", "--json").lines)
    return [line["entry"] - first for line in done.lines]


def test_stumble_7_entries_are_listed_by_what_one_looks_for(server: RunningServer) -> None:
    assert listed(server) == [0, 1, 3]
    assert listed(server, "--mine") == [0, 1]
    assert listed(server, "--withdrawn") == [2]
    assert listed(server, "--label", "ncii") == [1]
    assert listed(server, "--disputed") == [1]
    assert listed(server, "--since", "2000-01-01T00:00:00Z") == [0, 1, 3]
    assert listed(server, "--since", "2100-01-01T00:00:00Z") == []
    first = run(server, "list", "--json", "--limit", "1").lines[0]["entry"]
    assert listed(server, "--after", str(first), "--limit", "1") == [1]
    shown = run(server, "list", "--disputed")
    assert "lotus-forum dispute (news-report)" in shown.out
    assert run(server, "list", "--limit", "1").err == f"more follow: --after {first}\n"


def test_what_has_changed_is_listed_since_a_size(server: RunningServer) -> None:
    *lines, end = run(server, "log", "changes", "--json").lines
    first = lines[0]["entry"]
    assert [(line["entry"] - first, line["stands"]) for line in lines] == [
        *((0, True), (1, True), (2, False), (3, True)),
    ]
    assert "types" not in lines[0]
    since = end["position"] - 2  # the opinion and the withdrawal
    later = run(server, "log", "changes", "--since", str(since))
    assert [row.split("\t")[:2] for row in later.out.splitlines()[1:]] == [
        [str(first + 1), "yes"],
        [str(first + 2), "no"],
    ]
    assert later.err == f"up to a log of size {end['position']}: go on with --since {end['position']}\n"
    beyond = run(server, "log", "changes", "--since", "9999", "--timeout", "0.1")
    assert (beyond.status, "not 9999 yet" in beyond.err) == (exits.UNAVAILABLE, True)


def test_stumble_8_a_reason_is_shown_with_its_opinion(server: RunningServer) -> None:
    (line,) = run(server, "list", "--disputed", "--json").lines
    assert line["opinions"] == [{"member": "lotus-forum", "stance": "dispute", "reason": "news-report"}]
    assert line["withdrawn_index"] is None


def test_stumble_7_labels_have_an_explanation(server: RunningServer) -> None:
    lines = run(server, "labels", "--json").lines
    assert {line["label"]: line["explanation"] for line in lines} == {
        label: of["en"].users for label, of in TEXTS.items()
    }
    assert f"ncii\t{TEXTS['ncii']['en'].users}\n" in run(server, "labels").out
    assert f"ncii\t{TEXTS['ncii']['vi'].users}\n" in run(server, "labels", "--lang", "vi").out
    assert (
        f"hate\t{TEXTS['hate']['vi'].reviewers}\n" in run(server, "labels", "--lang", "vi", "--reviewers").out
    )


def test_stumble_7_a_profile_can_be_tried(server: RunningServer, tmp_path: Path) -> None:
    (line,) = run(server, "profile", "test", "--json").lines
    assert (line["member"], line["roles"]) == ("acme-video", sorted(role.value for role in Role))
    assert line["size"] > 4
    powers = "audit and be named as an authority and check and contribute"
    assert f"acme-video reaches test.example/log and may {powers}" in run(server, "profile", "test").out
    assert line["key_state"] == "in use"
    stranger = shutil.copytree(server.log_path.parent / "acme-video", tmp_path / "stranger")
    config = (stranger / "profile.toml").read_text()
    at = ("profile", "test", "--profile", stranger, "--address", server.address)
    (stranger / "profile.toml").write_text(config.replace('"acme-video"', '"lotus-forum"'))
    assert here(*at).status == exits.REFUSED
    (stranger / "profile.toml").write_text(config.replace('"acme-video"', '"../../x"'))
    assert "want a member id" in here(*at).error
    nowhere = here(
        "profile", "test", "--profile", server.log_path.parent / "acme-video", "--address", "127.0.0.1:1"
    )
    assert nowhere.status == exits.UNAVAILABLE


def test_stumble_7_a_configuration_can_be_checked(server: RunningServer) -> None:
    home = server.log_path.parent / "home"
    (line,) = here("config", "check", home, "--json", HASHPACT_ACCESS_LOG="errors").lines
    assert (line["origin"], line["access_log"], line["witnesses"]) == ("test.example/log", "errors", [])
    assert "access_log  calls\n" in here("config", "check", home).out
    assert "is not a home" in here("config", "check", home.parent).error


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_stumble_7_shells_complete_commands(shell: str, tmp_path: Path) -> None:
    def hashpact(**environ: Any) -> str:  # noqa: ANN401 - strings
        done = subprocess.run(
            [sys.executable, "-c", "from hashpact.cli.main import main; main()"],
            env={**os.environ, **environ}, cwd=tmp_path,
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return done.stdout

    assert "_HASHPACT_COMPLETE" in hashpact(_HASHPACT_COMPLETE=f"{shell}_source")
    if shell == "bash":
        found = hashpact(_HASHPACT_COMPLETE="bash_complete", COMP_WORDS="hashpact lab", COMP_CWORD="1")
        assert found.split(",")[-1].strip() == "labels"
