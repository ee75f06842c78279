"""The view of a derived state that does not take damage of its file for a fault of the log.

The rules answer what they find with errors of their own, and a leaf that meets one is a fault of its log. A
file that cannot be read must end the work instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, TypeVar

from hashpact.domain.state import Record
from hashpact.errors import HashpactError
from hashpact.storage.rows import RowView

_Given = ParamSpec("_Given")
_T = TypeVar("_T")


class StateFileError(Exception):
    """The file of a derived state cannot be read or written; the cause is a HashpactError."""


def _guarded(
    method: Callable[Concatenate[RowView, _Given], _T],
) -> Callable[Concatenate[RowView, _Given], _T]:
    def call(self: RowView, /, *given: _Given.args, **named: _Given.kwargs) -> _T:
        try:
            return method(self, *given, **named)
        except HashpactError as error:
            raise StateFileError(error.message) from error

    return call


class GuardedView(RowView):
    """As `RowView`, but for its errors: StateFileError for each."""

    charter = _guarded(RowView.charter)
    charters = _guarded(RowView.charters)
    member = _guarded(RowView.member)
    key = _guarded(RowView.key)
    keys = _guarded(RowView.keys)
    entry = _guarded(RowView.entry)
    opinions = _guarded(RowView.opinions)
    filing = _guarded(RowView.filing)
    filings = _guarded(RowView.filings)
    newest = _guarded(RowView.newest)
    request = _guarded(RowView.request)
    waiting = _guarded(RowView.waiting)
    times = _guarded(RowView.times)

    def records_of(self, kind: type[Record]) -> Iterator[Record]:
        """Every row of one kind of records, in order."""
        try:
            yield from super().records_of(kind)
        except HashpactError as error:
            raise StateFileError(error.message) from error
