"""Papers: what a member is about to state under the code of conduct, complete and not signed yet.

Each function checks what a caller gives, and names every field that is missing at once. What is free text
becomes words, which the log only commits to.
"""

from __future__ import annotations

from hashpact.member.author import Paper
from hashpact.member.papers.notices import (
    appeal,
    contact,
    contact_confirmed,
    decision,
    notice,
    question,
    receipt_confirmed,
    reply,
    ruling,
)
from hashpact.member.papers.reports import action_done, practice, review, tally, training

__all__ = [
    "Paper",
    "action_done",
    "appeal",
    "contact",
    "contact_confirmed",
    "decision",
    "notice",
    "practice",
    "question",
    "receipt_confirmed",
    "reply",
    "review",
    "ruling",
    "tally",
    "training",
]
