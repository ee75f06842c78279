"""Pictures: which altered copies are found, and which pairs of different pictures match.

First every picture of a set is shared with all sides, then each side is asked about the copies of each
picture, among all that was shared.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from corpus import pictures
from corpus.altering.alteration import original
from corpus.altering.table import ALTERATIONS
from corpus.seeds import generator
from quality import ours, peers, working
from quality.distances import Distances
from quality.intervals import Share

from hashpact import Fingerprint

Row = dict[str, Any]
Codes = dict[str, Any]
"""For each side's name what it shares: fingerprints of ours, bytes of a peer's."""

ORIGINAL: Final = ""
"""The form of a picture that is shared for most alterations; the others have the alteration's name."""


@dataclass(frozen=True, slots=True)
class Set:
    """A set of pictures by its name, or ``sample`` of it; ``parts``: by these as well.

    ``harmless`` is how many pictures the negative collection has.
    """

    name: str
    sample: int | None
    parts: bool = False
    harmless: int = 0

    def pictures(self) -> list[pictures.Named]:
        """The pictures, the same in every process."""
        return _listed(self.name, self.sample)


@functools.cache
def _listed(name: str, sample: int | None) -> list[pictures.Named]:
    if name == "recall":
        return pictures.for_recall(sample)
    if name == "distinct":
        return pictures.distinct(sample)
    return dict(pictures.of_layouts(sample or pictures.LAYOUT))[name]


@dataclass(frozen=True)
class Shared:
    """What all sides hold of a set: for each picture its forms."""

    of: Set
    forms: list[dict[str, Codes]]
    harmless: list[tuple[Fingerprint, ...]] = field(default_factory=list)

    @functools.cached_property
    def houses(self) -> dict[str, ours.Clearinghouse]:
        """For each form an index of ours: it has those pictures that are shared in this form."""
        found: dict[str, ours.Clearinghouse] = {}
        for number, forms in enumerate(self.forms):
            for form, codes in forms.items():
                if form not in found:
                    found[form] = ours.Clearinghouse(self.harmless)
                found[form].share(number, codes[ours.NAME])
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Without the indexes, which each process builds for itself."""
        return {"of": self.of, "forms": self.forms, "harmless": self.harmless}


@dataclass(slots=True)
class Counted:
    """What came of one picture: the sides that found each copy, or the pairs that each side matched."""

    found: dict[str, set[str]] = field(default_factory=dict)
    matched: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    distances: Distances = field(default_factory=Distances)


def _share(of: Set, number: int) -> dict[str, Codes]:
    """Every form in which a picture is shared."""
    named = of.pictures()[number]
    picture = named.draw()
    forms = {ORIGINAL: original(picture, generator(named.name))}
    if of.name == "recall":
        own = (one for one in ALTERATIONS if one.shared is not original)
        forms |= {one.name: one.pair(picture, named.name)[0] for one in own}
    return {
        form: {ours.NAME: ours.shared(file, parts=of.parts)}
        | {peer.name: peer.shared(file) for peer in peers.of_pictures()}
        for form, file in forms.items()
    }


def share(of: Set, processes: int | None) -> Shared:
    """The whole set, shared with all sides."""
    numbers = range(len(of.pictures()))
    forms = list(working.each(f"sharing: {of.name}", _share, of, numbers, processes))
    return Shared(of, forms, _harmless_of(of.harmless, processes))


def _harmless(count: int, number: int) -> tuple[Fingerprint, ...]:
    named = pictures.harmless(count)[number]
    return ours.shared(original(named.draw(), generator(named.name)))


@functools.cache
def _harmless_of(count: int, processes: int | None) -> list[tuple[Fingerprint, ...]]:
    """What a clearinghouse has in its negative collection: fingerprints of so many harmless pictures."""
    numbers = range(len(pictures.harmless(count)))
    return list(working.each("sharing: harmless", _harmless, count, numbers, processes))


def _copies(shared: Shared, number: int) -> Counted:
    """Asks about every copy of a picture."""
    named = shared.of.pictures()[number]
    picture = named.draw()
    counted = Counted()
    for alteration in ALTERATIONS:
        form = alteration.name if alteration.name in shared.forms[number] else ORIGINAL
        _, copy = alteration.pair(picture, named.name)
        codes, asked = shared.forms[number][form], ours.asked(copy, parts=shared.of.parts)
        counted.distances.copies(codes[ours.NAME], asked)
        sides = ours.sides(shared.houses[form].find(asked, copy), number)
        if not asked:
            sides.add(ours.REFUSED)
        for peer in peers.of_pictures():
            apart = peers.nearest(codes[peer.name], peer.asked(copy))
            if apart is not None and apart <= peer.radius:
                sides.add(peer.name)
        counted.found[alteration.name] = sides
    return counted


def _others(shared: Shared, number: int) -> Counted:
    """Asks about a picture that is shared itself: the others that match."""
    named = shared.of.pictures()[number]
    file = original(named.draw(), generator(named.name))
    asked = ours.asked(file, parts=shared.of.parts)
    counted = Counted()
    for found in shared.houses[ORIGINAL].find(asked, file):
        if found.number != number:
            for side in (ours.graded(found.strength), found.type, *ours.strong(found)):
                counted.matched.setdefault(side, set()).add(_pair(number, found.number))
    every = [forms[ORIGINAL] for forms in shared.forms]
    counted.distances.unrelated(number, asked, [codes[ours.NAME] for codes in every])
    for peer in peers.of_pictures():
        near = peers.within([codes[peer.name] for codes in every], peer.asked(file), peer.radius)
        counted.matched[peer.name] = {_pair(number, other) for other in near if other != number}
    return counted


def _pair(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def recall(
    sample: int | None,
    processes: int | None,
    distances: Distances,
    *,
    parts: bool = False,
    harmless: int = 0,
) -> list[Row]:
    """A row for each alteration: what of its copies each side found."""
    shared = share(Set("recall", sample, parts, harmless), processes)
    numbers = range(len(shared.forms))
    found: dict[str, Counter[str]] = {one.name: Counter() for one in ALTERATIONS}
    for counted in working.each("copies of pictures", _copies, shared, numbers, processes):
        distances.add(counted.distances)
        for name, sides in counted.found.items():
            found[name].update(sides)
    return [
        {"copy": one.name, "row": one.row, "of": len(numbers), "found": dict(found[one.name])}
        for one in ALTERATIONS
    ]


def different(
    sample: int | None,
    processes: int | None,
    distances: Distances,
    *,
    parts: bool = False,
    harmless: int = 0,
) -> Row:
    """How many pairs of different pictures match, for each side."""
    return _pairs(Set("distinct", sample, parts, harmless), processes, distances)


def layouts(sample: int | None, processes: int | None, *, parts: bool = False) -> list[Row]:
    """The same for different pictures of each layout."""
    count = pictures.LAYOUT if sample is None else min(sample, pictures.LAYOUT)
    return [_pairs(Set(name, count, parts), processes, Distances()) for name, _ in pictures.of_layouts(0)]


def _pairs(of: Set, processes: int | None, distances: Distances) -> Row:
    shared = share(of, processes)
    count = len(shared.forms)
    matched: dict[str, set[tuple[int, int]]] = {}
    for counted in working.each(f"pairs: {of.name}", _others, shared, range(count), processes):
        distances.add(counted.distances)
        for side, pairs in counted.matched.items():
            matched.setdefault(side, set()).update(pairs)
    some = of.pictures()
    return {
        "set": of.name,
        "pictures": count,
        "pairs": count * (count - 1) // 2,
        "refused": sum(not forms[ORIGINAL][ours.NAME] for forms in shared.forms),
        "matched": {side: len(pairs) for side, pairs in matched.items()},
        "which": [
            [some[one].name, some[other].name] for one, other in sorted(matched.get(ours.SURE, set()))[:20]
        ],
    }


def shares(rows: Sequence[Row], side: str) -> list[tuple[str, Share]]:
    """Each alteration's row of the floors with what a side found."""
    return [(row["row"], Share(row["found"].get(side, 0), row["of"])) for row in rows if row["row"]]
