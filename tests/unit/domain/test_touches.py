"""What a kind declares to touch is what its statements change, in every log of the vectors and the format."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable

import pytest
from documented import LOG
from vectoring.reading import load

from hashpact.domain import statements
from hashpact.domain.kinds import KINDS, Touches
from hashpact.domain.rules import foresee
from hashpact.domain.state import Charter, Entry, Key, Opinion, Record, State

ONE = {Touches.NOTHING, Touches.MADE, Touches.OPINIONS, Touches.STANDING}
Changed = tuple[Touches, int | None]
"""What a statement has changed, and of which entry."""


class Logs:
    """What the statements of logs change, by kind, with the one entry that each declares to touch."""

    def __init__(self) -> None:
        self.found: dict[str, list[tuple[set[Changed], int | None]]] = defaultdict(list)

    def fold(self, state: State, start: int, leaves: Iterable[tuple[bytes, bool]]) -> State:
        """Fold leaves, each with whether it keeps the rules, and take down what those that do change."""
        for index, (leaf, valid) in enumerate(leaves, start):
            if valid:
                statement = statements.parse(leaf).statement
                records = foresee(state, index, statement)
                changed = {one for record in records if (one := _changed(state, index, record)) is not None}
                self.found[statement.body.kind].append((changed, statement.body.touched(index)))
                state.take(index, (statement.member, statement.request), records)
        return state


def _changed(state: State, index: int, record: Record) -> Changed | None:
    match record:
        case Entry():
            return Touches.MADE if record.index == index else Touches.STANDING, record.index
        case Opinion():
            return Touches.OPINIONS, record.entry
        case Key():
            before = state.key(record.id)
            same = before is None or before.stands_below == record.stands_below
            return None if same else (Touches.SIGNED, None)
        case Charter():
            old = state.charter() or Charter("", (), 1, ())
            same = (old.matching, old.terms.texts) == (record.matching, record.terms.texts)
            return None if same else (Touches.MATCHING, None)
    return None


@pytest.fixture(scope="module")
def logs() -> Logs:
    """All of them."""
    logs = Logs()
    logs.fold(State(), 0, ((leaf, True) for leaf in LOG))
    for file in load():
        prelude = logs.fold(State(), 0, ((leaf, True) for leaf in file.prelude))
        for vector in file.vectors:
            later = ((one.leaf, one.valid) for one in vector.leaves)
            logs.fold(copy.deepcopy(prelude), len(file.prelude), later)
    return logs


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_changes_what_it_declares_to_touch(logs: Logs, kind: str) -> None:
    declared = KINDS[kind].touches
    allowed = {declared, Touches.OPINIONS} if declared is Touches.STANDING else {declared}
    assert logs.found[kind]
    for changed, touched in logs.found[kind]:
        assert {what for what, _ in changed} <= allowed
        assert {entry for _, entry in changed if entry is not None} <= {touched}


@pytest.mark.parametrize(
    "kind", [kind for kind, body in KINDS.items() if body.touches is not Touches.NOTHING]
)
def test_no_kind_declares_to_touch_more_than_it_does(logs: Logs, kind: str) -> None:
    assert KINDS[kind].touches in {what for changed, _ in logs.found[kind] for what, _ in changed}


def test_what_reaches_many_entries_is_known_by_name_to_followers() -> None:
    # `Follower` and the pages of changes take these apart by their own fields; others are of one entry.
    many = {kind: body.touches for kind, body in KINDS.items() if body.touches in set(Touches) - ONE}
    assert many == {"policy": Touches.MATCHING, "key-revoke": Touches.SIGNED}
