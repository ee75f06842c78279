"""A mirror with a quarantine: a flood is marked, it says so, and a person ends it with a command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from builders import fingerprint
from commands import here
from mirrored import RunningMirror, copied
from running import BOTH, RunningServer, found
from waits import wait_until

from hashpact import Alarm, Mirror, MirrorWarning
from hashpact.domain.checks import Answer, Filter
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import ConfigError, HashpactError
from hashpact.home.paths import MirrorPaths
from hashpact.member.clients import Client
from hashpact.mirror.flooding.baseline import LEARNING
from hashpact.mirror.flooding.keeping import open_quarantine
from hashpact.mirror.flooding.quarantine import Quarantine
from hashpact.mirror.home import open_mirror

FLOOD, OTHER = fingerprint(PDQ, "flood"), fingerprint(PDQ, "other")
WITHOUT = Filter(without_quarantined=True)
TERMS = "\n[quarantine]\nwindow = 100\nleast = 5\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a member, which has shared two entries."""
    home = found(tmp_path_factory.mktemp("quarantine"), {"acme-video": BOTH})
    with RunningServer(home, "--workers", "1") as running:
        with Client(running.profile("acme-video")) as client:
            for one in (FLOOD, OTHER):
                client.submit([one], labels=["other"])
        yield running


@pytest.fixture
def copy(server: RunningServer, tmp_path: Path) -> Path:
    """The home of a mirror of it, with a quarantine, that no process has open."""
    home = copied(server.address, tmp_path / "copy", server.log_path.parent / "acme-video")
    config = MirrorPaths(home).config
    config.write_text(config.read_text() + TERMS)
    return home


def full(*_: object, **__: object) -> None:
    msg = "no space"
    raise ConfigError(msg)


def learn(checks: Client | Mirror) -> None:
    for _ in range(LEARNING):
        list(checks.check_many([OTHER] + [fingerprint(PDQ, "nothing")] * 99))


def flood(checks: Client | Mirror) -> list[Answer]:
    return list(checks.check_many([FLOOD] * 40))


def listed(home: Path) -> list[dict[str, object]]:
    return here("mirror", "quarantine", "list", home, "--json").lines


def test_a_mirror_in_a_program_marks_a_flood_until_a_person_confirms_it(copy: Path) -> None:
    alarms: list[Alarm] = []
    with Mirror(copy, on_alarm=alarms.append) as mirror:
        learn(mirror)
        assert not any(match.quarantined for match in mirror.check([FLOOD, OTHER]).matches)
        answers = flood(mirror)
        assert all(answer.matches[0].quarantined for answer in answers)
        (one,) = listed(copy)
        entry = answers[0].matches[0].entry
        assert (one["entry"], one["expected"]) == (entry, 1.0)
        (match,) = mirror.check([FLOOD]).matches
        assert match.quarantined
        assert "in quarantine" in match.reason
        assert mirror.check([FLOOD], filter=WITHOUT).matches == ()
        assert [match.entry for match in mirror.check([FLOOD, OTHER], filter=WITHOUT).matches] == [entry + 1]
    (alarm,) = [one for one in alarms if one.kind == "flood"]
    assert f"entry {entry} is in quarantine" in alarm.message
    shown = here("mirror", "quarantine", "list", copy).out
    assert "1 in quarantine, 0 confirmed" in shown
    with Mirror(copy, on_alarm=alarms.append) as mirror:  # it outlives the process
        assert mirror.check([FLOOD]).matches[0].quarantined
        done = here("mirror", "quarantine", "confirm", copy, f"entries/{entry}")
        assert done.out.startswith(f"entry {entry} confirmed: ")
        assert not mirror.check([FLOOD]).matches[0].quarantined
        assert not any(answer.matches[0].quarantined for answer in flood(mirror))
    assert listed(copy) == []
    assert "0 in quarantine, 1 confirmed" in here("mirror", "quarantine", "list", copy).out
    again = here("mirror", "quarantine", "confirm", copy, str(entry), "--json")
    assert again.status != 0
    assert "is not in quarantine" in again.err


def test_without_a_callback_a_flood_is_a_warning(copy: Path) -> None:
    with Mirror(copy) as mirror:
        learn(mirror)
        with pytest.warns(MirrorWarning, match="the mirror's quarantine: entry"):
            flood(mirror)
    (one,) = listed(copy)
    (done,) = here("mirror", "quarantine", "confirm", copy, str(one["entry"]), "--json").lines
    assert done["entry"] == one["entry"]


def test_a_mirror_s_server_answers_it_over_the_wire_and_logs_the_entry_alone(
    server: RunningServer, copy: Path
) -> None:
    profile = server.log_path.parent / "acme-video"
    with RunningMirror(server.address, copy, profile) as mirror, mirror.client() as client:
        learn(client)
        assert flood(client)[-1].matches[0].quarantined
        (match,) = client.check([FLOOD]).matches
        assert match.quarantined
        assert client.check([FLOOD], filter=WITHOUT).matches == ()
    (event,) = mirror.events("entry in quarantine")
    assert (event["entry"], event["expected"]) == (match.entry, 1)
    assert FLOOD.value.hex() not in mirror.log_path.read_text()


def test_a_full_disk_raises_an_alarm_and_checks_are_answered(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[Alarm] = []
    monkeypatch.setattr("hashpact.mirror.flooding.quarantine.write_private", full)
    with Mirror(copy, on_alarm=alarms.append) as mirror:
        learn(mirror)
        assert flood(mirror)[-1].matches[0].quarantined
        with Mirror(copy, on_alarm=lambda _: None) as other:  # it counts, and keeps nothing
            assert other.check([OTHER]).matches
    assert "no space" in {one.message for one in alarms}


def test_counts_are_written_while_the_mirror_runs(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: SimpleQueue[HashpactError] = SimpleQueue()
    with (
        open_mirror(copy) as home,
        open_quarantine(home, lambda _: None, errors.put, every=0.001) as counter,
    ):
        assert counter is not None
        wait_until((home.paths.quarantine / "counted").exists)
        with monkeypatch.context() as patched:
            patched.setattr(Quarantine, "save", full)
            assert errors.get(timeout=120).message == "no space"


def test_a_directory_that_is_no_mirror_has_no_quarantine(tmp_path: Path) -> None:
    for arguments in (("list", tmp_path), ("confirm", tmp_path, "3")):
        done = here("mirror", "quarantine", *map(str, arguments))
        assert done.status != 0
        assert "is not a mirror's home" in done.err
