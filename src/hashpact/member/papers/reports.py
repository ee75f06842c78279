"""What members report and publish, to be stated: trainings, practices, tallies and reviews."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hashpact.domain.kinds import (
    ActionDone,
    Practice,
    Review,
    Tally,
    Training,
)
from hashpact.domain.kinds.conduct.spelling import (
    Heads,
)
from hashpact.member.author import Paper, chosen
from hashpact.member.papers.paper import digest, plain


def training(topics: Iterable[str], month: str, heads: Heads | str) -> Paper:
    """Reviewers were trained in a month such as 2026-10; ``heads`` is about how many."""
    return plain(Training(tuple(sorted(set(topics))), month, chosen(Heads, heads, "heads")))


def practice(topics: Iterable[str], document: bytes) -> Paper:
    """A document about what works, for the other members."""
    body = Practice(tuple(sorted(set(topics))), digest(document))
    return Paper(lambda _, __: body, documents=(document,))


def tally(
    month: str, checked: int, counts: Mapping[str, tuple[int, int, int]], quarantined: int | None = None
) -> Paper:
    """What became of uploads in a month: by label how many matched, were acted on, and were let stand.

    ``quarantined`` is how many entries a mirror put into quarantine.
    """
    # In the order of their spellings, as a set of lines is.
    lines = sorted(
        ((label, *numbers) for label, numbers in counts.items()), key=lambda one: " ".join(map(str, one))
    )
    return plain(Tally(month, checked, tuple(lines), quarantined))


def review(quarter: str, minutes: bytes, actions: Mapping[str, int]) -> Paper:
    """The member took part in the review of a quarter such as 2026Q4, and agrees to these actions.

    Each action has the time until which it is to be done, in Unix seconds.
    """
    agreed = sorted(actions.items(), key=lambda one: f"{one[0]} {one[1]}")
    body = Review(quarter, digest(minutes), tuple(agreed))
    return Paper(lambda _, __: body, documents=(minutes,))


def action_done(review: int, action: str, *, by: int | None = None) -> Paper:
    """An action that a review agreed on is done; ``by`` is the statement that did it."""
    return plain(ActionDone(review, action, by))
