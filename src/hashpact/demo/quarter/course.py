"""The course of the played quarter: what happens when, drawn from a seed.

Events lie on a heap by their times. One that has a consequence, such as the decision on a notice, puts it
there. Rates and delays are invented; nothing is a statement about a real platform or authority.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from hashpact.demo.quarter.cast import AUTHORITIES, DAY, LABELS, NOTIFIERS, PANEL, PLATFORMS, Cast
from hashpact.domain.fingerprints import SHA256, Fingerprint
from hashpact.domain.kinds import (
    ActionDone,
    Appeal,
    AuthorityReply,
    Decision,
    Notice,
    Practice,
    Question,
    ReceiptConfirm,
    Review,
    Ruling,
    Tally,
    Training,
    Withdraw,
)
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Channel, Heads, Judgement, Outcome
from hashpact.domain.kinds.keyring import KeyRevoke
from hashpact.domain.state import Basis, Stance
from hashpact.errors import HashpactError
from hashpact.member.author import Reason
from hashpact.report.quarter import Quarter

_HOUR: Final = 3600
_ENTRIES: Final = 6.0
"""Entries that a platform shares in a day, on average."""
_NOTICES: Final = 9.0
"""Notices in a day, on average."""
_SPEED: Final = dict(zip(PLATFORMS, (5.0, 9.0, 7.0, 4.0, 11.0, 26.0), strict=True))
"""Hours until a platform decides, on average. The last one misses its clocks often."""
_ARTICLES: Final = {"hate": "decree-15-5", "incitement": "decree-15-2", "terrorism": "penal-code-299"}
_OUTCOMES: Final = (
    *(Outcome.REMOVED,) * 13,
    *(Outcome.RESTRICTED,) * 2,
    *(Outcome.KEPT,) * 3,
    *(Outcome.INVALID, Outcome.DISPUTED),
)

_Event: TypeAlias = tuple[int, int, Callable[[], object]]
"""When something happens, its number, and what. At one time what was planned first is first."""


@dataclass(slots=True)
class Course:
    """The play: events that are still to come, and what has been shared so far.

    ``scale`` is how many entries and notices there are, against an ordinary quarter.
    """

    cast: Cast
    quarter: str
    start: int
    stop: int
    draw: random.Random
    scale: float = 1.0
    _heap: list[_Event] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=itertools.count)
    _entries: list[tuple[int, str]] = field(default_factory=list)
    _refused: int = 0

    def play(self) -> Iterator[int]:
        """Play the quarter to its end; gives the simulated time after each event."""
        self._plan()
        while self._heap:
            time, _, event = heapq.heappop(self._heap)
            self.cast.clock.now = max(self.cast.clock.now, time)
            try:
                event()
            except HashpactError:
                self._refused += 1  # such as the appeal against an entry that was withdrawn meanwhile
            yield self.cast.clock.now

    def _plan(self) -> None:
        """Put what does not depend on other events on the heap."""
        days = range(self.start, self.stop, DAY)
        for day in days:
            for platform in PLATFORMS:
                for _ in range(self._some(_ENTRIES)):
                    self._at(day, DAY, self._share, platform)
            for _ in range(self._some(_NOTICES)):
                self._at(day, DAY, self._notice)
        for platform in PLATFORMS:
            self._at(self.start, self.stop - self.start, self._rotate, platform)
        theft = self.start + 40 * DAY
        self._at(theft, 1, self._theft, "delta-chat")
        for number, month in enumerate(Quarter.parse(self.quarter).months):
            end = self.start + (number + 1) * (self.stop - self.start) // 3 - DAY
            for platform in PLATFORMS[:-1]:
                self._at(end, DAY // 2, self._tally, platform, month)
            self._at(end, DAY // 2, self._train, month)
        self._at(self.start + 20 * DAY, DAY, self._practice)
        self._at(self.start + 10 * DAY, 1, self._review)

    def _share(self, platform: str) -> None:
        """Share an entry; some are endorsed, disputed, appealed against or withdrawn later."""
        label = self.draw.choice(LABELS)
        value = self.cast.seeded(32)
        by_law = label in _ARTICLES and self._happens(0.1)
        reason = Reason(
            frozenset({label}),
            Basis.LAW if by_law else Basis.GUIDELINE,
            self.draw.choice(AUTHORITIES) if by_law else None,
            _ARTICLES[label] if by_law else None,
            frozenset({"VN"}),
        )
        said = self.cast.authors[platform].submit([Fingerprint(SHA256, value)], reason)
        entry = self.cast.append(platform, said).index
        self._entries.append((entry, platform))
        for other in PLATFORMS:
            if other != platform and self._happens(0.08):
                self._later(3 * DAY, self._opinion, other, entry)
        if self._happens(0.02):
            self._later(5 * DAY, self._appeal, entry, platform)
        elif self._happens(0.02):
            self._later(9 * DAY, self.cast.says, platform, Withdraw(entry, "mistaken"))

    def _opinion(self, member: str, entry: int) -> None:
        stance = Stance.DISPUTE if self._happens(0.1) else Stance.ENDORSE
        self.cast.append(member, self.cast.authors[member].opinion(entry, stance))

    def _notice(self) -> None:
        """A notice; each addressee confirms its receipt and decides, sooner or later."""
        by = self.draw.choice((*NOTIFIERS, *AUTHORITIES))
        label = self.draw.choice(LABELS)
        by_law = by in AUTHORITIES and label in _ARTICLES
        words = self.cast.words(
            reference=f"case {self.draw.randrange(10**6)}", explanation="see the reference"
        )
        addressees = tuple(sorted(self.draw.sample(PLATFORMS, self.draw.choice((1, 1, 1, 2)))))
        about = self.draw.choice(self._entries) if self._entries and self._happens(0.5) else None
        private = [] if about is not None else [self._sought()]
        body = Notice(
            addressees=addressees,
            entry=None if about is None else about[0],
            labels=(label,),
            basis=Basis.LAW if by_law else Basis.GUIDELINE,
            authority=by if by_law else None,
            article=_ARTICLES[label] if by_law else None,
            channel=Channel.AUTHORITY if by in AUTHORITIES else Channel.CIVIL_SOCIETY,
            clock="authority" if by in AUTHORITIES else self.draw.choice(("code", "code", "urgent")),
            items=tuple(hashlib.sha256(part).digest() for part in private),
            words=hashlib.sha256(words).digest(),
        )
        notice = self.cast.says(by, body, [*private, words]).index
        for member in addressees:
            if self._happens(0.9):
                self._later(_HOUR, self.cast.says, member, ReceiptConfirm(notice))
            delay = int(self.draw.expovariate(1 / (_SPEED[member] * _HOUR)))
            self._in(delay, self._decide, member, notice, by if by_law else None)

    def _decide(self, member: str, notice: int, authority: str | None) -> None:
        outcome = self.draw.choice(_OUTCOMES)
        now = self.cast.clock()
        told = self._happens(0.7)
        guideline = outcome.acted or self._happens(0.1)
        body = Decision(
            notice=notice,
            outcome=outcome,
            guidelines=Judgement.BREACH if guideline else Judgement.NO_BREACH,
            clause="rules-3-2" if guideline else None,
            law=Judgement.NOT_JUDGED if authority is None else Judgement.NO_BREACH,
            article=None,
            acted=now if outcome.acted else None,
            notified=now if told else None,
            notified_by="portal" if told else None,
        )
        decision = self.cast.says(member, body).index
        if authority is not None and not outcome.acted:
            self._later(20 * DAY, self.cast.says, authority, AuthorityReply(decision, "explained"))
        elif self._happens(0.03):
            self._later(4 * DAY, self._appeal_decision, decision, member)
        elif self._happens(0.02):
            self._later(DAY, self._ask, member, notice)

    def _ask(self, member: str, notice: int) -> None:
        authority = self.draw.choice(AUTHORITIES)
        words = self.cast.words(explanation="which article applies?")
        body = Question(authority, notice, "which-article", hashlib.sha256(words).digest())
        question = self.cast.says(member, body, [words]).index
        self._later(18 * DAY, self.cast.says, authority, AuthorityReply(question, "answered"))

    def _appeal(self, entry: int, owner: str) -> None:
        by = self.draw.choice(NOTIFIERS)
        appeal = self.cast.says(by, Appeal(entry, None, "mistaken")).index
        upheld = self._happens(0.4)
        outcome = AppealOutcome.UPHELD if upheld else AppealOutcome.REJECTED
        ruled = entry if upheld else None
        self._later(6 * DAY, self.cast.says, owner, Ruling(appeal, outcome, ruled, "looked-again"))
        if not upheld:
            for judge in PANEL:
                if judge != owner:
                    self._in(8 * DAY, self._vote, judge, appeal, entry)

    def _vote(self, judge: str, appeal: int, entry: int) -> None:
        upheld = self._happens(0.6)
        outcome = AppealOutcome.UPHELD if upheld else AppealOutcome.REJECTED
        self.cast.says(judge, Ruling(appeal, outcome, entry if upheld else None, "panel"))

    def _appeal_decision(self, decision: int, owner: str) -> None:
        appeal = self.cast.says(self.draw.choice(NOTIFIERS), Appeal(None, decision, "satire")).index
        outcome = self.draw.choice(tuple(AppealOutcome))
        self._later(6 * DAY, self.cast.says, owner, Ruling(appeal, outcome, None, "looked-again"))

    def _rotate(self, platform: str) -> None:
        self.cast.rotate(platform)

    def _theft(self, member: str) -> None:
        """A thief shares, withdraws and decides with a member's key; a day later what it did is undone."""
        thief, first = self.cast.authors[member], len(self._entries)
        mine = [entry for entry, owner in self._entries[: first // 2] if owner == member][:5]
        cutoff = None
        for entry in mine:
            leaf = self.cast.append(member, thief.withdraw(entry, "mistaken"))
            cutoff = leaf.index if cutoff is None else cutoff
        for _ in range(20):
            said = thief.submit([Fingerprint(SHA256, self.cast.seeded(32))], Reason(frozenset({"hate"})))
            leaf = self.cast.append(member, said)
            cutoff = leaf.index if cutoff is None else cutoff
        since = 0 if cutoff is None else cutoff
        self._in(DAY, self._undo, member, thief.key.id, since)

    def _undo(self, member: str, key: bytes, cutoff: int) -> None:
        self.cast.administrators.say(KeyRevoke(member, key, cutoff, "stolen"))
        if self.cast.authors[member].key.id == key:
            self.cast.replace_stolen(member)

    def _tally(self, platform: str, month: str) -> None:
        counts = []
        for label in LABELS:
            matched = 100 * self.draw.randrange(2, 40)
            acted = 100 * self.draw.randrange(matched // 100 + 1)
            counts.append((label, matched, acted, 100 * self.draw.randrange((matched - acted) // 100 + 1)))
        self.cast.says(platform, Tally(month, 100_000 * self.draw.randrange(5, 90), tuple(counts)))

    def _train(self, month: str) -> None:
        platform, heads = self.draw.choice(PLATFORMS), self.draw.choice(tuple(Heads))
        self.cast.says(platform, Training(("children", "fraud"), month, heads))

    def _practice(self) -> None:
        document = b"What works: look at the account before the picture.\n"
        body = Practice(("review",), hashlib.sha256(document).digest())
        self.cast.says("river-social", body, documents=[document])

    def _review(self) -> None:
        """The review of the quarter before, which four members and an authority sign, with two actions."""
        minutes = b"Minutes: two actions are agreed.\n"
        actions = (("publish-methods", self.stop), ("train-reviewers", self.stop - 10 * DAY))
        body = Review(str(Quarter.parse(self.quarter).later(-1)), hashlib.sha256(minutes).digest(), actions)
        leaves = [
            self.cast.says(member, body, documents=[minutes]).index
            for member in (*PLATFORMS[:4], AUTHORITIES[0])
        ]
        done = ActionDone(leaves[0], "train-reviewers", None)
        self._in(40 * DAY, self.cast.says, PLATFORMS[0], done)

    def _sought(self) -> bytes:
        """The private part of a fingerprint that addressees are asked to look for."""
        value, nonce = self.cast.seeded(32).hex(), self.cast.seeded(32).hex()
        return f"hashpact/private/v1\ntype sha256/1\nvalue {value}\nnonce {nonce}\n".encode()

    def _some(self, mean: float) -> int:
        """A number that is so large on average, from 0 to twice that."""
        return int(2 * mean * self.scale * self.draw.random() + 0.5)

    def _happens(self, chance: float) -> bool:
        """Whether something of that probability happens."""
        return self.draw.random() < chance

    def _at(self, time: int, within: int, event: Callable[..., object], *values: object) -> None:
        """Let something happen at some time after ``time``, within so many seconds, if in the quarter."""
        when = time + self.draw.randrange(within)
        if self.start <= when < self.stop:
            planned: _Event = (when, next(self._count), partial(event, *values))
            heapq.heappush(self._heap, planned)

    def _later(self, within: int, event: Callable[..., object], *values: object) -> None:
        """Let something happen from a minute on, within so many seconds."""
        self._at(self.cast.clock() + 60, within, event, *values)

    def _in(self, seconds: int, event: Callable[..., object], *values: object) -> None:
        """Let something happen after so many seconds."""
        self._at(self.cast.clock() + seconds, 60, event, *values)
