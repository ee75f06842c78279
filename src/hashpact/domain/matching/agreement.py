"""Agreement: whether the pdq/1 of a picture says the same as the phash/1 by which it matches.

Copies that phash/1 finds are near by pdq/1 as well, or at least not as far apart as two pictures that are
unrelated: of these, half of the bits differ. A picture with little structure has no pdq/1 to be asked, and
its phash/1 is near that of others more often. The bounds come from measured distances
(docs/methods/quality.md). The reverse says nothing: a check looks for more views of a picture by pdq/1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from hashpact.domain.checks import Disagreement, Match, Query
from hashpact.domain.fingerprints import PDQ, PHASH
from hashpact.domain.matching.views import PictureView, Texture

CLEAR: Final = {Texture.ORDINARY: 120, Texture.FAINT: 80, Texture.TEXT_LIKE: 80}
"""Bits of pdq/1 from which on two pictures are clearly different, by the upload's texture.

Some crops of an ordinary picture are as far from it as 119 bits. What is near a faint picture or one of
text by phash/1 is often unrelated, and its copies are nearer.
"""

_ALONE: Final = {PictureView.WHOLE: 6, PictureView.SHOWN: 6, PictureView.PART: 6, PictureView.TURNED: 0}
_ALONE_OTHERS: Final = 4
"""Bits of phash/1 up to which a match of a faint picture needs no other type that agrees, by the view.

There are seven positions, each one more chance to be near, and nearly as many pictures with padded edges.
"""


def alone(view: PictureView) -> int:
    """Up to how many bits a match by phash/1 of that view of a faint picture needs no other type."""
    return _ALONE.get(view, _ALONE_OTHERS)


def doubted(
    matches: Sequence[Match], queries: Sequence[Query], apart: Callable[[int], int | None]
) -> tuple[Match, ...]:
    """Matches of an upload's queries, those by phash/1 with what pdq/1 says of the upload and the entry.

    One is ``contradicted`` if no pdq/1 of the upload is near one of the entry: they differ in so many bits at
    least. It is ``unconfirmed`` if the upload is faint, the match far, and no pdq/1 agrees. ``apart`` gives
    the fewest bits in which any pdq/1 of the upload differs from any of an entry, None if either has none.
    """
    if not any(match.type == PHASH.name for match in matches):
        return tuple(matches)
    return tuple(
        _doubted(match, queries[match.query], apart(match.entry)) if match.type == PHASH.name else match
        for match in matches
    )


def _doubted(match: Match, query: Query, apart: int | None) -> Match:
    if apart is not None and apart >= CLEAR[query.texture]:
        match = replace(match, contradicted=Disagreement(PDQ.name, apart))
    far = query.texture is Texture.FAINT and match.score > alone(query.view)
    if far and (apart is None or apart > PDQ.ceiling):
        match = replace(match, unconfirmed=True)
    return match
