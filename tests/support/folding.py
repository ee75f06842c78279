"""Leaves folded one by one: those that keep the rules, and those that break one."""

from __future__ import annotations

import copy

from builders import World

from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import Genesis
from hashpact.domain.rules.replay import Replay
from hashpact.errors import HashpactError


def take(log: Replay, leaf: bytes) -> int:
    """Fold a leaf that keeps the rules; its index."""
    log.apply(leaf)
    assert [fault.error for fault in log.faults if fault.data == leaf] == []
    return log.size - 1


def refuse(log: Replay, leaf: bytes, error: type[HashpactError], message: str) -> HashpactError:
    """Fold a leaf that breaks a rule: it stays as evidence and nothing else changes."""
    before, size, faults = copy.deepcopy(log.state), log.size, len(log.faults)
    log.apply(leaf)
    assert log.state == before
    assert log.size == size + 1
    assert len(log.faults) == faults + 1
    fault = log.faults[-1]
    assert (fault.index, fault.data) == (size, leaf)
    assert type(fault.error) is error
    assert message in str(fault.error)
    return fault.error


def genesis(world: World, admins: tuple[NamedKey, ...], threshold: int, log_keys: tuple[bytes, ...]) -> bytes:
    """A genesis statement signed by alice and bob, valid or not."""
    return world.by_admins(Genesis(admins, threshold, log_keys))
