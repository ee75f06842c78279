"""SQLite files whose every page has a checksum, so that a page that was changed is refused when it is read.

It is SQLite's own extension cksumvfs (https://sqlite.org/cksumvfs.html), which apsw's wheels carry. The last
8 bytes of each page are its checksum. A program that writes the file without the extension leaves checksums
that do not fit.
"""

from __future__ import annotations

import functools
from contextlib import closing
from typing import Final

import apsw
import apsw.sqlite_extra

from hashpact.errors import ConfigError

SUM_SIZE: Final = 8
"""Bytes at the end of each page."""
_EXTENSION: Final = "cksumvfs"
_VFS: Final = "cksmvfs"


@functools.cache
def summing() -> str:
    """The name of the layer that keeps checksums. Raises ConfigError if this apsw does not have it."""
    before = apsw.vfs_names()[0]
    try:
        with closing(apsw.Connection(":memory:")) as connection:
            apsw.sqlite_extra.load(connection, _EXTENSION)
    except (apsw.Error, apsw.sqlite_extra.NotAvailable, LookupError) as exc:
        msg = f"this apsw has no extension {_EXTENSION}; install the wheel of apsw from PyPI"
        raise ConfigError(msg) from exc
    apsw.set_default_vfs(before)  # it takes the first place, and the other files here have no checksums
    return _VFS


def is_summed(connection: apsw.Connection) -> bool:
    """Whether the pages of the database have checksums, and are compared with them."""
    return connection.reserve_bytes() == SUM_SIZE and bool(connection.pragma("checksum_verification"))
