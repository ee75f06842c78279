"""The story: three members join a clearinghouse, and what they share is found again, and nothing else.

Everything is real: a home, a server in a process of its own, members that reach it through the SDK over
mutual TLS, files that are fingerprinted. Only the machine is one and the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.demo.stage import Original, clearinghouse, given_originals, own_originals, unrelated
from hashpact.domain.checks import Filter, Match
from hashpact.domain.fingerprints import TYPES
from hashpact.domain.state import Receipt
from hashpact.errors import HashpactError, NotPermittedError, UnknownLabelError
from hashpact.fingerprint.content import fingerprints_of
from hashpact.member.clients import Client

_ANY: Final = Filter()
_NOTHING: Final = "no match"


@dataclass(frozen=True, slots=True)
class Row:
    """One check: the act it belongs to, what was checked, what was expected, and what came of it.

    ``nearest`` tells the nearest match of each fingerprint type, as "pdq/1 12" or "minhash/1 0.81".
    """

    act: str
    checked: str
    expected: str
    found: str
    nearest: str
    as_expected: bool


def play(files: Sequence[Path] = ()) -> Generator[Row, None, None]:
    """Play the story, with drawings and texts of our own or with the pictures and texts in ``files``.

    Raises UnusableContentError for a file that cannot be fingerprinted or altered, and UnavailableError if
    the server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="hashpact-demo-") as name:
        directory = Path(name)
        originals = given_originals(directory, files) if files else own_originals(directory)
        with clearinghouse(directory) as clients:
            yield from _Story(directory, clients, originals, strict=not files).acts()


class _Story:
    """The acts, one after the other. river-social asks; every answer reflects all that was said before.

    ``strict``: no original is a copy of another, so a check must find one entry and no other.
    """

    def __init__(
        self, directory: Path, clients: dict[str, Client], originals: list[Original], *, strict: bool
    ) -> None:
        self._directory = directory
        self._clients = clients
        self._originals = originals
        self._strict = strict
        self._position = 0

    def acts(self) -> Iterator[Row]:
        """Every row of the story, in order."""
        for original in self._originals:
            yield self._nothing("before anything is shared", original.name, original.path)
        self._share()
        for original in self._originals:
            for what, path in original.copies:
                yield self._finds("altered copies", f"{original.name}, {what}", path, original)
        for what, path in unrelated(self._directory):
            yield self._nothing("unrelated content", what, path)
        yield from self._dispute(self._originals[0])
        yield from self._endorsement(self._originals[-1])
        yield from self._refusals(self._originals[0])
        yield from self._withdrawal(self._originals[-1], self._originals[:-1])

    def _share(self) -> None:
        for original in self._originals:
            fingerprints = fingerprints_of(original.path).fingerprints
            owner = self._clients[original.owner]
            # Two files that were given may be one and the same.
            receipt = owner.submit(fingerprints, labels=[original.label], again=True)
            original.entry = receipt.index
            self._reach(receipt)

    def _dispute(self, original: Original) -> Iterator[Row]:
        act, (_, copy) = "a dispute", original.copies[0]
        self._reach(self._clients[original.neighbour].opinion(original.entry, "dispute"))
        yield self._finds(act, f"{original.name}, disputed by {original.neighbour}", copy, original)
        counts = {match.disputed_by for match in self._check(copy, _ANY) if match.entry == original.entry}
        count = str(max(counts, default=0))
        yield Row(act, f"{original.name}, how many dispute it", "1", count, "", counts == {1})
        without = Filter(without_disputed=True)
        yield self._misses(act, f"{original.name}, disputed entries left out", copy, original, without)

    def _endorsement(self, original: Original) -> Iterator[Row]:
        act, (_, copy), endorsed = "an endorsement", original.copies[0], Filter(min_endorsed_by=1)
        yield self._misses(act, f"{original.name}, endorsed entries only", copy, original, endorsed)
        self._reach(self._clients["river-social"].opinion(original.entry, "endorse"))
        yield self._finds(act, f"{original.name}, now endorsed by river-social", copy, original, endorsed)

    def _withdrawal(self, original: Original, others: Sequence[Original]) -> Iterator[Row]:
        act = "a withdrawal"
        self._reach(self._clients[original.owner].withdraw(original.entry, "removed-in-error"))
        for what, path in original.copies[:2]:
            yield self._misses(act, f"{original.name}, {what}, withdrawn", path, original)
        for other in others[-1:]:
            what, path = other.copies[0]
            yield self._finds(act, f"{other.name}, {what}, not withdrawn", path, other)

    def _refusals(self, original: Original) -> Iterator[Row]:
        fingerprints = fingerprints_of(original.path).fingerprints
        owner, neighbour = self._clients[original.owner], self._clients[original.neighbour]
        attempts: tuple[tuple[str, type[HashpactError], Callable[[], Receipt]], ...] = (
            (
                "river-social, which may only check, submits",
                NotPermittedError,
                lambda: self._clients["river-social"].submit(fingerprints, labels=[original.label]),
            ),
            (
                f"{original.neighbour} withdraws an entry of {original.owner}",
                NotPermittedError,
                lambda: neighbour.withdraw(original.entry, "not-mine"),
            ),
            (
                f"{original.owner} endorses its own entry",
                NotPermittedError,
                lambda: owner.opinion(original.entry, "endorse"),
            ),
            (
                f"{original.owner} submits with a label of its own making",
                UnknownLabelError,
                lambda: owner.submit(fingerprints, labels=["disliked"], again=True),
            ),
        )
        for what, refusal, attempt in attempts:
            found = "accepted"
            try:
                attempt()
            except refusal:
                found = "refused"
            yield Row("refusals", what, "refused", found, "", found == "refused")

    def _finds(self, act: str, checked: str, path: Path, original: Original, narrow: Filter = _ANY) -> Row:
        """A check that must find the original's entry."""
        matches = self._check(path, narrow)
        entries = _entries(matches)
        good = entries == {original.entry} if self._strict else original.entry in entries
        return Row(act, checked, f"entry {original.entry}", _named(entries), _nearest(matches), good)

    def _misses(self, act: str, checked: str, path: Path, original: Original, narrow: Filter = _ANY) -> Row:
        """A check that must not find the original's entry."""
        matches = self._check(path, narrow)
        entries = _entries(matches)
        good = not entries if self._strict else original.entry not in entries
        expected = _NOTHING if self._strict else f"not entry {original.entry}"
        return Row(act, checked, expected, _named(entries), _nearest(matches), good)

    def _nothing(self, act: str, checked: str, path: Path) -> Row:
        """A check that must find nothing at all."""
        matches = self._check(path, _ANY)
        return Row(act, checked, _NOTHING, _named(_entries(matches)), _nearest(matches), not matches)

    def _check(self, path: Path, narrow: Filter) -> tuple[Match, ...]:
        fingerprints = fingerprints_of(path).fingerprints
        answer = self._clients["river-social"].check(fingerprints, filter=narrow, min_position=self._position)
        return answer.matches

    def _reach(self, receipt: Receipt) -> None:
        self._position = receipt.tree_size


def _entries(matches: Sequence[Match]) -> set[int]:
    return {match.entry for match in matches}


def _named(entries: set[int]) -> str:
    if not entries:
        return _NOTHING
    return f"{'entry' if len(entries) == 1 else 'entries'} {', '.join(map(str, sorted(entries)))}"


def _nearest(matches: Sequence[Match]) -> str:
    """The nearest match of each type; matches come nearest first."""
    first: dict[str, Match] = {}
    for match in matches:
        first.setdefault(match.type, match)
    return ", ".join(
        f"{name} {first[name].score:.2f}"
        if first[name].measure.larger_is_nearer
        else f"{name} {int(first[name].score)}"
        for name in TYPES
        if name in first
    )
