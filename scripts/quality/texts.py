"""Texts: which altered copies are found, and which pairs of different texts match."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from corpus.seeds import generator
from corpus.texts import catalogs, posts
from corpus.texts.alteration import ALL
from corpus.texts.table import ALTERATIONS, LENGTHS, boilerplated
from quality import ours, peers, working
from quality.distances import Distances

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import FOLDED

Row = dict[str, Any]

RECALL: Final = 100
"""Texts of each language and length that are altered: half of them ours, half from catalogs."""

DISTINCT: Final = {"short": 1200, "long": 600}
BOILERPLATED: Final = 150
POSTS: Final = 400
MEDIAN: Final = 48
SPREAD: Final = 0.7
SHORTEST: Final = 8
"""Posts of all lengths: their lengths are log-normal, in characters."""

PEER_PAIRS: Final = 20_000
"""A slow peer is asked about so many pairs of different texts of a set."""


@dataclass(frozen=True, slots=True)
class Job:
    """The texts of one language and length, or so many."""

    language: str
    length: str
    count: int


def originals(job: Job) -> list[str]:
    """Texts for recall: ours, and from catalogs as far as there are any."""
    least, most = LENGTHS[job.length]
    found = catalogs.distinct(job.language, job.count // 2, least, most, seed=1)
    return found + posts.texts(job.language, job.count - len(found), least, most)


def altered(_given: None, job: Job) -> list[Row]:
    """A row for each alteration of the texts of one language and length."""
    texts = originals(job)
    house = ours.Clearinghouse()
    shared = [ours.shared(text) for text in texts]
    for number, some in enumerate(shared):
        house.share(number, some)
    made = {peer.name: [peer.made(text) for text in texts] for peer in peers.of_texts()}
    rows = []
    for alteration in ALTERATIONS:
        if job.language not in alteration.languages or alteration.length not in ("any", job.length):
            continue
        counted: Counter[str] = Counter()
        distances = Distances()
        for number, text in enumerate(texts):
            copy = alteration.copy(text)
            asked = ours.asked(copy)
            counted.update(ours.sides(house.find(asked, copy), number) | _refused(asked))
            distances.copies(shared[number], asked)
            for peer in peers.of_texts():
                one, other = made[peer.name][number], peer.made(copy)
                counted[peer.name] += one is not None and other is not None and peer.match(one, other)
        rows.append(
            {
                "copy": alteration.name,
                "row": alteration.row,
                "language": job.language,
                "length": job.length,
                "of": len(texts),
                "found": dict(counted),
                "distances": distances,
            }
        )
    return rows


def _refused(asked: Sequence[Query]) -> set[str]:
    return set() if asked else {ours.REFUSED}


def recall(sample: int | None, processes: int | None, distances: Distances) -> list[Row]:
    """A row for each alteration, language and length."""
    jobs = [Job(language, length, sample or RECALL) for language in ALL for length in LENGTHS]
    rows = list(
        itertools.chain.from_iterable(working.each("copies of texts", altered, None, jobs, processes))
    )
    for row in rows:
        distances.add(row.pop("distances"))
    return rows


def compared(_given: None, job: Job) -> Row:
    """How many pairs of different texts match, of one language and length."""
    least, most = LENGTHS[job.length]
    texts = catalogs.distinct(job.language, job.count, least, most)
    row, distances = _pairs(texts, peer_pairs=PEER_PAIRS)
    return {"set": f"{job.language}, {job.length}", **row, "distances": distances}


def different(sample: int | None, processes: int | None, distances: Distances) -> list[Row]:
    """A row for each language and length."""
    jobs = [Job(language, length, sample or count) for language in ALL for length, count in DISTINCT.items()]
    rows = list(working.each("pairs of texts", compared, None, jobs, processes))
    for row in rows:
        distances.add(row.pop("distances"))
    return rows


def boilerplate(sample: int | None) -> list[Row]:
    """Different texts of 100 characters before the same 400: a row for each language."""
    rows = []
    for language in ALL:
        row, _ = _pairs(boilerplated(language, sample or BOILERPLATED), peer_pairs=1000)
        rows.append({"set": language, **row})
    return rows


def _pairs(texts: Sequence[str], peer_pairs: int) -> tuple[Row, Distances]:
    house = ours.Clearinghouse()
    shared = [ours.shared(text) for text in texts]
    for number, some in enumerate(shared):
        house.share(number, some)
    matched: dict[str, set[tuple[int, int]]] = {}
    distances = Distances()
    for number, queries in enumerate(map(ours.asked, texts)):
        for found in house.find(queries, texts[number]):
            if found.number != number:
                pair = min(number, found.number), max(number, found.number)
                matched.setdefault(ours.graded(found.strength), set()).add(pair)
                matched.setdefault(found.type, set()).add(pair)
        distances.unrelated(number, queries, shared)
    row: Row = {
        "texts": len(texts),
        "pairs": len(texts) * (len(texts) - 1) // 2,
        "refused": sum(not some for some in shared),
        "matched": {side: len(pairs) for side, pairs in matched.items()},
        "which": [[texts[one], texts[other]] for one, other in sorted(matched.get(ours.SURE, set()))[:5]],
        "peers": {peer.name: _by_peer(peer, texts, peer_pairs) for peer in peers.of_texts()},
    }
    return row, distances


def _by_peer(peer: peers.TextPeer, texts: Sequence[str], limit: int) -> tuple[int, int]:
    """How many pairs match, and of how many: of the first texts, as many as make so many pairs."""
    count = min(len(texts), int((2 * limit) ** 0.5) + 1)
    made = [peer.made(text) for text in texts[:count]]
    pairs = [
        peer.match(one, other)
        for one, other in itertools.combinations(made, 2)
        if one is not None and other is not None
    ]
    return sum(pairs), count * (count - 1) // 2


def without(sample: int | None) -> list[Row]:
    """Of posts of all lengths, those that get no fingerprint: a row for each language."""
    rows = []
    for language in ALL:
        random = generator("lengths", language)
        texts = []
        for _ in range(sample or POSTS):
            length = max(SHORTEST, round(float(random.lognormal(0, SPREAD)) * MEDIAN))
            texts.append(posts.text(language, random, length, length + 4))
        made = [{one.type.name for one in ours.shared(text)} for text in texts]
        row: Row = {"language": language, "posts": len(texts), "refused": sum(not names for names in made)}
        row["only folded/1"] = sum(names == {FOLDED.name} for names in made)
        rows.append(row)
    return rows


@functools.cache
def sizes() -> dict[str, int]:
    """How many strings the catalogs have, for the head of a report."""
    return {language: len(catalogs.strings(language)) for language in ALL}
