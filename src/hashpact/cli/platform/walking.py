"""The files below a directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator


def below(directory: str, failed: Callable[[OSError], None]) -> Iterator[str]:
    """The paths of all files below a directory, those of one directory in order.

    Names that begin with a dot are passed over, links to directories are not followed, and a link to a file
    only if that is below the directory, too. ``failed`` is given what cannot be listed. Holds the names of
    one directory at a time, and those of directories that are still to come.
    """
    root = os.path.realpath(directory)
    waiting = [directory]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted((each for each in entries if not each.name.startswith(".")), key=_name)
        except OSError as error:
            failed(error)
            continue
        deeper = []
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                deeper.append(entry.path)
            elif not entry.is_symlink() or _is_within(root, entry.path):
                yield entry.path
        waiting += reversed(deeper)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_within(root: str, link: str) -> bool:
    """Whether a link leads to a path below ``root`` that is no directory."""
    target = os.path.realpath(link)
    return os.path.commonpath((root, target)) == root and not os.path.isdir(target)  # noqa: PTH112 - any bytes
