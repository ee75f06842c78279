"""What an audit finds, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many of how many leaves are done, then with the entries whose state is compared."""

MAX_FINDINGS: Final = 1000
"""Findings after which the rest of the log is not read, which bounds memory."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference from what the log's bytes add up to: its topic, and the leaf from which it holds.

    ``evidence`` are the bytes that show it, by the name of the file to keep them in. A ``fork`` is a history
    that contradicts one that the log has signed. For private parts, ``kind`` and ``member`` are those of the
    leaf's statement.
    """

    topic: str
    index: int | None
    message: str
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    kind: str | None = None
    member: str | None = None
    fork: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit. ``checkpoint`` is the newest signed one, None if nothing is signed yet.

    ``root`` is that of the tree of all ``size`` leaves; ``genesis`` the SHA-256 of leaf 0. ``counts`` are the
    statements by kind; ``newest`` is the moment of the newest one, in Unix seconds. Of so many
    ``administrators`` a ``threshold`` signs, as genesis and root have it in the end. ``withheld`` is whether
    private parts were left out because the reader may not have them. So many kept ``answers`` were compared,
    and so many attest positions ``ahead`` of a copy.
    """

    origin: str | None
    genesis: bytes
    size: int
    root: bytes
    checkpoint: bytes | None
    signed: int
    audited: int
    counts: Mapping[str, int]
    newest: int
    administrators: int
    threshold: int
    withheld: bool
    findings: tuple[Finding, ...]
    answers: int = 0
    ahead: int = 0
