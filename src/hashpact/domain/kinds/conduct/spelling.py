"""The lines of the kinds of the code of conduct: how each field is spelled, and its bounds."""

from __future__ import annotations

import enum
from typing import Final

from hashpact.domain.grammar import SLUG, Decimal, Field, Spelling, Word
from hashpact.domain.kinds.lines import (
    HASH,
    MAX_ITEMS,
    MAX_TAXONOMY,
    MEMBER_ID,
    SECONDS,
    TERM,
    OneOf,
    Pair,
)

MAX_ADDRESSEES: Final = 16
"""Members that one notice is for."""
MAX_ACTIONS: Final = 32
"""Actions that one review agrees on."""
MAX_SLUGS: Final = 16
"""Languages, hours or topics of one statement."""


class Point(enum.Enum):
    """What a contact point is for."""

    APPEALS = "appeals"
    KEYS = "keys"
    NOTICES = "notices"
    PRESS = "press"


class Channel(enum.Enum):
    """On whose behalf a notice is given."""

    AUTHORITY = "authority"
    CIVIL_SOCIETY = "civil-society"
    FLAGGER = "flagger"
    USER = "user"


class Outcome(enum.Enum):
    """What an addressee has done about a notice."""

    REMOVED = "removed"
    RESTRICTED = "restricted"
    KEPT = "kept"
    INVALID = "invalid"
    DISPUTED = "disputed"

    @property
    def acted(self) -> bool:
        """Whether the content is no longer shown as before."""
        return self in {Outcome.REMOVED, Outcome.RESTRICTED}


class Judgement(enum.Enum):
    """The result of judging content by a set of rules."""

    BREACH = "breach"
    NO_BREACH = "no-breach"
    NOT_JUDGED = "not-judged"


class AppealOutcome(enum.Enum):
    """The result of an appeal."""

    UPHELD = "upheld"
    REJECTED = "rejected"


class Heads(enum.Enum):
    """About how many people took part."""

    FEW = "1-9"
    SOME = "10-49"
    MANY = "50-199"
    MOST = "200-or-more"


class Counted(Spelling[tuple[str, int, int, int]]):
    """A label, and how many uploads matched under it, were acted on and were let stand."""

    pattern = f"(?:{TERM.pattern})" + "(?: (?:0|[1-9][0-9]{0,18})){3}"
    wanted = "a label and three numbers: uploads that matched, were acted on, and were let stand"

    def value(self, text: str) -> tuple[str, int, int, int]:
        """The label and the numbers."""
        label, *numbers = text.split(" ")
        matched, acted, stood = map(_NUMBER.read, numbers)
        return TERM.read(label), matched, acted, stood

    def write(self, value: tuple[str, int, int, int]) -> str:
        """Its one spelling."""
        label, *numbers = value
        return " ".join([TERM.write(label), *map(_NUMBER.write, numbers)])


_NUMBER: Final = Decimal()
_INDEX: Final = Decimal()
_LANGUAGE: Final = Word("[a-z]{2,3}", "a language such as vi or en (ISO 639)")
_HOURS: Final = Word(
    "(?=[a-z0-9-]{1,64}(?![a-z0-9-]))" + SLUG.pattern, "hours as a slug, such as mon-fri-0800-1700 or always"
)

POINT: Final = Field("point", OneOf(Point))
VALID_FROM: Final = Field("from", SECONDS)
VALID_TO: Final = Field("to", SECONDS)
LANGUAGES: Final = Field("language", _LANGUAGE, 1, MAX_SLUGS, ascending=True)
HOURS: Final = Field("hours", _HOURS, 1, MAX_SLUGS, ascending=True)
PROCEDURE: Final = Field("procedure", HASH, 0, 1)
WORDS: Final = Field("words", HASH)
MORE_WORDS: Final = Field("words", HASH, 0, 1)

ADDRESSEES: Final = Field("to", MEMBER_ID, 1, MAX_ADDRESSEES, ascending=True)
ADDRESSEE: Final = Field("to", MEMBER_ID)
ABOUT_ENTRY: Final = Field("entry", _INDEX, 0, 1)
ABOUT_DECISION: Final = Field("decision", _INDEX, 0, 1)
ABOUT_NOTICE: Final = Field("notice", _INDEX, 0, 1)
SOUGHT: Final = Field("item", HASH, 0, MAX_ITEMS)
CHANNEL: Final = Field("channel", OneOf(Channel))
URGENCY: Final = Field("clock", TERM)
NOTICE: Final = Field("notice", _INDEX)
OUTCOME: Final = Field("outcome", OneOf(Outcome))
GUIDELINES: Final = Field("guidelines", OneOf(Judgement))
CLAUSE: Final = Field("clause", TERM, 0, 1)
LAW: Final = Field("law", OneOf(Judgement))
ACTED: Final = Field("acted", SECONDS, 0, 1)
NOTIFIED: Final = Field("notified", SECONDS, 0, 1)
NOTIFIED_BY: Final = Field("notified-by", TERM, 0, 1)

APPEAL: Final = Field("appeal", _INDEX)
APPEAL_OUTCOME: Final = Field("outcome", OneOf(AppealOutcome))
RULED_ENTRY: Final = Field("entry", _INDEX, 0, 1)
ANSWERED: Final = Field("about", _INDEX)

DOCUMENT: Final = Field("document", HASH)
TOPICS: Final = Field("topic", TERM, 1, MAX_SLUGS, ascending=True)
_MONTH: Final = Word("[0-9]{4}-(?:0[1-9]|1[0-2])", "a month such as 2026-10")
_QUARTER: Final = Word("[0-9]{4}Q[1-4]", "a quarter such as 2026Q4")
MONTH: Final = Field("month", _MONTH)
HEADS: Final = Field("heads", OneOf(Heads))
CHECKED: Final = Field("checked", _NUMBER)
COUNTED: Final = Field("count", Counted(), 0, MAX_TAXONOMY, ascending=True)
QUARANTINED: Final = Field("quarantined", _NUMBER, 0, 1)
QUARTER: Final = Field("quarter", _QUARTER)
MINUTES: Final = Field("minutes", HASH)
ACTIONS: Final = Field(
    "action",
    Pair(TERM, SECONDS, "what is to be done as a slug, and until when in Unix seconds"),
    0,
    MAX_ACTIONS,
    ascending=True,
)
REVIEW: Final = Field("review", _INDEX)
ACTION: Final = Field("action", TERM)
DONE_BY: Final = Field("by", _INDEX, 0, 1)
