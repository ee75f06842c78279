"""A member's own terms: whose entries it believes, and for which share of uploads labels are enabled.

They apply where the answer is read, after the check, and are sent to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hashpact.domain.checks import Answer, Filter, Match, Query
from hashpact.domain.matching.holding import Held
from hashpact.domain.matching.views import PictureView

_DRAW: Final = b"hashpact/enabled/v1\n"
_ALL: Final = 1.0
_WHOLE: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class OwnTerms:
    """What a member decides for itself about matches.

    An entry by a member of ``always`` counts as endorsed by as many as a filter demands, and matches by a
    member of ``never`` are held back. A match is held back unless the `draw` of the upload is below the ratio
    of one of its labels: that in ``label_ratios``, or else ``enabled_ratio``, from 0 to 1. Another ``seed``
    makes another draw. Private lists have labels, and no members.
    """

    always: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    seed: str = ""
    enabled_ratio: float = _ALL
    label_ratios: Mapping[str, float] = field(default_factory=dict)
    _draws: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look at the ratios once: every check asks whether there is a draw."""
        ratios = (self.enabled_ratio, *self.label_ratios.values())
        object.__setattr__(self, "_draws", any(ratio < _ALL for ratio in ratios))

    @property
    def holds(self) -> bool:
        """Whether there may be matches that they hold back."""
        return bool(self.never) or self._draws

    def narrowed(self, narrow: Filter) -> Filter:
        """The filter to ask with: without the endorsements that `applied` looks at instead."""
        return replace(narrow, min_endorsed_by=0) if self._counts(narrow) else narrow

    def cuts(self, narrow: Filter) -> bool:
        """Whether `applied` may leave fewer matches than there were."""
        return self.holds or self._counts(narrow)

    def applied(self, answer: Answer, queries: Iterable[Query], narrow: Filter, limit: int) -> Answer:
        """The answer to `narrowed` of that filter, with at most ``limit`` matches that are not held back.

        Those that are held back are its ``held``, each with the reason.
        """
        if not answer.matches or not (self.always or self.cuts(narrow)):
            return answer
        drawn = draw(self.seed, queries) if self._draws else 0.0
        judged = [self._judged(match, drawn) for match in self._endorsed(answer.matches, narrow)]
        kept = tuple(match for match in judged if match.held is None)[:limit]
        held = tuple(match for match in judged if match.held is not None)
        return replace(answer, matches=kept, held=held, texts=answer.texts if kept or held else None)

    def _counts(self, narrow: Filter) -> bool:
        return bool(self.always) and narrow.min_endorsed_by > 0

    def _endorsed(self, matches: Iterable[Match], narrow: Filter) -> Iterator[Match]:
        for match in matches:
            believed = match.member in self.always
            if match.source or believed or match.endorsed_by >= narrow.min_endorsed_by:
                yield replace(match, believed=believed)

    def _judged(self, match: Match, drawn: float) -> Match:
        if match.member in self.never:
            return replace(match, held=Held.NEVER)
        ratios = (self.label_ratios.get(label, self.enabled_ratio) for label in match.labels)
        return (
            match if drawn < max(ratios, default=self.enabled_ratio) else replace(match, held=Held.DISABLED)
        )


def draw(seed: str, queries: Iterable[Query]) -> float:
    """A number from 0 to below 1 that is a function of the seed and of an upload's own fingerprints.

    The first 8 bytes, big-endian, of the SHA-256 of a line that names this recipe, a line with the seed, and
    a line ``TYPE HEX`` for each fingerprint of the whole content, in ascending order; views do not count. It
    is the same for every label, so that a larger ratio enables what a smaller one did, and more.
    """
    whole = {query.fingerprint for query in queries if query.view is PictureView.WHOLE}
    lines = sorted(f"{one.type.name} {one.value.hex()}\n" for one in whole)
    digest = hashlib.sha256(_DRAW + f"{seed}\n{''.join(lines)}".encode()).digest()
    return int.from_bytes(digest[:8]) / _WHOLE
