"""Gauges and commits, as they are read from a real home."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import World, fingerprint
from memory import MemoryLedger
from promql import series
from running import BOTH, found

from hashpact.domain.fingerprints import PDQ
from hashpact.events import event_log
from hashpact.home.enrolling import enrol_member
from hashpact.home.opening import Home, open_home
from hashpact.home.trust import ServerTrust
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.native import NativeIndex
from hashpact.observing import sampling
from hashpact.observing.metrics import Metrics
from hashpact.observing.sampling import Sampler, Sources
from hashpact.observing.timed import TimedLedger
from hashpact.service.follow import Follower


def values(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """What is shown, by name and values of labels."""
    found = series(metrics.exposed().decode())
    return {
        (name.removeprefix("hashpact_"), *sorted(labels.values())): value for name, labels, value in found
    }


def sources(home: Home, follower: Follower, index: NativeIndex) -> Sources:
    """The parts of a server that is not one."""
    trust = ServerTrust(home, event_log())
    return Sources(home, trust, follower, index, lambda: {"check": (3, 1)}, lambda: 7)


def test_a_home_is_read_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, serving = Metrics(), [False]
    sampler = Sampler(metrics, lambda: serving[0])
    sampler.sample()
    before = values(metrics)
    assert before["resident_memory_bytes",] > 1e6
    assert before["serving",] == 0
    assert ("disk_free_bytes",) not in before
    with open_home(found(tmp_path, {"acme-video": BOTH})) as home:
        index = NativeIndex()
        follower = Follower(home.ledger, index, EntryCatalog(home.ledger))
        sampler.sources = sources(home, follower, index)
        sampler.sample()
        size = home.ledger.head().size
        first = values(metrics)
        assert {
            ("serving",): 0,
            ("calls_in_flight", "check"): 3,
            ("calls_queued", "check"): 1,
            ("log_leaves",): size,
            ("index_position",): 0,
            ("index_lag_leaves",): size,
            ("unsigned_leaves",): 2,  # those of the member: the founding is signed
            ("unpublished_leaves",): 2,
            ("index_unsaved_items",): 7,
            ("read_only",): 0,
            ("member_keys_ending", "60"): 0,
        }.items() <= first.items()
        assert first["checkpoint_time_seconds",] == (home.paths.log / "checkpoint").stat().st_mtime
        assert min(first["disk_free_bytes",], first["database_bytes", "db"]) > 0

        follower.catch_up()
        index.add([(1, fingerprint(PDQ, "1"))])
        serving[0] = True
        (member,) = home.members()
        soon = member.keys[0].expires - 20 * 24 * 3600
        monkeypatch.setattr(sampling, "unix_time", lambda: soon)
        sampler._keys_at = float("-inf")  # an hour later
        sampler.sample()
        assert {
            ("serving",): 1,
            ("index_lag_leaves",): 0,
            ("index_items", "pdq/1"): 1,
            ("member_keys_ending", "7"): 0,
            ("member_keys_ending", "30"): 1,
            ("member_keys_ending", "60"): 1,
        }.items() <= values(metrics).items()
        enrol_member(home, "bolt-chat", BOTH, tmp_path / "bolt-chat", None)
        sampler.sample()
        assert values(metrics)["log_leaves",] > size
        assert values(metrics)["member_keys_ending", "30"] == 1  # looked at once an hour


def test_a_commit_is_timed_and_a_failure_is_not() -> None:
    took: list[float] = []
    world, inner = World(), MemoryLedger()
    world.found(inner, "acme")
    ledger = TimedLedger(inner, took.append)
    with ledger.begin():
        pass
    assert len(took) == 1
    assert took[0] >= 0
    with pytest.raises(ValueError, match="no"), ledger.begin():
        raise ValueError("no")  # noqa: EM101  # the test's own
    assert len(took) == 1
    assert ledger.head() == inner.head()
    assert list(ledger.leaves(0, 9)) == list(inner.leaves(0, 9))
    assert list(ledger.private(0, 9)) == list(inner.private(0, 9))
    with ledger.snapshot() as view:
        assert view.charter() is not None
    ledger.close()
