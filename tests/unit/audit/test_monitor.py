"""The monitor: what it tells, what it keeps, and what it refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, FakeClock, Identity, World, submit
from grown import Grown
from listening import EVERYTHING, Listener, Told, look, silent

from hashpact.audit import auditor
from hashpact.audit.monitoring.monitor import MonitorSettings, opened_monitor
from hashpact.audit.monitoring.news import Interest
from hashpact.domain.kinds import ClockMend, GiveOpinion, MemberRoles, MemberSuspend, Root, Void, Withdraw
from hashpact.domain.state import Basis, Role, Stance
from hashpact.errors import ConfigError, UnavailableError
from hashpact.log import checkpoint
from hashpact.storage.derived.file import DerivedFile

FORKED = frozenset({"log.forked"})
STALE = frozenset({"log.stale"})


def kinds(told: Told) -> list[tuple[str, int | None]]:
    """The types of events and their leaves."""
    return [(event["type"], event.get("leaf")) for event in told]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state is kept."""
    return tmp_path / "state"


@pytest.fixture
def source() -> Grown:
    """A log of two members, which a test makes longer."""
    world = World()
    return Grown(world, world.founding("acme", "bolt"))


def say(source: Grown, *leaves: bytes) -> int:
    """Append leaves and sign; the index of the first."""
    first = source.size
    source.told += leaves
    source.size = len(source.told)
    return first


def test_the_first_look_tells_of_the_audit_and_later_ones_of_what_is_new(source: Grown, path: Path) -> None:
    settings = MonitorSettings(Interest("acme"))
    acme = Identity.of("acme")
    entry = say(source, source.world.leaf(submit(), acme))
    found, told = look(path, source, settings)
    assert kinds(told) == [("log.audited", None)]
    assert told[0]["size"] == source.size
    assert told[0]["genesis"] == hashlib.sha256(source.told[0]).hexdigest()
    assert (found.news, found.alerts, found.report.findings) == (0, frozenset(), ())
    assert look(path, source, settings) == (replace(found, report=look(path, source, settings)[0].report), [])
    mine = say(source, source.world.leaf(Withdraw(entry, "mistake"), acme))
    found, told = look(path, source, settings)
    assert (found.news, found.report.audited, found.report.size) == (1, mine, mine + 1)
    assert told == [
        {
            "id": f"{mine}/leaf.own",
            "type": "leaf.own",
            "leaf": mine,
            "statement": "withdraw",
            "by": "acme",
            "time": NOW,
        }
    ]


def test_every_kind_of_news(source: Grown, path: Path) -> None:
    world, acme, bolt = source.world, Identity.of("acme"), Identity.of("bolt")
    look(path, source)
    law: dict[str, Any] = {"basis": Basis.LAW, "authority": "bolt", "article": "a-1"}
    law["jurisdictions"] = ("DE", "VN")
    second = Identity.of("acme", "2")
    first = say(
        source,
        world.leaf(submit(), acme),
        world.leaf(submit(b"x" * 32, **law), bolt),
        world.leaf(submit(b"y" * 32, **(law | {"jurisdictions": ("DE",)})), bolt),
        world.leaf(GiveOpinion(source.size, Stance.DISPUTE, "news-report"), bolt),
        world.leaf(GiveOpinion(source.size, Stance.ENDORSE), bolt),
        world.leaf(GiveOpinion(source.size + 1, Stance.DISPUTE), acme),
        world.by_admins(Void(source.size, "unlawful")),
        world.by_admins(Void(source.size + 2, "unlawful")),
        world.policy(2),
        world.by_admins(ClockMend("test")),
        world.key(second),
        world.suspend(second, acme),
        world.revoke(second, source.size + 10, acme),
        world.by_admins(MemberSuspend("acme", "test")),
        world.leaf(submit(b"z" * 32), acme),
    )
    found, told = look(path, source)
    at = {name: [event["leaf"] - first for event in told if event["type"] == name] for name, _ in kinds(told)}
    assert at == {
        "leaf.own": [0, 5, 11, 12],
        "entry.law": [1],
        "entry.disputed": [3],
        "entry.voided": [6],
        "governance.changed": [8, 9],
        "key.own": [10, 11, 12],
        "member.own": [13],
        "log.faulty": [14],
    }
    said = {event["type"]: event for event in told}
    assert said["entry.law"]["jurisdictions"] == ["VN"]
    assert (said["entry.law"]["authority"], said["entry.law"]["article"]) == ("bolt", "a-1")
    assert (said["entry.disputed"]["entry"], said["entry.disputed"]["reason"]) == (first, "news-report")
    assert (said["entry.voided"]["entry"], said["entry.voided"]["reason"]) == (first, "unlawful")
    assert said["member.own"]["suspended"] is True
    assert (said["key.own"]["key"], said["key.own"]["stands_below"]) == ("2", first + 10)
    assert said["log.faulty"]["topic"] == "leaf"
    assert found.alerts == {"log.faulty"}
    assert found.fresh
    names = [event["id"] for event in told]
    assert len(set(names)) == len(names)
    found, told = look(path, source)
    assert (found.alerts, found.fresh, told) == (frozenset(), False, [])  # a bad leaf stays, and is told once


def test_a_law_based_entry_names_an_authority_that_may_disown_it(source: Grown, path: Path) -> None:
    world = source.world
    law: dict[str, Any] = {"basis": Basis.LAW, "authority": "bolt", "article": "a-1"}
    law["jurisdictions"] = ("VN",)
    look(path, source)
    entry = say(source, world.leaf(submit(**law), Identity.of("acme")))
    say(
        source,
        world.leaf(GiveOpinion(entry, Stance.DISOWN), Identity.of("bolt")),
        world.by_admins(MemberRoles("acme", frozenset({Role.CHECK}), "test")),
        world.by_admins(Root(2, tuple(admin.key for admin in world.admins), 2, world.log_keys)),
    )
    told = kinds(look(path, source)[1])
    assert told == [
        ("leaf.own", entry),
        ("entry.law", entry),
        ("entry.disowned", entry + 1),
        ("member.own", entry + 2),
        ("governance.changed", entry + 3),
    ]


def test_a_log_that_is_too_old_or_cannot_be_reached_is_told_once_and_again_when_it_is_over(
    source: Grown, path: Path
) -> None:
    settings = MonitorSettings(Interest("acme"), max_age=100)
    look(path, source, settings)
    found, told = look(path, source, settings, NOW + 101)
    assert (kinds(told), found.alerts) == ([("log.stale", source.size - 1)], STALE)
    found, told = look(path, source, settings, NOW + 102)
    assert (told, found.alerts, found.fresh) == ([], STALE, False)
    source.gone = True
    with pytest.raises(UnavailableError):
        look(path, source, settings, NOW + 103)
    source.gone = False
    source.world.clock.now = NOW + 104
    say(source, source.world.leaf(submit(), Identity.of("acme")))
    _, told = look(path, source, settings, NOW + 104)
    assert [(event["type"], event.get("alert")) for event in told] == [
        ("leaf.own", None),
        ("log.recovered", "log.stale"),
    ]
    source.gone = True
    listener = Listener()
    with opened_monitor(path, settings, FakeClock(NOW + 300)) as monitor:
        for _ in range(2):
            with pytest.raises(UnavailableError):
                monitor.look(source, silent)
            monitor.deliver(listener)
    assert kinds(listener.events) == [("log.stale", source.size - 1)]
    assert "cannot be reached" in listener.events[0]["message"]


def other(source: Grown) -> Grown:
    """A log that parts from it after the founding, signed by the same key."""
    forked = Grown(source.world, source.told[:-3])
    say(
        forked, *(source.world.leaf(submit(bytes([number]) * 32), Identity.of("bolt")) for number in range(5))
    )
    return forked


def test_a_fork_is_told_and_nothing_of_it_is_kept(source: Grown, path: Path) -> None:
    for number in range(3):
        say(source, source.world.leaf(submit(bytes([number]) * 32), Identity.of("acme")))
    look(path, source)
    forked = other(source)
    found, told = look(path, forked)
    assert (kinds(told)[0][0], found.alerts, found.fresh) == ("log.forked", FORKED, True)
    evidence = next(one for one in found.report.findings if one.fork).evidence
    held = {checkpoint.parse(data).checkpoint.size for data in evidence.values()}
    assert held == {source.size, forked.size}
    found, told = look(path, forked)
    assert (told, found.alerts, found.fresh) == ([], FORKED, False)
    say(source, source.world.leaf(submit(b"n" * 32), Identity.of("acme")))
    found, told = look(path, source)
    assert kinds(told) == [("leaf.own", source.size - 1), ("log.recovered", None)]
    assert found.report.findings == ()


def test_a_rollback_is_a_fork(source: Grown, path: Path) -> None:
    look(path, source)
    source.size -= 1
    found, told = look(path, source)
    assert found.alerts == {"log.forked"}
    assert "the log was rolled back" in told[0]["message"]
    source.size += 1
    assert kinds(look(path, source)[1]) == [("log.recovered", None)]


def test_what_a_source_tells_wrongly_is_not_kept(source: Grown, path: Path) -> None:
    look(path, source)
    say(source, source.world.leaf(submit(), Identity.of("acme")))
    good = source.signed()
    for note, message in (
        (good.replace(b"\n\n", b"\nx\n\n"), "the signature does not verify"),
        (b"no note", "not a checkpoint"),
    ):
        source.note = note
        found, told = look(path, source)
        assert found.alerts == {"log.faulty"}
        assert message in found.report.findings[0].message
        assert kinds(told) in ([("log.faulty", source.size - 1)], [])  # one alert: it is the same topic
    source.note = None
    assert kinds(look(path, source)[1]) == [("leaf.own", source.size - 1), ("log.recovered", None)]


def test_a_first_audit_that_was_misled_begins_again(
    source: Grown, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "_SAVED", 4)
    plain = replace(EVERYTHING, history=False)
    for number in range(9):
        say(source, source.world.leaf(submit(bytes([number]) * 32), Identity.of("acme")))
    source.torn = 12
    with pytest.raises(UnavailableError):
        look(path, source, plain)
    with opened_monitor(path, plain, FakeClock()) as monitor:
        assert monitor.size == 12  # it goes on from there
    source.torn = None
    whole, source.told = source.told, [*source.told[:-1], source.told[-2]]
    source.note = Grown(source.world, whole).signed()
    found, _ = look(path, source, plain)
    assert found.alerts == {"log.faulty"}
    with opened_monitor(path, plain, FakeClock()) as monitor:
        assert monitor.size == 0
    source.told, source.note = whole, None
    _, told = look(path, source, plain)
    assert kinds(told) == [("log.audited", None), ("log.recovered", None)]


def test_a_first_audit_with_history_tells_only_of_leaves_that_are_signed(
    source: Grown, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "_SAVED", 4)
    for number in range(9):
        say(source, source.world.leaf(submit(bytes([number]) * 32), Identity.of("acme")))
    source.torn = 12
    listener = Listener()
    with opened_monitor(path, EVERYTHING, FakeClock()) as monitor:
        with pytest.raises(UnavailableError):
            monitor.look(source, silent)
        monitor.deliver(listener)
        assert (listener.events, monitor.size) == ([], 0)
    source.torn = None
    _, told = look(path, source)
    own = [leaf for kind, leaf in kinds(told) if kind == "leaf.own"]
    assert own == list(range(source.size - 9, source.size))


def test_a_first_audit_that_a_smaller_log_answers_is_a_fault(
    source: Grown, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "_SAVED", 2)
    plain = replace(EVERYTHING, history=False)
    source.torn = source.size - 1
    with pytest.raises(UnavailableError):
        look(path, source, plain)
    source.torn, source.size = None, 3
    found, _ = look(path, source, plain)
    assert "fewer than the 4 that were read before" in found.report.findings[0].message


def test_events_wait_until_they_are_taken(source: Grown, path: Path) -> None:
    for number in range(4):
        say(source, source.world.leaf(submit(bytes([number]) * 32), Identity.of("acme")))
    first, second = Listener(busy=True, most=3), Listener(most=3)
    with opened_monitor(path, EVERYTHING, FakeClock()) as monitor:
        monitor.look(source, silent)
        assert monitor.deliver(first)
        assert monitor.deliver(first)
        assert len(first.events) == 3  # told once by this process
    with opened_monitor(path, EVERYTHING, FakeClock()) as monitor:
        while monitor.deliver(second):
            second.most += 3
        assert not monitor.deliver(second)
    assert second.events[:3] == first.events  # and again by the next
    assert [event["type"] for event in second.events[-5:]] == ["leaf.own"] * 4 + ["log.audited"]


def test_the_state_of_another_log_is_refused(source: Grown, path: Path) -> None:
    look(path, source)
    with (
        pytest.raises(ConfigError, match="state of another log"),
        opened_monitor(path, replace(EVERYTHING, genesis=bytes(32)), FakeClock()),
    ):
        pass
    pinned = hashlib.sha256(source.told[0]).digest()
    assert look(path, source, replace(EVERYTHING, genesis=pinned))[0].alerts == frozenset()


def test_a_log_whose_genesis_is_not_the_pinned_one_is_a_fault(source: Grown, path: Path) -> None:
    found, told = look(path, source, replace(EVERYTHING, genesis=bytes(32)))
    assert "is not the genesis statement that is pinned" in told[-1]["message"]
    assert found.alerts == {"log.faulty"}


def altered(path: Path, change: Callable[[DerivedFile], None]) -> None:
    """Change a state file as somebody would who can write its checksums."""
    file = DerivedFile.open(path)
    change(file)
    file.commit()
    file.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.keep("verified", b"no note"),
        lambda file: file.keep("verified", Grown(World(), World().founding("acme")).signed()),
        lambda file: file.keep("verified", file.kept("verified").replace(b"\n\n", b"\nmore\n\n")),
        lambda file: setattr(file, "head", replace(file.head, size=file.head.size + 2)),
        lambda file: setattr(file, "head", replace(file.head, edge=(bytes(32),) * len(file.head.edge))),
    ],
)
def test_a_state_that_is_not_that_of_its_checkpoint_is_refused_with_a_hint(
    source: Grown, path: Path, change: Callable[[DerivedFile], None]
) -> None:
    look(path, source)
    altered(path, change)
    with (
        pytest.raises(ConfigError, match=r"remove it|an audit has kept"),
        opened_monitor(path, EVERYTHING, FakeClock()),
    ):
        pass


def test_a_state_with_a_changed_page_is_refused_with_a_hint(source: Grown, path: Path) -> None:
    look(path, source)
    whole = path.read_bytes()
    place = whole.rindex(source.world.origin.encode())
    path.write_bytes(whole[:place] + b"X" + whole[place + 1 :])
    with pytest.raises(ConfigError, match=r"changed by something else .* remove it"):
        look(path, source)


def test_another_monitor_with_the_same_file_is_refused(source: Grown, path: Path) -> None:
    with (
        opened_monitor(path, EVERYTHING, FakeClock()),
        pytest.raises(UnavailableError, match="locked"),
    ):
        look(path, source)
