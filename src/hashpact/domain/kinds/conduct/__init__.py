"""The kinds of the code of conduct: contact points, notices, decisions, appeals, and what is reported."""

from __future__ import annotations

from hashpact.domain.kinds.conduct.appeals import Appeal, AuthorityReply, Question, Ruling
from hashpact.domain.kinds.conduct.contacts import Contact, ContactConfirm
from hashpact.domain.kinds.conduct.notices import Decision, Notice, ReceiptConfirm
from hashpact.domain.kinds.conduct.review import ActionDone, Methods, Practice, Review, Tally, Training

__all__ = [
    "ActionDone",
    "Appeal",
    "AuthorityReply",
    "Contact",
    "ContactConfirm",
    "Decision",
    "Methods",
    "Notice",
    "Practice",
    "Question",
    "ReceiptConfirm",
    "Review",
    "Ruling",
    "Tally",
    "Training",
]
