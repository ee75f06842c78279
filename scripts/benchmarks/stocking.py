"""A home with so many items in its log, and a profile of the member that shared them."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.processes import running
from benchmarks.submissions import MEMBER, REASON, author_of, random_codes
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hashpact.clock import unix_time
from hashpact.config import HomeConfig
from hashpact.demo.stage import BOTH, ORIGIN
from hashpact.domain.fingerprints import MD5, PDQ, PHASH, SHA256, Fingerprint
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.member.profile import Profile
from hashpact.service.append import Appender

TYPES: Final = (PDQ, PHASH, SHA256, MD5)
ITEMS: Final = 256
"""Of a submission: as many as it may have."""
AT_ONCE: Final = 32
"""Submissions of one commit."""
OTHERS: Final = 10
"""Items of pdq for one of each other type."""
KNOWN: Final = 1000
"""Items that are remembered, so that checks can be made that match."""


@dataclass(frozen=True, slots=True)
class Stock:
    """A home, the profile of its member, and some of the pdq codes that are in its log."""

    home: Path
    profile: Profile
    known: tuple[Fingerprint, ...]


def command_of(home: Path) -> list[str]:
    """How the home is served, at a free port."""
    return [sys.executable, "-m", "hashpact", "serve", str(home), "--listen", "127.0.0.1:0", "--workers", "1"]


def stock(directory: Path, entries: int) -> Stock:
    """A home with so many pdq items, and a tenth of that of each of the other types.

    Its server has run once, and has saved the index, so that the next start is quick.
    """
    home = directory / "home"
    create_home(home, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
    with open_home(home) as opened:
        enrol_member(opened, MEMBER, BOTH, directory / MEMBER, None)
    profile = Profile.load(directory / MEMBER)
    known = _fill(home, profile, entries)
    with running(command_of(home), directory / "first.log"):
        pass
    return Stock(home, profile, known)


def _fill(home: Path, profile: Profile, entries: int) -> tuple[Fingerprint, ...]:
    """Append the items, as the server would; some of those of pdq."""
    counts = {kind: entries if kind is PDQ else entries // OTHERS for kind in TYPES}
    author, known = author_of(profile), []
    with open_home(home) as opened, _bar() as bar:
        appender, task = Appender(opened.ledger, unix_time), bar.add_task("items", total=sum(counts.values()))
        for kind, count in counts.items():
            codes = itertools.islice(random_codes(kind), count)
            while some := list(itertools.islice(codes, AT_ONCE * ITEMS)):
                leaves = [some[first : first + ITEMS] for first in range(0, len(some), ITEMS)]
                appender.append_all(MEMBER, [author.submit(leaf, REASON) for leaf in leaves])
                if kind is PDQ:
                    known += some[:: max(1, count // KNOWN)]
                bar.advance(task, len(some))
    return tuple(known)


def _bar() -> Progress:
    columns = TextColumn("filling the log"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)
