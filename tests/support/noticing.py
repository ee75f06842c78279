"""A log with notices: a platform, another one, an authority, a notifier, and what they state."""

from __future__ import annotations

from dataclasses import dataclass, field

from builders import NOW, Identity, World, seeded, submit
from folding import take

from hashpact.domain.kinds import (
    AnyBody,
    Appeal,
    AuthorityReply,
    Contact,
    ContactConfirm,
    Decision,
    Notice,
    Policy,
    Question,
    ReceiptConfirm,
    Ruling,
)
from hashpact.domain.kinds.conduct.contacts import MAX_VALID
from hashpact.domain.kinds.conduct.spelling import AppealOutcome, Channel, Judgement, Outcome, Point
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Basis, Filing, Role

LABELS = ("fraud", "hate", "minors")
ROLES = {
    "acme": {Role.CHECK, Role.CONTRIBUTE},
    "bravo": {Role.CHECK, Role.CONTRIBUTE},
    "council": {Role.AUTHORITY, Role.NOTIFY},
    "watch": {Role.NOTIFY},
    "panel-a": {Role.CHECK},
    "panel-b": {Role.CHECK},
    "voice": {Role.REPRESENT},
}
"""The members of the log: two platforms, an authority, a notifier, two of the panel, a representative."""
POLICY = Policy(
    1,
    LABELS,
    priorities=(("minors", "vulnerable"),),
    panel=("panel-a", "panel-b"),
    quorum=2,
)


def notice(*to: str, **fields: object) -> Notice:
    """An ordinary notice about an item to these members, or to acme; ``fields`` replace the rest."""
    values: dict[str, object] = {
        "addressees": to or ("acme",),
        "entry": None,
        "labels": ("hate",),
        "basis": Basis.GUIDELINE,
        "authority": None,
        "article": None,
        "channel": Channel.FLAGGER,
        "clock": "code",
        "items": (seeded("item"),),
        "words": seeded("words"),
    }
    if fields.get("entry") is not None:
        values["items"] = ()
    return Notice(**(values | fields))  # type: ignore[arg-type]  # tests pass each field with its own type


def decision(of: int, outcome: Outcome = Outcome.REMOVED, **fields: object) -> Decision:
    """An ordinary decision on that notice; ``fields`` replace the rest."""
    acted = outcome.acted
    values: dict[str, object] = {
        "notice": of,
        "outcome": outcome,
        "guidelines": Judgement.BREACH if acted else Judgement.NO_BREACH,
        "clause": "hate-3-2" if acted else None,
        "law": Judgement.NOT_JUDGED,
        "article": None,
        "acted": NOW if acted else None,
        "notified": None,
        "notified_by": None,
    }
    return Decision(**(values | fields))  # type: ignore[arg-type]  # as above


@dataclass(slots=True)
class Noticed:
    """The log, and the next statement of each member at the world's clock."""

    world: World = field(default_factory=World)
    log: Replay = field(default_factory=Replay)
    leaves: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Found the log, with a contact point for notices of each platform."""
        self.takes(self.world.genesis())
        self.takes(self.world.by_admins(POLICY))
        for member, roles in ROLES.items():
            self.takes(self.world.member(member, frozenset(roles)))
            self.takes(self.world.key(Identity.of(member)))
        for member in ("acme", "bravo"):
            self.contact(member)

    def leaf(self, member: str, body: AnyBody) -> bytes:
        """A statement of that member, signed."""
        return self.world.leaf(body, Identity.of(member))

    def says(self, member: str, body: AnyBody) -> int:
        """Fold a statement of that member; its index."""
        return self.takes(self.leaf(member, body))

    def takes(self, leaf: bytes) -> int:
        """Fold a leaf that keeps the rules; its index."""
        self.leaves.append(leaf)
        return take(self.log, leaf)

    def filing(self, index: int) -> Filing:
        """The filing at that index."""
        found = self.log.state.filing(index)
        assert found is not None
        return found

    def contact(self, member: str, point: Point = Point.NOTICES, lasts: int = MAX_VALID) -> int:
        """Name a contact point, which is valid from now on."""
        now = self.world.clock()
        until = now + lasts
        return self.says(member, Contact(point, now, until, ("vi",), ("always",), None, seeded("address")))

    def confirm(self, member: str, point: Point = Point.NOTICES) -> int:
        """Confirm a contact point."""
        return self.says(member, ContactConfirm(point))

    def entry(self, member: str = "acme", labels: tuple[str, ...] = ("hate",), **fields: object) -> int:
        """Share an entry."""
        return self.says(member, submit(labels=labels, **fields))

    def notice(self, *to: str, by: str = "watch", **fields: object) -> int:
        """Give notice."""
        return self.says(by, notice(*to, **fields))

    def arrived(self, index: int, member: str = "acme") -> int:
        """Confirm that a notice has arrived."""
        return self.says(member, ReceiptConfirm(index))

    def decide(
        self, index: int, outcome: Outcome = Outcome.REMOVED, by: str = "acme", **fields: object
    ) -> int:
        """Decide on a notice."""
        return self.says(by, decision(index, outcome, **fields))

    def appeal(self, *, entry: int | None = None, decision: int | None = None, by: str = "watch") -> int:
        """Appeal against an entry or a decision."""
        return self.says(by, Appeal(entry, decision, "mistaken"))

    def rule(self, index: int, outcome: AppealOutcome, by: str = "acme", entry: int | None = None) -> int:
        """Rule on an appeal."""
        return self.says(by, Ruling(index, outcome, entry, "looked-again"))

    def ask(self, authority: str = "council", by: str = "acme") -> int:
        """Ask an authority."""
        return self.says(by, Question(authority, None, "which-article", seeded("question")))

    def reply(self, about: int, by: str = "council") -> int:
        """Reply as an authority."""
        return self.says(by, AuthorityReply(about, "confirmed"))
