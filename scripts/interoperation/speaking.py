"""A log with a statement of every kind, founded and governed as any: each statement has kept its rules.

`spoken` fails if a kind has no example here, so a new kind needs one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.demo.quarter.cast import DAY, LABELS, Cast, founded
from hashpact.domain.fingerprints import SHA256, Fingerprint, PrivatePart, commitment
from hashpact.domain.kinds import (
    KINDS,
    ActionDone,
    Appeal,
    AuthorityReply,
    CertRevoke,
    ClockMend,
    ContactConfirm,
    Decision,
    KeyResume,
    KeyRevoke,
    KeySuspend,
    MemberResume,
    MemberRoles,
    MemberSuspend,
    Methods,
    Notice,
    Policy,
    Practice,
    Question,
    ReceiptConfirm,
    Review,
    Root,
    Ruling,
    Tally,
    Training,
    Void,
    Withdraw,
)
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Channel, Heads, Judgement, Outcome, Point
from hashpact.domain.state import SERIAL_SIZE, Basis, Role, Stance
from hashpact.domain.statements import kind_of
from hashpact.log.cosignature import Witness
from hashpact.member.author import Reason
from hashpact.storage.ledgers import open_ledger

SEED: Final = 14
OWNER, OTHER, OFFICE, NOTIFIER = "acme-video", "lotus-forum", "cyber-office", "rights-watch"
"""Two platforms, an authority and a notifier of the cast."""


@dataclass(frozen=True, slots=True)
class SpokenLog:
    """The leaves, the first index of each kind, the private parts of leaves that have some, the log's key."""

    leaves: list[bytes]
    first: dict[str, int]
    private: dict[int, tuple[bytes, ...]]
    key: Ed25519PrivateKey


def spoken(directory: Path, now: int, witnesses: Iterable[Witness], more: int) -> SpokenLog:
    """A log of today, at ``now`` in Unix seconds, which these witnesses cosign, all of them.

    After a statement of every kind, submissions follow until it has ``more`` leaves. The ledger is in
    ``directory``, which is made. Raises LookupError for a kind without an example.
    """
    directory.mkdir(parents=True)
    with founded(directory, SEED, now - DAY) as cast:
        _govern(cast, tuple(sorted(witnesses, key=lambda one: one.key)))
        _share(cast)
        _follow_a_code(cast)
        with closing(open_ledger(directory / "hashpact.db")) as ledger:
            size = ledger.head().size
            leaves = [leaf.data for leaf in ledger.leaves(0, size)]
            private = {index: tuple(parts) for index, parts in ledger.private(0, size) if parts}
        first = {kind_of(leaf): size - 1 - index for index, leaf in enumerate(reversed(leaves))}
        if missing := sorted(KINDS.keys() - first.keys()):
            msg = f"no statement of the kinds {', '.join(missing)}: add one to {Path(__file__).name}"
            raise LookupError(msg)
        reason = Reason(frozenset({LABELS[0]}))
        for _ in range(size, more):
            submission = cast.authors[OTHER].submit([_fingerprint(cast)], reason)
            leaves.append(submission.statement)
        return SpokenLog(leaves, first, private, cast.seeded.key("log"))


def _govern(cast: Cast, witnesses: tuple[Witness, ...]) -> None:
    """Witnesses, roles, and what befalls keys, members and clocks; the log is founded already."""
    say, admins = cast.administrators.say, tuple(key for key, _ in cast.administrators.signers)
    log_key = cast.seeded.key("log").public_key().public_bytes_raw()
    say(Root(2, admins, 2, (log_key,), witnesses, len(witnesses)))
    say(Policy(2, LABELS, panel=(OWNER, OTHER), quorum=2, tally_step=100))
    say(MemberSuspend("coral-market", "asked-for"), MemberResume("coral-market", "asked-for"))
    say(MemberRoles("coral-market", frozenset({Role.CHECK}), "asked-for"))
    lost = cast.authors["delta-chat"].key.id
    say(KeySuspend("delta-chat", lost, "mislaid"), KeyResume("delta-chat", lost, "found"))
    since = cast.rotate("delta-chat").index
    say(KeyRevoke("delta-chat", lost, since + 1, "stolen"))
    say(CertRevoke("delta-chat", bytes([1] * SERIAL_SIZE), "stolen"))
    say(ClockMend("clock-was-ahead"))
    methods = b"Unlawful content is found by people who look.\n"
    say(Methods(hashlib.sha256(methods).digest()), documents=[methods])


def _share(cast: Cast) -> None:
    """Entries: one stands and is endorsed, one is withdrawn, one is struck."""
    by_law = Reason(frozenset(LABELS[:2]), Basis.LAW, OFFICE, "decree-15-5", frozenset({"DE", "VN"}))
    kept, gone, struck = (
        cast.append(OWNER, cast.authors[OWNER].submit([_fingerprint(cast) for _ in range(2)], by_law)).index
        for _ in range(3)
    )
    cast.append(OTHER, cast.authors[OTHER].opinion(kept, Stance.ENDORSE, "seen-too"))
    cast.says(OWNER, Withdraw(gone, "mistaken"))
    cast.administrators.say(Void(struck, "satire"))


def _follow_a_code(cast: Cast) -> None:
    """A notice with what follows from it, and what is reported."""
    sought, why = _sought(cast), cast.words(reference="case 14", explanation="see the reference")
    law, items = (Basis.LAW, OFFICE, "decree-15-5"), (commitment(sought),)
    body = Notice((OTHER,), None, LABELS[:1], *law, Channel.AUTHORITY, "authority", items, commitment(why))
    notice = cast.says(OFFICE, body, [sought, why]).index
    cast.says(OTHER, ContactConfirm(Point.NOTICES))
    cast.says(OTHER, ReceiptConfirm(notice))
    judged = (Judgement.NO_BREACH, None, Judgement.NO_BREACH, None)
    decision = cast.says(OTHER, Decision(notice, Outcome.KEPT, *judged, None, None, None)).index
    cast.says(OFFICE, AuthorityReply(decision, "explained"))
    asked = cast.words(explanation="which article applies?")
    cast.says(OTHER, Question(OFFICE, notice, "which-article", commitment(asked)), [asked])
    appeal = cast.says(NOTIFIER, Appeal(None, decision, "satire")).index
    cast.says(OTHER, Ruling(appeal, AppealOutcome.REJECTED, None, "looked-again"))
    cast.says(OTHER, Training(("children", "fraud"), "2026-10", Heads.FEW))
    cast.says(OTHER, Tally("2026-10", 100_000, ((LABELS[0], 300, 200, 100),)))
    document = b"What works: look at the account before the picture.\n"
    digest = hashlib.sha256(document).digest()
    cast.says(OTHER, Practice(("review",), digest), documents=[document])
    review = cast.says(OTHER, Review("2026Q3", digest, (("train-reviewers", 0),)), documents=[document]).index
    cast.says(OTHER, ActionDone(review, "train-reviewers", None))


def _fingerprint(cast: Cast) -> Fingerprint:
    return Fingerprint(SHA256, cast.seeded(32))


def _sought(cast: Cast) -> bytes:
    return PrivatePart(_fingerprint(cast).shared(), cast.seeded(32)).text()
