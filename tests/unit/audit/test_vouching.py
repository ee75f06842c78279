"""Witnesses in audits and monitors: a newest checkpoint without its quorum, forged, or cosigned long ago."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import NOW, ORIGIN, FakeClock, Identity, World, submit
from grown import Grown
from listening import EVERYTHING, Listener, look, silent

from hashpact.audit.auditor import audit_whole
from hashpact.audit.monitoring.monitor import opened_monitor
from hashpact.domain.kinds import Root
from hashpact.domain.pinned import MAX_AGE
from hashpact.errors import UnavailableError
from hashpact.log import cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.log.policy import WitnessPolicy

NORTH, SOUTH = (Identity.of(f"witness.example/{name}") for name in ("north", "south"))
WITNESSES = tuple(sorted((Witness(one.owner, one.public) for one in (NORTH, SOUTH)), key=lambda one: one.key))


def cosigned(source: Grown, *who: Identity, age: int = 0, origin: str = ORIGIN) -> bytes:
    """The source's checkpoint, cosigned by these so many seconds ago: as that of a log of such a name."""
    source.note = None
    signed = source.signed()
    text = note.parse(signed, 1 << 16).text.replace(ORIGIN.encode(), origin.encode())
    return signed + b"".join(
        cosignature.sign(text, Witness(one.owner, one.public), NOW - age, one.private.sign) for one in who
    )


@pytest.fixture
def source() -> Grown:
    """A log that names two witnesses and wants both."""
    world = World()
    admins = tuple(admin.key for admin in world.admins)
    root = world.by_admins(Root(2, admins, 2, world.log_keys, WITNESSES, 2))
    return Grown(world, [*world.founding("acme"), root])


def found(source: Grown, demands: WitnessPolicy | None = None, max_age: int | None = None) -> list[str]:
    """The topics of what an audit finds."""
    report = audit_whole(source, FakeClock(NOW), silent, max_age=max_age, demands=demands)
    return [one.topic for one in report.findings]


def test_an_audit_wants_the_quorum_that_the_log_names(source: Grown) -> None:
    whole = cosigned(source, NORTH, SOUTH)
    place = len(whole) - 20  # in south's signature
    forged = whole[:place] + (b"B" if whole[place : place + 1] == b"A" else b"A") + whole[place + 1 :]
    for told, topics in (
        (cosigned(source), ["quorum"]),
        (cosigned(source, NORTH), ["quorum"]),
        (cosigned(source, NORTH, NORTH), ["quorum"]),
        (forged, ["quorum"]),
        (cosigned(source, NORTH, SOUTH, origin="other.example/log"), ["quorum"]),
        (cosigned(source, NORTH, SOUTH), []),
        (cosigned(source, NORTH, SOUTH, age=MAX_AGE), []),
        (cosigned(source, NORTH, SOUTH, age=MAX_AGE + 1), ["freshness"]),
        (cosigned(source, NORTH, SOUTH, age=-MAX_AGE), []),
        (cosigned(source, NORTH, SOUTH, age=-MAX_AGE - 1), ["freshness"]),
    ):
        source.note = told
        assert found(source) == topics
    source.note = cosigned(source, NORTH, SOUTH, age=100)
    assert found(source, max_age=99) == ["freshness"]
    assert found(source, max_age=100) == []


def test_an_audit_wants_what_a_profile_demands_besides() -> None:
    world = World()
    source = Grown(world, world.founding("acme"))
    demands = WitnessPolicy.threshold(WITNESSES, 1)
    assert found(source) == []
    assert found(source, demands) == ["quorum"]
    source.note = cosigned(source, SOUTH)
    assert found(source, demands) == []


def test_a_monitor_keeps_nothing_without_a_quorum_and_tells_of_an_old_one(
    source: Grown, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    source.note = cosigned(source, NORTH, SOUTH)
    look(path, source)
    source.told.append(source.world.leaf(submit(), Identity.of("acme")))
    source.size += 1
    source.note = cosigned(source, NORTH)
    result, told = look(path, source)
    assert result.alerts == {"log.faulty"}
    assert [(one["type"], one["topic"]) for one in told] == [("log.faulty", "quorum")]
    source.note = cosigned(source, NORTH, SOUTH, age=MAX_AGE + 1)
    result, told = look(path, source)
    assert result.alerts == {"log.stale"}
    assert [one["type"] for one in told] == ["leaf.own", "log.stale", "log.recovered"]
    source.note = cosigned(source, NORTH, SOUTH)
    assert [one["type"] for one in look(path, source)[1]] == ["log.recovered"]
    source.gone = True
    listener = Listener()
    for later, kinds in ((NOW + MAX_AGE, []), (NOW + MAX_AGE + 1, ["log.stale"])):
        with opened_monitor(path, EVERYTHING, FakeClock(later)) as monitor:
            with pytest.raises(UnavailableError):
                monitor.look(source, silent)
            monitor.deliver(listener)
        assert [one["type"] for one in listener.events] == kinds
    assert "cannot be reached: witnesses cosigned" in listener.events[0]["message"]
    source.gone = False
    demands = WitnessPolicy.threshold((Witness("witness.example/east", Identity.of("east").public),), 1)
    result, _ = look(path, source, replace(EVERYTHING, demands=demands))
    assert result.alerts == {"log.faulty"}
