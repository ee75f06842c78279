"""The lines of statements: how each field of any kind is spelled, and its bounds."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from hashpact.domain.fingerprints import TYPE_NAME
from hashpact.domain.grammar import SLUG, Decimal, Field, Hex, Spelling, Word
from hashpact.domain.keys import NamedKey
from hashpact.domain.state import SERIAL_SIZE, Basis, Role, Stance, Use
from hashpact.errors import MalformedError
from hashpact.log import note
from hashpact.log.cosignature import MLDSA44, Witness

MAX_ITEMS: Final = 256
MAX_LABELS: Final = 8
MAX_TAXONOMY: Final = 64
"""Labels of a policy."""
MAX_ADMINS: Final = note.MAX_SIGNATURES - 1
"""The most administrators: all of them and the key itself can sign a key's enrolment."""
MAX_WITNESSES: Final = note.MAX_SIGNATURES - 1
"""The most witnesses: a checkpoint has room for all their cosignatures and the log's signature."""
MAX_OVERLAP: Final = 30 * 24 * 3600
"""Seconds for which a replaced key may stay valid beside its successor."""
MAX_DELAY: Final = 30 * 24 * 3600
"""Seconds for which a policy may keep a newly enrolled key waiting."""

MAX_ALLOWED: Final = 256
"""Pairs of a type and a label that a policy allows."""
MAX_QUOTAS: Final = 64
"""Members for which a policy has a quota of their own."""
MAX_CLOCK: Final = 366 * 24 * 3600
"""Seconds for which a clock of a policy may run."""
MAX_PANEL: Final = 32
"""Members of the panel of appeals."""
RATED: Final = (
    *("action-done", "appeal", "cert-revoke", "check", "contact", "contact-confirm", "decision"),
    *("key-revoke", "key-rotate", "key-suspend", "member-suspend", "notice", "opinion", "practice"),
    *("question", "receipt-confirm", "reply", "review", "ruling", "submit", "tally", "training", "withdraw"),
)
"""What a policy bounds by the minute: the kinds of statements that members make, and queries of checks."""

Choice = TypeVar("Choice", bound=enum.Enum)
One = TypeVar("One")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class OneOf(Spelling[Choice]):
    """One of an enumeration's values, any ``but`` that one."""

    choices: type[Choice]
    but: Choice | None = None

    @property
    def pattern(self) -> str:
        """The values, one or the other."""
        return "|".join(map(re.escape, self._values()))

    @property
    def wanted(self) -> str:
        """Which values there are."""
        return f"one of {', '.join(self._values())}"

    def value(self, text: str) -> Choice:
        """The member of the enumeration."""
        return self.choices(text)

    def write(self, value: Choice) -> str:
        """Its value."""
        return str(value.value)

    def _values(self) -> list[str]:
        return [choice.value for choice in self.choices if choice is not self.but]


class Yes(Spelling[bool]):
    """The word ``yes``, for a line that is there or not; its field is True or False."""

    pattern = "yes"
    wanted = "yes, or no such line"

    def value(self, text: str) -> bool:
        """True."""
        return text == self.pattern

    def write(self, value: bool) -> str:  # noqa: FBT001 - the value of the field
        """The word; False has none."""
        if not value:
            msg = f"want {self.wanted}"
            raise ValueError(msg)
        return self.pattern


@dataclass(frozen=True, slots=True)
class Pair(Spelling[tuple[One, Other]], Generic[One, Other]):
    """Two values with a space between them; the first has none in it. ``described`` says what to write."""

    first: Spelling[One]
    second: Spelling[Other]
    described: str = ""

    @property
    def pattern(self) -> str:
        """One pattern after the other."""
        return f"(?:{self.first.pattern}) (?:{self.second.pattern})"

    @property
    def wanted(self) -> str:
        """What both want."""
        return self.described or f"{self.first.wanted}, a space and {self.second.wanted}"

    def value(self, text: str) -> tuple[One, Other]:
        """The two values."""
        first, _, second = text.partition(" ")
        return self.first.read(first), self.second.read(second)

    def write(self, value: tuple[One, Other]) -> str:
        """Their one spelling."""
        return f"{self.first.write(value[0])} {self.second.write(value[1])}"


class WitnessKey(Spelling[Witness]):
    """The public key of a witness, as a C2SP verifier key."""

    pattern = r"[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*"
    wanted = "the verifier key of a witness, as hashpact witness new prints it"

    def value(self, text: str) -> Witness:
        """The witness."""
        try:
            return Witness.parse(text)
        except MalformedError as error:
            raise ValueError(error.message) from error

    def write(self, value: Witness) -> str:
        """Its one spelling."""
        return self.read(value.key).key


class LogMldsaKey(WitnessKey):
    """The ML-DSA-44 public key of a log, as a C2SP verifier key."""

    wanted = "an ML-DSA-44 verifier key of the log, as hashpact key new --mldsa prints it"

    def value(self, text: str) -> Witness:
        """The key."""
        key = super().value(text)
        if key.kind != MLDSA44:
            msg = f"want {self.wanted}"
            raise ValueError(msg)
        return key


class NamedKeyLine(Spelling[NamedKey]):
    """A key's name, a space, and the raw public key in hex."""

    pattern = r"(?=[^ ]{1,32} )" + SLUG.pattern + " [0-9a-f]{64}"
    wanted = "a name (1 to 32 lower-case letters, digits and single hyphens), a space and 64 hex digits"

    def value(self, text: str) -> NamedKey:
        """The key."""
        name, _, public = text.partition(" ")
        return NamedKey(name, bytes.fromhex(public))

    def write(self, value: NamedKey) -> str:
        """Its one spelling."""
        return f"{_NAME.write(value.name)} {HASH.write(value.public)}"


HASH: Final = Hex(32)
SECONDS: Final = Decimal()
_INDEX: Final = Decimal()
_NAME: Final = Word(
    "(?=[a-z0-9-]{1,32}(?![a-z0-9-]))" + SLUG.pattern,
    "1 to 32 lower-case letters, digits and single hyphens",
)
TERM: Final = Word(
    "(?=[a-z0-9-]{1,64}(?![a-z0-9-]))" + SLUG.pattern,
    "1 to 64 lower-case letters, digits and single hyphens",
)
MEMBER_ID: Final = Word("[a-z0-9-]{3,32}", "a member id: 3 to 32 lower-case letters, digits and hyphens")

ADMINS: Final = Field("admin", NamedKeyLine(), 1, MAX_ADMINS)
THRESHOLD: Final = Field("threshold", Decimal(1, MAX_ADMINS))
LOG_KEYS: Final = Field("log-key", HASH, 1, 4)
ATTESTATION_KEYS: Final = Field("attestation-key", HASH, 0, 4)
LOG_MLDSA_KEYS: Final = Field("log-mldsa-key", LogMldsaKey(), 0, 2, ascending=True)
WITNESSES: Final = Field("witness", WitnessKey(), 0, MAX_WITNESSES, ascending=True)
WITNESS_QUORUM: Final = Field("witness-quorum", Decimal(1, MAX_WITNESSES), 0, 1)
VERSION: Final = Field("version", Decimal(1))
TAXONOMY: Final = Field("label", TERM, 1, MAX_TAXONOMY, ascending=True)
KEY_DELAY: Final = Field("key-delay", Decimal(1, MAX_DELAY), 0, 1)
ALLOWED: Final = Field("allow", Pair(TYPE_NAME, TERM), 0, MAX_ALLOWED, ascending=True)
PRIVATE_QUOTA: Final = Field("private-quota", Decimal(1), 0, 1)
QUOTAS: Final = Field("private-quota-of", Pair(MEMBER_ID, Decimal(1)), 0, MAX_QUOTAS, ascending=True)
_KINDS: Final = f"kinds are {', '.join(RATED)}"
_RATE: Final = Pair(
    Word("|".join(RATED), _KINDS), Decimal(1), f"a kind and a number, such as 'check 600'; {_KINDS}"
)
RATES: Final = Field("rate", _RATE, 0, len(RATED), ascending=True)
_RATE_OF: Final = Pair(
    MEMBER_ID, _RATE, f"a member's id, a kind and a number, such as 'acme-video check 600'; {_KINDS}"
)
RATES_OF: Final = Field("rate-of", _RATE_OF, 0, MAX_QUOTAS * len(RATED), ascending=True)
_CLOCK: Final = Pair(TERM, Decimal(1, MAX_CLOCK), "a clock class and its seconds, such as 'urgent 21600'")
CLOCK_CLASSES: Final = Field("clock", _CLOCK, 0, MAX_TAXONOMY, ascending=True)
_PRIORITY: Final = Pair(TERM, TERM, "a label and the clock class that is its longest: 'minors vulnerable'")
PRIORITIES: Final = Field("priority", _PRIORITY, 0, MAX_TAXONOMY, ascending=True)
PANEL: Final = Field("panel", MEMBER_ID, 0, MAX_PANEL, ascending=True)
QUORUM: Final = Field("quorum", Decimal(2, MAX_PANEL), 0, 1)
TEXTS: Final = Field("texts", HASH, 0, 1)
TALLY_STEP: Final = Field("tally-step", Decimal(1), 0, 1)
BENIGN_BY: Final = Field("benign-by", MEMBER_ID, 0, MAX_QUOTAS, ascending=True)
MARK_BENIGN: Final = Field("mark-benign", Yes(), 0, 1)
_CEILING: Final = Pair(
    TERM, Pair(TYPE_NAME, Decimal()), "a label, a type and the most bits that differ: 'minors phash/1 4'"
)
CEILINGS: Final = Field("ceiling", _CEILING, 0, 2 * MAX_TAXONOMY, ascending=True)
ID: Final = Field("id", MEMBER_ID)
ROLES: Final = Field("role", OneOf(Role), 1, len(Role), ascending=True)
NAME: Final = Field("name", _NAME)
PUBLIC: Final = Field("public", HASH)
USE: Final = Field("use", OneOf(Use))
EXPIRES: Final = Field("expires", SECONDS)
OLD: Final = Field("old", HASH)
OVERLAP: Final = Field("overlap", Decimal(0, MAX_OVERLAP))
TARGET: Final = Field("target", HASH)
SERIAL: Final = Field("serial", Hex(SERIAL_SIZE))
CUTOFF: Final = Field("cutoff", _INDEX)
LABELS: Final = Field("label", TERM, 1, MAX_LABELS, ascending=True)
BASIS: Final = Field("basis", OneOf(Basis))
GROUND: Final = Field("basis", OneOf(Basis, Basis.BENIGN))
"""On which content is removed: of notices, and of entries that match."""
AUTHORITY: Final = Field("authority", MEMBER_ID, 0, 1)
ARTICLE: Final = Field("article", TERM, 0, 1)
JURISDICTIONS: Final = Field(
    "jurisdiction", Word("[A-Z]{2}", "two capital letters (ISO 3166-1)"), 0, 64, ascending=True
)
REMOVED: Final = Field("removed", SECONDS)
ITEMS: Final = Field("item", HASH, 1, MAX_ITEMS)
ENTRY: Final = Field("entry", _INDEX)
REASON: Final = Field("reason", TERM)
STANCE: Final = Field("stance", OneOf(Stance))
OPINION_REASON: Final = Field("reason", TERM, 0, 1)
REPLACE: Final = Field("replace", Yes(), 0, 1)
