"""Pages of changes: what a message carries, what is refused, and what a client believes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, World, fingerprint
from hypothesis import given
from hypothesis import strategies as some

from hashpact.domain import statements
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import Submit
from hashpact.domain.messages import MAX_CHANGES, ChangedEntries, ChangesRequest, EntryDetail
from hashpact.domain.state import Opinion, Stance
from hashpact.errors import CorruptError, InvalidInputError
from hashpact.member.author import Reason
from hashpact.wire import details
from hashpact.wire.client import calls
from hashpact.wire.v1 import log_pb2

NUMBERS = some.integers(0, 2**63 - 1)


def detail(index: int, *, private: bool = False) -> EntryDetail:
    """An entry of acme, disputed by bolt."""
    codes = [fingerprint(SHA256, str(number)) for number in range(2)]
    shared = World().author("acme").submit(codes, Reason(frozenset({"ncii"})))
    statement = statements.parse(shared.statement).statement
    body = statement.body
    assert isinstance(body, Submit)
    entry = body.entry(index, statement.member, statement.key, statement.time)
    opinion = Opinion(index, "bolt", Stance.DISPUTE, index + 1, b"bolt" * 8, "news-report")
    return EntryDetail(
        entry, shared.statement, tuple(shared.private) if private else (), (opinion,), stands=True
    )


def page(*entries: int, goes_on: int, position: int, after: int | None = None) -> ChangedEntries:
    """A page with these entries, to be followed by another one from ``goes_on``."""
    return ChangedEntries(tuple(map(detail, entries)), goes_on, after, position, NOW)


@given(some.builds(ChangesRequest, NUMBERS, some.none() | NUMBERS, some.integers(1, MAX_CHANGES)))
def test_requests_come_back(asked: ChangesRequest) -> None:
    message = details.changes_request_to_wire(asked)
    assert details.changes_request_from_wire(message) == asked


def test_pages_come_back() -> None:
    withdrawn = detail(4)
    withdrawn = replace(
        withdrawn,
        entry=replace(withdrawn.entry, withdrawn_index=8, withdrawn_reason="mistake", withdrawn_by=bytes(32)),
        stands=False,
    )
    for entries in ((), (detail(3, private=True), withdrawn)):
        for after in (None, 4):
            sent = ChangedEntries(entries, 5, after, 9, NOW)
            assert details.changes_from_wire(details.changes_to_wire(sent)) == sent


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("next", lambda one: setattr(one, "next", -1)),
        ("next_after", lambda one: setattr(one, "next_after", -1)),
        ("position", lambda one: setattr(one, "position", -1)),
        ("moment", lambda one: setattr(one, "moment", -1)),
        ("entries[0].private", lambda one: one.entries[0].private.pop()),
        ("entries[0].name", lambda one: setattr(one.entries[0], "name", "entries/x")),
        ("entries[0].member", lambda one: setattr(one.entries[0], "member", "")),
        ("entries", lambda one: one.entries.extend([log_pb2.Entry()] * MAX_CHANGES)),
    ],
)
def test_a_page_that_cannot_be_is_refused(field: str, change: Callable[[Any], object]) -> None:
    message = details.changes_to_wire(ChangedEntries((detail(3, private=True),), 5, None, 9, NOW))
    change(message)
    with pytest.raises(InvalidInputError) as refused:
        details.changes_from_wire(message)
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("since", log_pb2.ListChangesRequest(since=-1)),
        ("after", log_pb2.ListChangesRequest(after=-1)),
        ("page_size", log_pb2.ListChangesRequest(page_size=-1)),
        ("page_size", log_pb2.ListChangesRequest(page_size=MAX_CHANGES + 1)),
    ],
)
def test_a_request_that_cannot_be_is_refused(field: str, message: log_pb2.ListChangesRequest) -> None:
    with pytest.raises(InvalidInputError) as refused:
        details.changes_request_from_wire(message)
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    "sent",
    [
        page(3, 4, goes_on=5, position=9),
        page(3, goes_on=3, position=9, after=3),
        page(goes_on=3, position=9, after=8),
        page(goes_on=3, position=3),
        page(8, goes_on=9, position=9),
    ],
)
def test_a_page_that_goes_on_is_believed(sent: ChangedEntries) -> None:
    data = details.changes_to_wire(sent).SerializeToString()
    assert calls.changes(ChangesRequest(3)).read(data) == sent


def test_private_parts_that_were_asked_for_are_there_unless_they_are_withheld() -> None:
    asked = ChangesRequest(3, with_private=True)
    lacking = page(3, goes_on=5, position=9)
    assert lacking.entries[0].stands
    with pytest.raises(CorruptError, match="has no private parts of entry 3"):
        calls.changes(asked).read(details.changes_to_wire(lacking).SerializeToString())
    withheld = replace(lacking, entries=(replace(lacking.entries[0], withheld=True),))
    assert calls.changes(asked).read(details.changes_to_wire(withheld).SerializeToString()) == withheld


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        (page(goes_on=3, position=9), None),  # from where it was asked
        (page(goes_on=3, position=9, after=7), 7),
        (page(goes_on=2, position=9), None),  # back
        (page(goes_on=10, position=9), None),  # beyond its own position
        (page(goes_on=2, position=2), None),
        (page(goes_on=9, position=9, after=4), None),  # an end that goes on
        (page(4, 4, goes_on=9, position=9), None),  # an entry twice
        (page(9, goes_on=9, position=9), None),  # an entry of later
    ],
)
def test_a_page_that_does_not_go_on_is_corrupt(sent: ChangedEntries, after: int | None) -> None:
    data = details.changes_to_wire(sent).SerializeToString()
    with pytest.raises(CorruptError, match="page of changes"):
        calls.changes(ChangesRequest(3, after)).read(data)
