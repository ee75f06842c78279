"""Random streams of statements over all kinds, about half of which keep the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import filed as conduct
import pytest
from builders import BOTH, LABELS, YEAR, Identity, World, fingerprint, private_part, seeded, sign, submit
from filed import DOCUMENT
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds import (
    ADMIN,
    KINDS,
    AnyBody,
    CertRevoke,
    ClockMend,
    GiveOpinion,
    KeyEnrol,
    KeyResume,
    KeyRevoke,
    KeyRotate,
    KeySuspend,
    MemberEnrol,
    MemberResume,
    MemberRoles,
    MemberSuspend,
    Notice,
    Policy,
    Root,
    Signers,
    Submit,
    Void,
    Withdraw,
)
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.messages import Submission
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Basis, Key, Role, Stance, State, Use

Step: TypeAlias = tuple[str, int, int]
"""A kind, a way to break it (most of them do not), and a number from which everything else follows."""

MEMBERS: Final = ("acme", "bravo", "carol")
NAMES: Final = ("1", "2", "3", "spare")
ADMINS: Final = ("alice", "bob", "carol", "dave")
_WAYS: Final = 30
_DAY: Final = 24 * 3600
_OFTEN: Final = (
    *("submit", "submit", "withdraw", "opinion", "key-rotate", "key-revoke"),
    *("contact", "contact", "notice", "notice", "decision", "appeal", "ruling"),
)
_DRAWN: Final = (*(kind for kind in KINDS if kind != "genesis"), *_OFTEN)

STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(_DRAWN),
        st.integers(0, _WAYS - 1),
        st.integers(0, 2**24),
    ),
    max_size=40,
)


EXAMPLES: Final = pytest.mark.parametrize("examples", [25, pytest.param(10_000, marks=pytest.mark.slow)])
"""How many streams a test draws; the campaign takes some 40 minutes."""


def draw(examples: int, check: Callable[[list[Step]], None]) -> None:
    """Have so many streams checked."""
    settings(max_examples=examples)(given(STEPS)(check))()


def ordinary(stream: int, turn: int) -> Step:
    """The step of that turn in a stream that is the same every time."""
    drawn = int.from_bytes(seeded(f"stream {stream} turn {turn}", 4))
    return _DRAWN[drawn % len(_DRAWN)], drawn // 64 % _WAYS, drawn % 2**24


@dataclass(slots=True)
class Stream:
    """Statements that follow from drawn numbers and from the state that those before them left."""

    world: World = field(default_factory=World)
    past: list[Submission] = field(default_factory=list)

    def founding(self) -> list[Submission]:
        """A log of two members, the first with a recovery key: leaves 0 to 6."""
        spare = self.world.key(Identity.of("acme", "spare"), use=Use.RECOVERY)
        return [Submission(leaf) for leaf in (*self.world.founding("acme", "bravo"), spare)]

    def next(self, step: Step, state: State) -> Submission:
        """One statement more, for a log that adds up to that state."""
        kind, way, number = step
        if number % 8 == 0:
            self.world.clock.now += number // 8 % 12 * _DAY
        known = sorted(state.registry.values(), key=lambda key: (key.enrolled_index, key.id))
        key = known[number // 3 % len(known)]
        body, private, owners = self._body(kind, number, state, key)
        admins = [] if (charter := state.charter()) is None else [admin.name for admin in charter.admins]
        governing = [Identity.of(ADMIN, name) for name in admins]
        speaker = self._speaker(body, number, state, key)
        both = body.signers & Signers.MEMBERS
        if body.signers & Signers.ADMINISTRATORS and (number % 2 or not both):
            by, *others = governing
        else:
            by, others = speaker, []
        statement = self.world.statement(body, by)
        match way:
            case 0:  # without the others
                data = sign(statement, by, *owners)
            case 1:  # by somebody else
                data = sign(statement, Identity.of("mallory"), *others, *owners)
            case 2:  # another log's
                data = sign(self.world.statement(body, by, log="other.example/log"), by, *others, *owners)
            case 3 if self.past:  # an earlier statement, byte for byte
                return self.past[number % len(self.past)]
            case 4:  # the request id of another statement
                again = self.world.statement(body, by, request=seeded("again", 16))
                data = sign(again, by, *others, *owners)
            case 5:  # in another's name
                other = MEMBERS[number % len(MEMBERS)]
                data = sign(self.world.statement(body, by, member=other), by, *others, *owners)
            case _:
                data = sign(statement, by, *others, *owners)
        self.past.append(Submission(data, private, [DOCUMENT] if body.documents() else []))
        return self.past[-1]

    def _speaker(self, body: AnyBody, number: int, state: State, about: Key) -> Identity:
        """Whose key it is that speaks: mostly one that may, of the member that the statement concerns."""
        entry = state.entry(body.entry) if isinstance(body, Withdraw) else None
        member = conduct.about(body, state) or (about.member if entry is None else entry.member)
        able = [
            key
            for key in state.registry.values()
            if key.suspended_index is None and key.revoked_index is None and key.rotated_index is None
            if number % 9 == 0 or isinstance(body, Submit | GiveOpinion | Notice) or key.member == member
            if number % 9 == 0 or key.use is Use.SIGN or isinstance(body, KeyRotate)
        ]
        if isinstance(body, KeyRotate) and number % 4:
            able = [about]
        return _identity(able[number // 7 % len(able)] if able else about)

    def _body(  # noqa: PLR0911  # a return for each kind
        self, kind: str, number: int, state: State, key: Key
    ) -> tuple[AnyBody, list[bytes], list[Identity]]:
        """The body, its private parts, and the signers besides the author."""
        member = MEMBERS[number % len(MEMBERS)]
        entries = list(state.entries) or [4]
        entry = entries[number // 16 % len(entries)]
        new = Identity.of(member, NAMES[number // 11 % len(NAMES)])
        expires = self.world.clock() + (YEAR if number % 3 else 30 * _DAY)
        match kind:
            case "root":
                admins = [Identity.of(ADMIN, name) for name in ADMINS[: 2 + number % 3]][number % 2 :]
                version = 1 + number // 8 % 3
                named = tuple(admin.key for admin in admins)
                return Root(version, named, 1 + number // 4 % 3, self.world.log_keys), [], admins
            case "policy":
                delay = None if number % 3 else 2 * _DAY
                panel = MEMBERS if number % 5 else ()
                policy = Policy(
                    1 + number // 64 % 4,
                    LABELS[: 1 + number % 3],
                    delay,
                    priorities=(("fraud", "urgent"),),
                    panel=panel,
                    quorum=2 if panel else None,
                )
                return policy, [], []
            case "member-enrol":
                return MemberEnrol(member, BOTH if number % 5 else frozenset({Role.CHECK})), [], []
            case "key-enrol":
                use = Use.RECOVERY if new.name == "spare" else Use.SIGN
                return KeyEnrol(member, new.name, new.public, use, expires), [], [new]
            case "key-rotate":
                new = Identity.of(key.member, f"{key.name[:1]}{number // 13 % 4}")
                overlap = number // 5 % 3 * _DAY if number % 4 else 0
                return KeyRotate(key.id, new.name, new.public, expires, overlap), [], [new]
            case "submit":
                return *_submission(number), []
            case _ if issubclass(KINDS[kind], Filed):
                return *conduct.filed(kind, number, state, self.world.clock(), member), []
            case _:
                return self._short(kind, number, entry, key), [], []

    def _short(self, kind: str, number: int, entry: int, key: Key) -> AnyBody:
        """A body of a few words."""
        cutoff = key.enrolled_index + number // 17 % 4 * max(0, len(self.past) - key.enrolled_index) // 8
        bodies: dict[str, AnyBody] = {
            "member-suspend": MemberSuspend(key.member, "flood"),
            "member-resume": MemberResume(key.member, "found"),
            "key-suspend": KeySuspend(key.member, key.id, "stolen"),
            "key-resume": KeyResume(key.member, key.id, "found"),
            "key-revoke": KeyRevoke(key.member, key.id, cutoff, "stolen"),
            "cert-revoke": CertRevoke(key.member, seeded(f"serial {number % 5}", 20), "stolen"),
            "withdraw": Withdraw(entry, "mistake"),
            "opinion": _opinion(entry, number),
            "void": Void(entry, "court"),
            "member-roles": MemberRoles(key.member, BOTH if number % 3 else frozenset({Role.CHECK}), "asked"),
            "clock-mend": ClockMend("wrong-clock"),
        }
        return bodies[kind]


def spoken(steps: Iterable[Step]) -> tuple[World, list[bytes]]:
    """The leaves of a stream, those that break a rule among them."""
    stream, folded = Stream(), Replay()
    leaves = [submission.statement for submission in stream.founding()]
    for leaf in leaves:
        folded.apply(leaf)
    for step in steps:
        leaves.append(stream.next(step, folded.state).statement)
        folded.apply(leaves[-1])
    return stream.world, leaves


def _identity(key: Key) -> Identity:
    """The identity whose key that is."""
    return Identity.of(key.member, key.name)


def _opinion(entry: int, number: int) -> GiveOpinion:
    stance = Stance.DISOWN if number % 11 == 0 else list(Stance)[number % 3]
    reason = None if number % 5 else "news-report"
    return GiveOpinion(entry, stance, reason, replace=stance is Stance.SEEN and number // 3 % 2 == 0)


def _submission(number: int) -> tuple[AnyBody, list[bytes]]:
    parts = [private_part(fingerprint(SHA256, f"{number} {i}")) for i in range(1 + number % 3)]
    law = number % 4 == 0
    body = submit(
        *(commitment(part) for part in parts),
        labels=(LABELS[number // 5 % 3],),
        basis=Basis.LAW if law else Basis.GUIDELINE,
        authority="acme" if law else None,
        article="art-16" if law else None,
    )
    return body, parts
