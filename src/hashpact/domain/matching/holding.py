"""Held: why a match is kept apart from those that a member's own terms let through."""

from __future__ import annotations

import enum


class Held(enum.StrEnum):
    """Why a match is held back, by the member's own matching.toml.

    ``NEVER``: the file lists the entry's contributor under ``never``. ``DISABLED``: the upload is not among
    the share of uploads for which the entry's labels are enabled.
    """

    NEVER = "never"
    DISABLED = "disabled"

    @property
    def reason(self) -> str:
        """The same as a sentence."""
        if self is Held.NEVER:
            return "matching.toml lists this member under never."
        return "The labels of this entry are not enabled for this upload: see matching.toml."
