"""Pictures: which altered copies are found, and which pairs of different pictures match."""

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

Row = dict[str, Any]
Codes = dict[str, Any]
"""For each side's name: fingerprints of ours, bytes of a peer's."""

ORIGINAL: Final = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture of a list, and what is done with it."""

    set: str
    sample: int | None
    number: int
    parts: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What the sides make of a picture and its copies.

    ``shared`` holds the codes of the shared file, by the name of the alteration if that has a file of its own
    and by `ORIGINAL` otherwise. ``asked`` holds those of the copies by the names of the alterations, or of
    the shared file itself.
    """

    number: int
    shared: dict[str, Codes] = field(default_factory=dict)
    asked: dict[str, Codes] = field(default_factory=dict)


@functools.cache
def listed(name: str, sample: int | None) -> list[pictures.Named]:
    """The pictures of a set, the same in every process."""
    if name == "recall":
        return pictures.for_recall(sample)
    if name == "distinct":
        return pictures.distinct(sample)
    return dict(pictures.of_layouts(sample or pictures.LAYOUT))[name]


PIXELS: Final = "hashpact, pixels"
"""In codes: what matches by parts are compared with."""


def altered(job: Job) -> Made:
    """A picture of the recall set with all of its copies."""
    named = listed(job.set, job.sample)[job.number]
    picture = named.draw()
    made = Made(job.number)
    made.shared[ORIGINAL] = _shared(original(picture, generator(named.name)), parts=job.parts)
    for alteration in ALTERATIONS:
        shared, copy = alteration.pair(picture, named.name)
        if alteration.shared is not original:
            made.shared[alteration.name] = _shared(shared, parts=job.parts)
        made.asked[alteration.name] = _asked(copy, parts=job.parts)
    return made


def alone(job: Job) -> Made:
    """A picture that is shared, and of which each side asks as well."""
    named = listed(job.set, job.sample)[job.number]
    file = original(named.draw(), generator(named.name))
    return Made(
        job.number, {ORIGINAL: _shared(file, parts=job.parts)}, {ORIGINAL: _asked(file, parts=job.parts)}
    )


def _shared(file: bytes, *, parts: bool) -> Codes:
    return {ours.NAME: ours.shared(file, parts=parts)} | {
        peer.name: peer.shared(file) for peer in peers.of_pictures()
    }


def _asked(file: bytes, *, parts: bool) -> Codes:
    picture = ours.pixels(file) if parts else None
    made: Codes = {ours.NAME: ours.asked(file, picture), PIXELS: picture}
    return made | {peer.name: peer.asked(file) for peer in peers.of_pictures()}


def recall(
    sample: int | None, processes: int | None, distances: Distances, *, parts: bool = False
) -> list[Row]:
    """A row for each alteration: what of its copies each side found."""
    originals = listed("recall", sample)
    jobs = [Job("recall", sample, number, parts) for number in range(len(originals))]
    done = list(working.each("copies of pictures", altered, jobs, processes))
    houses = {name: ours.Clearinghouse() for made in done for name in made.shared}
    for made in done:
        for name, codes in made.shared.items():
            houses[name].share(made.number, codes[ours.NAME])
    rows = []
    for alteration in ALTERATIONS:
        house = houses.get(alteration.name, houses[ORIGINAL])
        counted: Counter[str] = Counter()
        for made in done:
            shared = made.shared.get(alteration.name, made.shared[ORIGINAL])
            asked = made.asked[alteration.name]
            counted.update(_found(house, made.number, shared, asked))
            distances.copies(shared[ours.NAME], asked[ours.NAME])
        rows.append({"copy": alteration.name, "row": alteration.row, "of": len(done), "found": dict(counted)})
    return rows


def _found(house: ours.Clearinghouse, number: int, shared: Codes, asked: Codes) -> set[str]:
    """The sides, and the types of ours, that find the picture; what else they return is counted as false."""
    found = house.find(asked[ours.NAME], asked[PIXELS])
    right = {one for one in found if one.number == number}
    sides = {ours.NAME for one in right if one.strength in ours.CERTAIN}
    sides |= {ours.ANY for one in right if one.strength != "weak"}
    sides |= {one.type for one in right}
    if any(one.number != number and one.strength in ours.CERTAIN for one in found):
        sides.add(ours.OTHER)
    if not asked[ours.NAME]:
        sides.add(ours.REFUSED)
    for peer in peers.of_pictures():
        apart = peers.nearest(shared[peer.name], asked[peer.name])
        if apart is not None and apart <= peer.radius:
            sides.add(peer.name)
    return sides


def different(sample: int | None, processes: int | None, distances: Distances, *, parts: bool = False) -> Row:
    """How many pairs of different pictures match, for each side."""
    return _pairs("distinct", listed("distinct", sample), sample, processes, distances, parts=parts)


def layouts(sample: int | None, processes: int | None, *, parts: bool = False) -> list[Row]:
    """The same for different pictures of each layout."""
    count = pictures.LAYOUT if sample is None else min(sample, pictures.LAYOUT)
    return [
        _pairs(name, some, count, processes, None, parts=parts) for name, some in pictures.of_layouts(count)
    ]


def _pairs(  # noqa: PLR0913 - what is compared, and how
    name: str,
    some: Sequence[pictures.Named],
    sample: int | None,
    processes: int | None,
    distances: Distances | None,
    *,
    parts: bool,
) -> Row:
    jobs = [Job(name, sample, number, parts) for number in range(len(some))]
    done = list(working.each(f"pairs: {name}", alone, jobs, processes))
    house = ours.Clearinghouse()
    for made in done:
        house.share(made.number, made.shared[ORIGINAL][ours.NAME])
    matched: dict[str, set[tuple[int, int]]] = {}
    for made in done:
        asked = made.asked[ORIGINAL]
        for found in house.find(asked[ours.NAME], asked[PIXELS]):
            if found.number != made.number:
                pair = min(found.number, made.number), max(found.number, made.number)
                side = ours.NAME if found.strength in ours.CERTAIN else f"{ours.NAME}, {found.strength}"
                matched.setdefault(side, set()).add(pair)
                matched.setdefault(found.type, set()).add(pair)
    if distances is not None:
        distances.unrelated(
            [made.asked[ORIGINAL][ours.NAME] for made in done],
            [made.shared[ORIGINAL][ours.NAME] for made in done],
        )
    for peer in peers.of_pictures():
        matched[peer.name] = peers.pairs_within(
            [made.shared[ORIGINAL][peer.name] for made in done],
            [made.asked[ORIGINAL][peer.name] for made in done],
            peer.radius,
        )
    return {
        "set": name,
        "pictures": len(done),
        "pairs": len(done) * (len(done) - 1) // 2,
        "refused": sum(not made.shared[ORIGINAL][ours.NAME] for made in done),
        "matched": {side: len(pairs) for side, pairs in matched.items()},
        "which": [
            [some[one].name, some[other].name] for one, other in sorted(matched.get(ours.NAME, set()))[:20]
        ],
    }


def shares(rows: Sequence[Row], side: str) -> list[tuple[str, Share]]:
    """Each alteration's row of the floors with what a side found."""
    return [(row["row"], Share(row["found"].get(side, 0), row["of"])) for row in rows if row["row"]]
