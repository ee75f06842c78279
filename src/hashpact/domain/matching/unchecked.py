"""What stands in place of an answer if nothing was checked."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from hashpact.domain.attestation import AttestedAnswer
from hashpact.domain.checks import Answer, Lag, Match
from hashpact.errors import HashpactError


class Unchecked(Answer):
    """What stands in place of an answer if nothing was checked, and the ``error`` that says why.

    It has no matches, which is something else than having found none: ``matches`` and whatever depends on
    them raise an error of the same class.
    """

    __slots__ = ("error",)
    checked: ClassVar[bool] = False
    error: HashpactError

    def __init__(self, error: HashpactError) -> None:
        # Without the traceback, whose frames keep content and fingerprints in memory.
        object.__setattr__(self, "error", type(error)(error.message, **error.details))

    @property
    def matches(self) -> tuple[Match, ...]:
        """Raises the error."""
        return self._none()

    @property
    def position(self) -> int:
        """Raises the error."""
        return self._none()

    @property
    def truncated(self) -> bool:
        """Raises the error."""
        return self._none()

    @property
    def texts(self) -> bytes | None:
        """Raises the error."""
        return self._none()

    @property
    def attestation(self) -> AttestedAnswer | None:
        """Raises the error."""
        return self._none()

    @property
    def lag(self) -> Lag | None:
        """Raises the error."""
        return self._none()

    @property
    def held(self) -> tuple[Match, ...]:
        """Raises the error."""
        return self._none()

    def _none(self) -> NoReturn:
        msg = f"nothing was checked: {self.error.message}"
        raise type(self.error)(msg, **self.error.details)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<Unchecked: {self.error.code}>"

    def __reduce__(self) -> tuple[type[Unchecked], tuple[HashpactError]]:
        return Unchecked, (self.error,)
