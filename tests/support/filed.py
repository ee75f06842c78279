"""Statements of the code of conduct for random streams: each follows from a number and the state."""

from __future__ import annotations

import hashlib
from typing import Final

from builders import LABELS, fingerprint, private_part, seeded
from noticing import decision, notice

from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds import (
    ActionDone,
    AnyBody,
    Appeal,
    AuthorityReply,
    Contact,
    ContactConfirm,
    Methods,
    Practice,
    Question,
    ReceiptConfirm,
    Review,
    Ruling,
    Tally,
    Training,
)
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Heads, Outcome, Point
from hashpact.domain.kinds.conduct.words import Words
from hashpact.domain.state import CLOCKS, Basis, State

DOCUMENT: Final = b"a document\n"
"""What every statement names that names a document."""
_DIGEST: Final = hashlib.sha256(DOCUMENT).digest()
_DAY: Final = 24 * 3600


def filed(kind: str, number: int, state: State, now: int, member: str) -> tuple[AnyBody, list[bytes]]:
    """A statement of that kind, and its private parts."""
    if kind == "contact":
        point = Point.NOTICES if number % 3 else list(Point)[number // 3 % 4]
        words = Words(seeded(f"nonce {number}"), address="desk@example.org").text()
        until = now + (1 + number // 7 % 300) * _DAY
        return Contact(point, now, until, ("vi",), ("always",), None, commitment(words)), [words]
    if kind == "notice":
        return _notice(number, state, member)
    if kind == "question":
        words = Words(seeded(f"nonce {number}"), explanation="why?").text()
        return Question(member, None, "which-article", commitment(words)), [words]
    return _short(kind, number, state), []


def about(body: AnyBody, state: State) -> str | None:
    """The member that a statement is mostly made by: an addressee, or whose entry or decision it is about."""
    index = getattr(body, "notice", None) if body.kind in {"decision", "receipt-confirm"} else None
    found = state.filing(index) if index is not None else None
    if found is not None and found.kind == "notice":
        return found.lines.decode().partition("\n")[0].removeprefix("to ")
    if isinstance(body, Ruling):
        appeal = state.filing(body.appeal)
        if appeal is not None and appeal.kind == "appeal":
            of = state.entry(int(appeal.about)) or state.filing(int(appeal.about))
            return None if of is None else of.member
    return None


def _notice(number: int, state: State, member: str) -> tuple[AnyBody, list[bytes]]:
    words = Words(seeded(f"nonce {number}"), reference="case 7", explanation="xem hình").text()
    item = private_part(fingerprint(SHA256, f"sought {number}"))
    reached = [one.member for one in state.filed.values() if (one.kind, one.about) == ("contact", "notices")]
    if reached and number % 8:
        member = reached[-1 - number // 3 % min(len(reached), 3)]
    entries = list(state.entries)
    law = number % 5 == 0
    about_entry = bool(entries) and number % 2 == 0
    body = notice(
        member,
        entry=entries[number // 16 % len(entries)] if about_entry else None,
        labels=(LABELS[number // 5 % 3],),
        basis=Basis.LAW if law else Basis.GUIDELINE,
        authority="acme" if law else None,
        article="art-16" if law else None,
        clock=sorted(CLOCKS)[number // 7 % len(CLOCKS)],
        items=() if about_entry else (commitment(item),),
        words=commitment(words),
    )
    return body, [words] if about_entry else [item, words]


def _short(kind: str, number: int, state: State) -> AnyBody:
    """A statement without private parts."""

    def one_of(wanted: str, otherwise: int = 3) -> int:
        found = [index for index, filing in state.filed.items() if filing.kind == wanted]
        return found[number // 16 % len(found)] if found else otherwise

    entries = list(state.entries) or [4]
    entry = entries[number // 16 % len(entries)]
    appeal = one_of("appeal")
    upheld = number % 3 == 0
    appealed = state.filing(appeal)
    subject = int(appealed.about) if appealed is not None and appealed.about.isdigit() else None
    ends = subject if upheld and subject in state.entries else None
    outcome = AppealOutcome.UPHELD if upheld else AppealOutcome.REJECTED
    against = Appeal(entry, None, "mistake") if number % 2 else Appeal(None, one_of("decision"), "satire")
    bodies: dict[str, AnyBody] = {
        "contact-confirm": ContactConfirm(Point.NOTICES if number % 3 else Point.KEYS),
        "receipt-confirm": ReceiptConfirm(one_of("notice")),
        "decision": decision(one_of("notice"), list(Outcome)[number // 3 % 5]),
        "appeal": against,
        "ruling": Ruling(appeal, outcome, ends, "looked-again"),
        "reply": AuthorityReply(one_of("question" if number % 2 else "decision"), "answered"),
        "methods": Methods(_DIGEST),
        "training": Training(("children",), f"2027-0{1 + number % 9}", list(Heads)[number % 4]),
        "practice": Practice(("review",), _DIGEST),
        "tally": Tally("2027-01", number, ((LABELS[number % 3], number, number // 2, number // 3),)),
        "review": Review("2026Q4", _DIGEST, (("train", number % 9),)),
        "action-done": ActionDone(one_of("review"), "train", None if number % 2 else 0),
    }
    return bodies[kind]
