"""The arrays and numbers that callers pass in, checked with errors that name the field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from hashpact.errors import InvalidInputError

Ids: TypeAlias = NDArray[np.uint64]
Batch: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint16]]

MAX_ID: Final = 2**64 - 1
MAX_THREADS: Final = 256


class StoreStats(TypedDict):
    """What an index holds. ``bytes`` is memory; ``segments`` are (rows, chunks), the largest first."""

    rows: int
    tombstones: int
    delta: int
    bytes: int
    segments: list[tuple[int, int]]


def checked_ids(ids: Iterable[object]) -> Ids:
    """The ids as uint64[n]. Raises InvalidInputError if one is not a whole number from 0 to 2^64 - 1."""
    if isinstance(ids, np.ndarray) and ids.ndim == 1 and np.issubdtype(ids.dtype, np.unsignedinteger):
        return np.ascontiguousarray(ids, dtype=np.uint64)
    values = list(ids)
    for value in values:
        if not isinstance(value, int | np.integer) or not 0 <= value <= MAX_ID:
            msg = f"an id is a whole number from 0 to 2^64 - 1, not {value!r}"
            raise InvalidInputError(msg, field="ids")
    return np.array(values, dtype=np.uint64)


def checked_rows(rows: object, dtype: type[np.generic], columns: int, field: str) -> NDArray[Any]:
    """The array, in row order, if it has that type and that many columns. Raises InvalidInputError."""
    if not isinstance(rows, np.ndarray):
        found = type(rows).__name__
    elif rows.dtype != dtype or rows.shape[1:] != (columns,):
        found = f"{rows.dtype}{list(rows.shape)}"
    else:
        return np.ascontiguousarray(rows)
    msg = f"{field} must be {np.dtype(dtype)}[n, {columns}], not {found}"
    raise InvalidInputError(msg, field=field)


def check_length(ids: Ids, rows: NDArray[Any], field: str) -> None:
    """Raise InvalidInputError unless there is one id for each row."""
    if len(ids) != len(rows):
        msg = f"{len(ids)} ids for {len(rows)} {field}"
        raise InvalidInputError(msg, field="ids")


def check_limit(limit: int | None) -> None:
    """Raise InvalidInputError unless the limit is None or at least 1."""
    if limit is not None and limit < 1:
        msg = f"limit must be at least 1, not {limit}"
        raise InvalidInputError(msg, field="limit")


def check_threads(threads: int) -> None:
    """Raise InvalidInputError unless there are 1 to 256 threads."""
    if not 1 <= threads <= MAX_THREADS:
        msg = f"threads must be from 1 to {MAX_THREADS}, not {threads}"
        raise InvalidInputError(msg, field="threads")
