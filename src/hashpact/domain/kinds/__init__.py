"""The kinds of statements: one declaration each, and the table of them all.

To add a kind, declare it below `Body` in the file of its subject, add it to `AnyBody`, and describe its bytes
in docs/formats/statement.md, with an example. The grammar, who may make it, the words of ``statement show``
and ``log show``, what followers of the log make of it, and the lists of kinds in the tests follow from the
declaration; what the log may hold is in the rules (`hashpact.domain.rules`).
"""

from __future__ import annotations

import typing
from typing import Any, Final, TypeAlias

from hashpact.domain.grammar import Field
from hashpact.domain.kinds.body import ADMIN, Body, Case, Signers, Touches, check_threshold, lines_of, utc
from hashpact.domain.kinds.conduct import (
    ActionDone,
    Appeal,
    AuthorityReply,
    Contact,
    ContactConfirm,
    Decision,
    Methods,
    Notice,
    Practice,
    Question,
    ReceiptConfirm,
    Review,
    Ruling,
    Tally,
    Training,
)
from hashpact.domain.kinds.entries import GiveOpinion, Submit, Void, Withdraw, unknown_label
from hashpact.domain.kinds.governing import (
    ClockMend,
    Genesis,
    MemberEnrol,
    MemberResume,
    MemberRoles,
    MemberSuspend,
    Root,
)
from hashpact.domain.kinds.keyring import (
    MAX_KEY_LIFE,
    MAX_REVOKED,
    MAX_ROTATIONS,
    ROTATION_WINDOW,
    CertRevoke,
    KeyEnrol,
    KeyResume,
    KeyRevoke,
    KeyRotate,
    KeySuspend,
)
from hashpact.domain.kinds.lines import (
    ENTRY,
    EXPIRES,
    GROUND,
    HASH,
    ID,
    JURISDICTIONS,
    LABELS,
    LOG_KEYS,
    LOG_MLDSA_KEYS,
    MAX_ADMINS,
    MAX_ALLOWED,
    MAX_DELAY,
    MAX_ITEMS,
    MAX_LABELS,
    MAX_OVERLAP,
    MAX_TAXONOMY,
    MAX_WITNESSES,
    MEMBER_ID,
    NAME,
    REASON,
    ROLES,
    SECONDS,
    STANCE,
    TERM,
    USE,
    WITNESSES,
    NamedKeyLine,
)
from hashpact.domain.kinds.policy import Policy

AnyBody: TypeAlias = (
    Genesis
    | Root
    | Policy
    | MemberEnrol
    | MemberSuspend
    | MemberResume
    | MemberRoles
    | KeyEnrol
    | KeyRotate
    | KeySuspend
    | KeyResume
    | KeyRevoke
    | CertRevoke
    | Submit
    | Withdraw
    | GiveOpinion
    | Void
    | ClockMend
    | Contact
    | ContactConfirm
    | Notice
    | ReceiptConfirm
    | Decision
    | Appeal
    | Ruling
    | Question
    | AuthorityReply
    | Methods
    | Training
    | Practice
    | Tally
    | Review
    | ActionDone
)

KINDS: Final[dict[str, type[AnyBody]]] = {body.kind: body for body in typing.get_args(AnyBody)}


def fields_of(kind: str) -> tuple[Field[Any], ...]:
    """The lines of a kind, in order."""
    return lines_of(KINDS[kind])


__all__ = [
    "ADMIN",
    "ENTRY",
    "EXPIRES",
    "GROUND",
    "HASH",
    "ID",
    "JURISDICTIONS",
    "KINDS",
    "LABELS",
    "LOG_KEYS",
    "LOG_MLDSA_KEYS",
    "MAX_ADMINS",
    "MAX_ALLOWED",
    "MAX_DELAY",
    "MAX_ITEMS",
    "MAX_KEY_LIFE",
    "MAX_LABELS",
    "MAX_OVERLAP",
    "MAX_REVOKED",
    "MAX_ROTATIONS",
    "MAX_TAXONOMY",
    "MAX_WITNESSES",
    "MEMBER_ID",
    "NAME",
    "REASON",
    "ROLES",
    "ROTATION_WINDOW",
    "SECONDS",
    "STANCE",
    "TERM",
    "USE",
    "WITNESSES",
    "ActionDone",
    "AnyBody",
    "Appeal",
    "AuthorityReply",
    "Body",
    "Case",
    "CertRevoke",
    "ClockMend",
    "Contact",
    "ContactConfirm",
    "Decision",
    "Genesis",
    "GiveOpinion",
    "KeyEnrol",
    "KeyResume",
    "KeyRevoke",
    "KeyRotate",
    "KeySuspend",
    "MemberEnrol",
    "MemberResume",
    "MemberRoles",
    "MemberSuspend",
    "Methods",
    "NamedKeyLine",
    "Notice",
    "Policy",
    "Practice",
    "Question",
    "ReceiptConfirm",
    "Review",
    "Root",
    "Ruling",
    "Signers",
    "Submit",
    "Tally",
    "Touches",
    "Training",
    "Void",
    "Withdraw",
    "check_threshold",
    "fields_of",
    "unknown_label",
    "utc",
]
