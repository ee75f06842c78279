"""What a check of one piece of content found, as a platform uses it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashpact.domain.checks import Answer, Lag, Match, NearEntry
from hashpact.domain.matching.unchecked import Unchecked
from hashpact.errors import HashpactError
from hashpact.fingerprint.content import Fingerprinted
from hashpact.fingerprint.source import Content


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the check of one file, text or piece of bytes found.

    ``content`` is what was given. ``answer`` is the server's, or an `Unchecked` if there is none. ``made``
    has the fingerprints of the content, to share them later, and which types were refused and why; it is None
    if the content could not be read.
    """

    content: Content = field(repr=False)
    answer: Answer
    made: Fingerprinted | None

    @property
    def checked(self) -> bool:
        """Whether the content was checked. Only then do empty ``entries`` say that there are none."""
        return self.answer.checked

    @property
    def error(self) -> HashpactError | None:
        """Why nothing was checked; None if it was."""
        return self.answer.error if isinstance(self.answer, Unchecked) else None

    @property
    def entries(self) -> tuple[NearEntry, ...]:
        """The entries that the content may be a copy of, the nearest first. Raises ``error``, if any."""
        return self.answer.entries

    @property
    def matches(self) -> tuple[Match, ...]:
        """Every match, the nearest first: of an entry one by each type. Raises ``error`` if there is one."""
        return self.answer.matches

    @property
    def held(self) -> tuple[Match, ...]:
        """The matches that the member's own terms hold back, each with why. Raises ``error``, if any."""
        return self.answer.held

    @property
    def position(self) -> int:
        """The tree size that the answer reflects. Raises ``error`` if there is one."""
        return self.answer.position

    @property
    def truncated(self) -> bool:
        """Whether there may be further matches, as `Answer` has it. Raises ``error`` if there is one."""
        return self.answer.truncated

    @property
    def lag(self) -> Lag | None:
        """How old the copy of the log is, if a mirror has answered. Raises ``error`` if there is one."""
        return self.answer.lag

    @property
    def texts(self) -> bytes | None:
        """The SHA-256 of what explains the labels, if there are matches. Raises ``error`` if there is one."""
        return self.answer.texts

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """The types that this content cannot have, each with the reason: it was not checked by them."""
        return () if self.made is None else self.made.refused

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the content could not be read as, and which of it was read otherwise than it seems."""
        return () if self.made is None else self.made.warnings
