"""Copies a ledger as it stands at one moment, while others append to it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import apsw

from hashpact.storage import schema
from hashpact.storage.connection import close, connect, run, translated
from hashpact.storage.sqlite import WAIT

_PAGES: Final = 1024
"""Of 4 KiB each, copied between two reports of progress."""


@contextmanager
def copied_ledger(database: Path, beside: Path, progress: Callable[[int, int], None]) -> Iterator[Path]:
    """A copy of the ledger at one moment, in a file that lasts for the block.

    Raises ConfigError or CorruptError if the database is not as Hashpact makes it. Its head is not compared.
    """
    copy = beside.with_name(f".{beside.name}.{secrets.token_hex(8)}.db")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        source = connect(database, WAIT)
        try:
            schema.check(source, head=False)
            # Held for the whole copy: otherwise a commit by another process would make SQLite start over.
            run(source, "BEGIN")
            run(source, "SELECT size FROM head")
            _copy_pages(source, copy, progress)
        finally:
            close(source)
        yield copy
    finally:
        for path in (copy, *(copy.with_name(copy.name + end) for end in ("-wal", "-shm", "-journal"))):
            path.unlink(missing_ok=True)


def _copy_pages(source: apsw.Connection, copy: Path, progress: Callable[[int, int], None]) -> None:
    try:
        with closing(apsw.Connection(str(copy.absolute()))) as target:
            size = int(source.pragma("page_size"))
            with target.backup("main", source, "main") as pages:
                while not pages.done:
                    pages.step(_PAGES)
                    progress((pages.page_count - pages.remaining) * size, pages.page_count * size)
    except apsw.Error as exc:
        raise translated(exc, str(copy)) from exc
