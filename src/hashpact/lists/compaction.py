"""Compaction: a list's blocks are written anew, without what rows held before, once that is most of them.

Each change of a list adds a block, however few rows it has. Afterwards a place has another row: who has read
the list before reads it again, which its generation tells.
"""

from __future__ import annotations

from typing import Any, Final

from hashpact.lists.blocks import ROWS
from hashpact.lists.table import RowTable

_SLACK: Final = 64
_TIMES: Final = 4
"""A list has at most so many times the blocks that its rows need, and `_SLACK`."""
_HELD: Final = """SELECT name, place FROM row
WHERE place BETWEEN :first AND :last OR place BETWEEN -1 - :last AND -1 - :first"""


def compact(table: RowTable) -> None:
    """Write the blocks anew if they become much fewer, within a transaction of the caller's.

    Raises CorruptError for a block that was altered.
    """
    numbers, rows = table.numbers(), table.one("SELECT count(*) FROM row")
    if len(numbers) <= _SLACK + _TIMES * -(-rows // ROWS):
        return
    table.sql.execute("DELETE FROM dead")
    table.rewind()
    for number in numbers:
        # What replaces a block has the rows of as many blocks or more, so it comes after that was read.
        places = {"first": number * ROWS, "last": number * ROWS + ROWS - 1}
        held: list[tuple[Any, ...]] = table.sql.execute(_HELD, places).fetchall()
        rows_of = table.block(number).rows() if held else []
        for name, place in sorted(held, key=lambda one: _held_at(one[1])):
            at = table.append(rows_of[_held_at(place) % ROWS])
            if place < 0:
                table.sql.execute("INSERT INTO dead VALUES (?)", (at,))
            table.sql.execute(
                "UPDATE row SET place = ? WHERE name = ?", (at if place >= 0 else -1 - at, name)
            )
    table.end()


def _held_at(place: int) -> int:
    """Where a row is, also one that was taken back."""
    return place if place >= 0 else -1 - place
