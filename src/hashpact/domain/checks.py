"""A check: its queries, the filter that narrows it, and the matches it returns.

A match is a signal, never a verdict. No part of a check is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, NamedTuple, overload

from hashpact.domain.attestation import AttestedAnswer
from hashpact.domain.fingerprints import TYPES, Fingerprint, Measure
from hashpact.domain.matching.holding import Held
from hashpact.domain.matching.reasons import reason_of
from hashpact.domain.matching.strength import Strength, is_alone, strength_of
from hashpact.domain.matching.views import PictureView, Texture
from hashpact.domain.measured.rates import MeasuredRate, rate_of
from hashpact.errors import InvalidInputError

MAX_QUERIES: Final = 64
MAX_SETS: Final = 8
"""Queries of many hashes or keypoints among them: one takes up to 25 ms, and a code about 20 us."""
MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 20
MAX_SCALE: Final = 16
HALF_TURN: Final = 180
MAX_OFFSET: Final = 32
MAX_REFERENCE: Final = 64


class Hit(NamedTuple):
    """What an index finds: an item's id, and its distance, similarity, share or number of keypoints."""

    item: int
    score: float


class Hits(Sequence[Hit]):
    """Hits in order, as two sequences of as many numbers: ``items``, which fit into 8 bytes, and ``scores``.

    ``truncated``: the search reached its bound on work, so that there may be further hits. ``places``: for
    hits of keypoints, the four numbers of each `Transform`.
    """

    __slots__ = ("items", "places", "scores", "truncated")

    def __init__(
        self,
        items: Sequence[int],
        scores: Sequence[int] | Sequence[float],
        *,
        truncated: bool = False,
        places: Sequence[Sequence[float]] | None = None,
    ) -> None:
        self.items = items
        self.scores = scores
        self.truncated = truncated
        self.places = places

    def __len__(self) -> int:
        """How many."""
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> Hits: ...

    def __getitem__(self, place: int | slice) -> Hit | Hits:
        """One hit, or some of them."""
        if isinstance(place, slice):
            places = None if self.places is None else self.places[place]
            return Hits(self.items[place], self.scores[place], truncated=self.truncated, places=places)
        return Hit(self.items[place], self.scores[place])

    def __iter__(self) -> Iterator[Hit]:
        """Each hit."""
        return map(Hit, self.items, self.scores)


@dataclass(frozen=True, slots=True)
class Query:
    """One fingerprint to look for, within ``threshold`` (None: the type's default for it).

    ``view`` is what of the content it is, and ``texture`` that picture's. A client grades matches by both.
    """

    fingerprint: Fingerprint
    threshold: float | None = None
    view: PictureView = PictureView.WHOLE
    texture: Texture = Texture.ORDINARY

    def within(self) -> float:
        """The threshold that applies. Raises InvalidInputError if it reaches beyond the type's ceiling."""
        kind = self.fingerprint.type
        if self.threshold is None:
            return kind.default_for(self.fingerprint.value)
        return kind.threshold(self.threshold)


@dataclass(frozen=True, slots=True)
class Filter:
    """What narrows a check. An empty set does not narrow.

    ``labels``, ``bases`` and ``jurisdictions`` keep entries that have at least one of those named;
    ``min_endorsed_by`` counts members that endorse, the contributor not among them. ``without_benign``
    leaves out matches that something known to be benign is as near to as the entry is, and ``agreeing``
    those that are contradicted or unconfirmed. ``without_quarantined`` leaves out entries that a mirror
    has in quarantine.
    """

    labels: frozenset[str] = field(default=frozenset())
    bases: frozenset[str] = field(default=frozenset())
    jurisdictions: frozenset[str] = field(default=frozenset())
    min_endorsed_by: int = 0
    without_disputed: bool = False
    without_disowned: bool = False
    without_benign: bool = False
    agreeing: bool = False
    without_quarantined: bool = False

    @property
    def by_opinions(self) -> bool:
        """Whether it depends on what members say of an entry."""
        return self.min_endorsed_by > 0 or self.without_disputed or self.without_disowned


@dataclass(frozen=True, slots=True)
class Check:
    """A whole check: at most 64 queries, 8 of them of sets, and at most 1000 matches, nearest first.

    ``reference`` is the caller's name for the upload, at most 64 bytes of UTF-8, for a mirror that keeps a
    window of uploads. No clearinghouse is sent it. ``again``: it was asked before with a smaller limit, so
    that a mirror neither keeps nor counts the upload once more.
    """

    queries: tuple[Query, ...]
    filter: Filter = field(default_factory=Filter)
    limit: int = DEFAULT_LIMIT
    min_position: int = 0
    reference: str = field(default="", repr=False)
    again: bool = False

    def __post_init__(self) -> None:
        """Refuse a check without queries or past its bounds, with InvalidInputError."""
        if not 1 <= len(self.queries) <= MAX_QUERIES:
            msg = f"a check has 1 to {MAX_QUERIES} fingerprints, not {len(self.queries)}"
            raise InvalidInputError(msg, field="queries")
        if len(self.queries) > MAX_SETS and (large := sets_in(self.queries)) > MAX_SETS:
            msg = f"a check has at most {MAX_SETS} fingerprints of winnow/1 and parts/1 together, not {large}"
            raise InvalidInputError(msg, field="queries")
        check_bounds(self.limit, MAX_LIMIT, self.min_position)
        for query in self.queries:
            if query.threshold is not None:
                query.fingerprint.type.threshold(query.threshold)
        if self.reference:
            check_reference(self.reference)


def sets_in(queries: Sequence[Query]) -> int:
    """How many of the queries are of sets. Every check asks: a loop takes half of what a generator does."""
    count = 0
    for query in queries:
        count += query.fingerprint.type.is_set
    return count


def check_reference(reference: object) -> None:
    """Raise InvalidInputError unless a reference is text of at most 64 bytes of UTF-8."""
    try:
        fits = isinstance(reference, str) and len(reference.encode()) <= MAX_REFERENCE
    except UnicodeEncodeError:  # a lone surrogate
        fits = False
    if not fits:
        msg = f"a reference is text of at most {MAX_REFERENCE} bytes of UTF-8"
        raise InvalidInputError(msg, field="reference")


def check_bounds(limit: int, most: int, min_position: int) -> None:
    """Raise InvalidInputError unless the limit is from 1 to ``most``, and the position is not negative."""
    if not 1 <= limit <= most:
        msg = f"limit must be from 1 to {most}"
        raise InvalidInputError(msg, field="limit")
    if min_position < 0:
        msg = "min_position must not be negative"
        raise InvalidInputError(msg, field="min_position")


@dataclass(frozen=True, slots=True)
class Transform:
    """Where an entry's picture lies in the upload: scaled, then turned, then moved.

    Places are in units of each picture's long side, from its top left corner, y downwards. ``scale`` is the
    size of the entry's picture in the upload, ``rotation`` in degrees clockwise, and ``x`` and ``y`` are
    where its top left corner comes to lie. The constructor raises InvalidInputError for what no index finds.
    """

    scale: float
    rotation: float
    x: float
    y: float

    def __post_init__(self) -> None:
        """Refuse a scale beyond 16 times, and places that are not near the upload."""
        scaled = 1 / MAX_SCALE <= self.scale <= MAX_SCALE and abs(self.rotation) <= HALF_TURN
        if not (scaled and abs(self.x) <= MAX_OFFSET and abs(self.y) <= MAX_OFFSET):
            msg = (
                f"a transform scales by 1/{MAX_SCALE} to {MAX_SCALE}, turns by up to {HALF_TURN} degrees and "
                f"moves by up to {MAX_OFFSET} long sides"
            )
            raise InvalidInputError(msg, field="transform")


@dataclass(frozen=True, slots=True)
class NearBenign:
    """An entry of the negative collection that is near a query; ``score`` is as in a `Match` of its type."""

    entry: int
    score: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Another type by which entry and upload are clearly different: ``distance`` bits apart at least."""

    type: str
    distance: int


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that is near a query, with the opinions of members on it.

    ``score`` is a Hamming distance in bits, an estimated similarity, the share of the entry's text that
    is in the upload, a number of keypoints, or 0 for equality; ``measure`` is which of them.
    ``transform`` is where the entry's picture lies in the upload, if it is a match by keypoints: a
    possible partial copy. ``shared_at`` is the statement's time in Unix seconds; ``entry`` is the entry's
    log index. ``disowned``: the authority that the entry names states that it has not ordered the
    removal. ``query`` is the number, from 0, of the query that the entry is near: the nearest one of
    several of this type. ``benign`` is the nearest entry with basis benign, if it is no farther from that
    query than this entry is. ``contradicted``: the check asked by another type as well, by which upload
    and entry are clearly different. ``unconfirmed``: it is a far match of a faint picture, and no other
    type agrees. ``quarantined``: a mirror has seen far more matches of the entry than it expects, and
    nobody has confirmed it yet. ``view``, ``strength`` and ``reason`` are what a client adds: of what the
    query is, how much the match says, and why, in sentences. ``source`` is the private list that a match
    is of, and ``key`` its row there, with ``entry`` the row's place; a match of the clearinghouse has
    neither. ``believed`` and ``held`` are what the member's own terms say: it always believes the
    contributor; it holds the match back, and why.
    """

    entry: int
    type: str
    measure: Measure
    score: float
    labels: tuple[str, ...]
    basis: str
    jurisdictions: tuple[str, ...]
    member: str
    endorsed_by: int
    disputed_by: int
    shared_at: int
    disowned: bool = False
    query: int = 0
    transform: Transform | None = None
    benign: NearBenign | None = None
    contradicted: Disagreement | None = None
    unconfirmed: bool = False
    quarantined: bool = False
    view: PictureView = PictureView.WHOLE
    strength: Strength | None = None
    reason: str = ""
    source: str = ""
    key: str = ""
    believed: bool = False
    held: Held | None = None

    @property
    def false_matches(self) -> MeasuredRate | None:
        """How often unrelated content was as near, in docs/methods/quality.md; None if not measured."""
        return rate_of(TYPES[self.type], self.score)


@dataclass(frozen=True, slots=True)
class NearEntry:
    """An entry that a check has found, with its ``matches``: at least one, the nearest first."""

    matches: tuple[Match, ...]

    @property
    def nearest(self) -> Match:
        """The nearest match, which also has what the entry and its opinions say."""
        return self.matches[0]

    @property
    def entry(self) -> int:
        """The entry's log index."""
        return self.nearest.entry

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the entry was shared with."""
        return self.nearest.labels

    @property
    def strength(self) -> Strength | None:
        """The greatest strength of the matches; None if they are not graded."""
        found = {match.strength for match in self.matches}
        return next((each for each in Strength if each in found), None)


@dataclass(frozen=True, slots=True)
class Lag:
    """How old a mirror's copy of the log is.

    ``statements`` are those of the log that the mirror has heard of and that an answer does not reflect;
    ``seconds`` are counted since the mirror last knew that it had all of them.
    """

    statements: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The matches of a check, and the tree size that they reflect.

    ``truncated``: the check came near more items than it may consider, so that there may be further matches.
    ``texts`` is the SHA-256 of the document that explains the labels (`Client.document`), if there are
    matches and the policy has one. ``attestation``, if it was asked for, is what the clearinghouse has signed
    of it, verified. ``lag`` is how old the copy of the log is, if a mirror has answered. ``held`` are the
    matches that the member's own terms hold back, which are none of ``matches``. ``checked`` is False only of
    an `Unchecked`.
    """

    checked: ClassVar[bool] = True
    matches: tuple[Match, ...]
    position: int
    truncated: bool = False
    texts: bytes | None = field(default=None, compare=False)
    attestation: AttestedAnswer | None = field(default=None, compare=False, repr=False)
    lag: Lag | None = field(default=None, compare=False)
    held: tuple[Match, ...] = ()

    @property
    def entries(self) -> tuple[NearEntry, ...]:
        """The matches by entry, the nearest entry first."""
        found: dict[tuple[str, int], list[Match]] = {}
        for match in self.matches:
            found.setdefault((match.source, match.entry), []).append(match)
        return tuple(NearEntry(tuple(matches)) for matches in found.values())

    def graded(
        self, queries: Sequence[Query], least: Strength = Strength.WEAK, limit: int = MAX_LIMIT
    ) -> Answer:
        """The answer to these ``queries`` with each match's strength and its reason.

        Those weaker than ``least`` are left out.

        An entry that is near by two perceptual types counts as found twice. Keypoints do not count for that:
        pictures of one layout have many in common, and only the pixels tell them apart. An answer that is
        truncated, or has as many matches as the ``limit``, does not show by which types an entry is not near.
        """
        if not self.matches:
            return self
        asked = {query.fingerprint.type.name for query in queries}
        complete = not self.truncated and len(self.matches) < limit
        kinds: dict[tuple[str, int], set[str]] = {}
        for match in self.matches:
            if match.measure not in {Measure.EQUALITY, Measure.POINTS}:
                kinds.setdefault((match.source, match.entry), set()).add(match.type)
        found = []
        for match in self.matches:
            query, kind, near = (
                queries[match.query],
                TYPES[match.type],
                kinds.get((match.source, match.entry), set()),
            )
            seen, agreed = (query.view, query.texture), len(near) > 1
            alone = complete and is_alone(kind, query.fingerprint, asked, near)
            strength = Strength.WEAK if alone else strength_of(kind, match.score, *seen, agreed=agreed)
            if strength.reaches(least):
                reason = reason_of(kind, match.score, strength, *seen, agreed=agreed, alone=alone)
                reason += "".join(_against(match))
                found.append(replace(match, view=query.view, strength=strength, reason=reason))
        return replace(self, matches=tuple(found))


def _against(match: Match) -> Iterator[str]:
    """What speaks against a match, in sentences."""
    if match.benign is not None:
        yield f" Entry {match.benign.entry}, which is known to be harmless, is as near or nearer."
    if match.contradicted is not None:
        other = match.contradicted
        yield f" But by {other.type} the two differ in {other.distance} bits, as unrelated pictures do."
    if match.unconfirmed:
        yield " So faint a picture has no other type that could confirm it."
    if match.quarantined:
        yield " The entry is in quarantine: it matches far more often than before, and nobody confirmed it."
