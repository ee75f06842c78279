"""Founds a home with one member below a directory: python founding.py DIRECTORY MEMBER ORIGIN.

It is run by the interpreter of the checkout whose server is measured, and imports nothing but that Hashpact.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hashpact.config import HomeConfig
from hashpact.domain.state import Role
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home


def found(directory: Path, member: str, origin: str) -> None:
    """The home in ``directory``/home, the profile in ``directory``/``member``."""
    create_home(directory / "home", HomeConfig(origin), admins=2, threshold=2, passphrase=None)
    with open_home(directory / "home") as home:
        roles = frozenset({Role.CHECK, Role.CONTRIBUTE})
        enrol_member(home, member, roles, directory / member, None)


if __name__ == "__main__":
    found(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
