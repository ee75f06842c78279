"""Hashpact: a clearinghouse where platforms share fingerprints of content they have removed.

What an integration needs has its name here; every other module may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashpact.domain.attestation import Attestation, AttestedAnswer
    from hashpact.domain.checks import Answer, Filter, Lag, Match, NearEntry, Query
    from hashpact.domain.conduct.answers import (
        AppealDetail,
        ContactDetail,
        FiledDetail,
        MattersRequest,
        NoticeChange,
        NoticeDetail,
        ReplyDetail,
    )
    from hashpact.domain.conduct.clocks import Standing
    from hashpact.domain.conduct.watching import WatchPlace
    from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType
    from hashpact.domain.matching.strength import Strength
    from hashpact.domain.matching.unchecked import Unchecked
    from hashpact.domain.matching.views import DERIVED, PictureView
    from hashpact.domain.messages import ChangedEntries, EntryDetail, LeafDetail, MemberDetail, Submission
    from hashpact.domain.state import Basis, Entry, Key, Member, Opinion, Receipt, Role, Stance
    from hashpact.errors import (
        AlreadySharedError,
        BadSignatureError,
        BehindError,
        CertificateError,
        ClockSkewError,
        CommitFailedError,
        ConfigError,
        ConflictError,
        CorruptError,
        DeadlineError,
        ElsewhereError,
        ForkError,
        HashpactError,
        InvalidInputError,
        LaggingError,
        LogKeyError,
        MalformedError,
        MissingSignatureError,
        NotFoundError,
        NotPermittedError,
        OverloadedError,
        ProofError,
        QuorumError,
        RequestReusedError,
        StoppingError,
        UnauthenticatedError,
        UnavailableError,
        UnknownKeyError,
        UnknownLabelError,
        UnusableContentError,
        UnusableFingerprintError,
    )
    from hashpact.fingerprint.content import Fingerprinted, fingerprints_of, fingerprints_of_text
    from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
    from hashpact.member import papers
    from hashpact.member.author import Author, Paper, Reason
    from hashpact.member.awaiting import AsyncClient
    from hashpact.member.checking.circuit import Circuit, CircuitState
    from hashpact.member.checking.options import CheckOptions, ContentOptions, OnUnavailable
    from hashpact.member.checking.results import CheckResult
    from hashpact.member.clients import Client
    from hashpact.member.profile import Profile, ProfileWarning
    from hashpact.member.trusting.answers import AnswerStore
    from hashpact.member.trusting.proving import ProvedEntry
    from hashpact.mirror.alarms import Alarm
    from hashpact.mirror.local import Mirror, MirrorWarning
    from hashpact.mirror.retro.matching import RetroMatch, RetroRun

    __version__: str
    """The version of the package that is installed."""

__all__ = [
    "DERIVED",
    "TYPES",
    "Alarm",
    "AlreadySharedError",
    "Answer",
    "AnswerStore",
    "AppealDetail",
    "AsyncClient",
    "Attestation",
    "AttestedAnswer",
    "Author",
    "BadSignatureError",
    "Basis",
    "BehindError",
    "CertificateError",
    "ChangedEntries",
    "CheckOptions",
    "CheckResult",
    "Checkpoint",
    "Circuit",
    "CircuitState",
    "Client",
    "ClockSkewError",
    "CommitFailedError",
    "ConfigError",
    "ConflictError",
    "ContactDetail",
    "ContentOptions",
    "CorruptError",
    "DeadlineError",
    "ElsewhereError",
    "Entry",
    "EntryDetail",
    "FiledDetail",
    "Filter",
    "Fingerprint",
    "FingerprintType",
    "Fingerprinted",
    "ForkError",
    "HashpactError",
    "InvalidInputError",
    "Key",
    "Lag",
    "LaggingError",
    "LeafDetail",
    "LogKeyError",
    "MalformedError",
    "Match",
    "MattersRequest",
    "Member",
    "MemberDetail",
    "Mirror",
    "MirrorWarning",
    "MissingSignatureError",
    "NearEntry",
    "NotFoundError",
    "NotPermittedError",
    "NoticeChange",
    "NoticeDetail",
    "OnUnavailable",
    "Opinion",
    "OverloadedError",
    "Paper",
    "PictureView",
    "Profile",
    "ProfileWarning",
    "ProofError",
    "ProvedEntry",
    "Query",
    "QuorumError",
    "Reason",
    "Receipt",
    "ReplyDetail",
    "RequestReusedError",
    "RetroMatch",
    "RetroRun",
    "Role",
    "SignedCheckpoint",
    "Stance",
    "Standing",
    "StoppingError",
    "Strength",
    "Submission",
    "UnauthenticatedError",
    "UnavailableError",
    "Unchecked",
    "UnknownKeyError",
    "UnknownLabelError",
    "UnusableContentError",
    "UnusableFingerprintError",
    "WatchPlace",
    "__version__",
    "fingerprints_of",
    "fingerprints_of_text",
    "papers",
]

_HOMES = {
    "hashpact.domain.attestation": ("AttestedAnswer", "Attestation"),
    "hashpact.domain.checks": ("Answer", "Filter", "Lag", "Match", "NearEntry", "Query"),
    "hashpact.domain.matching.unchecked": ("Unchecked",),
    "hashpact.domain.conduct.answers": (
        *("AppealDetail", "ContactDetail", "FiledDetail", "MattersRequest", "NoticeChange", "NoticeDetail"),
        "ReplyDetail",
    ),
    "hashpact.domain.conduct.clocks": ("Standing",),
    "hashpact.domain.conduct.watching": ("WatchPlace",),
    "hashpact.domain.fingerprints": ("TYPES", "Fingerprint", "FingerprintType"),
    "hashpact.domain.messages": ("ChangedEntries", "EntryDetail", "LeafDetail", "MemberDetail", "Submission"),
    "hashpact.domain.state": ("Basis", "Entry", "Key", "Member", "Opinion", "Receipt", "Role", "Stance"),
    "hashpact.domain.matching.strength": ("Strength",),
    "hashpact.domain.matching.views": ("DERIVED", "PictureView"),
    "hashpact.fingerprint.content": ("Fingerprinted", "fingerprints_of", "fingerprints_of_text"),
    "hashpact.log.checkpoint": ("Checkpoint", "SignedCheckpoint"),
    "hashpact.member.author": ("Author", "Paper", "Reason"),
    "hashpact.member.awaiting": ("AsyncClient",),
    "hashpact.member.checking.circuit": ("Circuit", "CircuitState"),
    "hashpact.member.checking.options": ("CheckOptions", "ContentOptions", "OnUnavailable"),
    "hashpact.member.checking.results": ("CheckResult",),
    "hashpact.member.clients": ("Client",),
    "hashpact.member.profile": ("Profile", "ProfileWarning"),
    "hashpact.member.trusting.answers": ("AnswerStore",),
    "hashpact.member.trusting.proving": ("ProvedEntry",),
    "hashpact.mirror.alarms": ("Alarm",),
    "hashpact.mirror.local": ("Mirror", "MirrorWarning"),
    "hashpact.mirror.retro.matching": ("RetroMatch", "RetroRun"),
}
"""Where each public name is defined; those of errors end in Error."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: gRPC takes a while, and not every user needs it."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - late: it costs more than all of this

        return version("hashpact")
    homes = (home for home, names in _HOMES.items() if name in names)
    if name == "papers":
        return import_module("hashpact.member.papers")
    home = "hashpact.errors" if name.endswith("Error") else next(homes, None)
    if home is None or name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
