"""The fold: one leaf after another, judged by the rules for all kinds, and then by those of its own."""

from __future__ import annotations

from independent import conduct, governing, keyring
from independent.entries import ENTRIES
from independent.reading import Refused, Said, need, open_note, read_lines, take
from independent.signing import by_administrators, by_member
from independent.spelling import HEADER, KINDS
from independent.state import ADMIN, Office, Statement, World

FIRST_LINE = "hashpact/statement/v1"
SIGNERS = 11

RULES = {**governing.RULES, **keyring.RULES, **ENTRIES, **conduct.RULES}


def read(leaf: bytes) -> tuple[str, Said]:
    """The kind and the lines of a leaf."""
    text, signatures = open_note(leaf)
    lines = read_lines(text, FIRST_LINE)
    kind = lines[1][1] if len(lines) > 1 and lines[1][0] == "kind" else ""
    need(kind in KINDS, "no known kind in the third line")
    return kind, Said(text, take(lines, HEADER + KINDS[kind]), signatures)


class Log:
    """A log as it is read, leaf by leaf."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.world = World()

    def add(self, leaf: bytes) -> str | None:
        """Fold one more leaf; why it has no effect, None if it keeps the rules."""
        self.leaves.append(leaf)
        try:
            self._judge(len(self.leaves) - 1, *read(leaf))
        except Refused as refused:
            return str(refused)
        return None

    def _judge(self, index: int, kind: str, said: Said) -> None:
        world = self.world
        need((index == 0) == (kind == "genesis"), "a genesis is leaf 0, and leaf 0 is one")
        need(kind == "genesis" or bool(world.offices), "the log has no genesis")
        if kind == "genesis":
            world = World(origin=said.one("log"))
        member, request, time = said.one("member"), said.one("request"), int(said.one("time"))
        need(said.one("log") == world.origin, "of another log")
        need((member, request) not in world.requests, "the request was used before")
        signers = world.signers
        if kind == "clock-mend":
            signers = [(who, min(when, time)) for who, when in signers]
        before, world.signers = world.signers, signers
        try:
            moment = max(time, world.log_moment())
            one = Statement(index, kind, member, said.one("key"), time, moment, said)
            self._authorise(world, one)
            change = RULES[kind](world, one)
        except Refused:
            world.signers = before
            raise
        change()
        world.statements[index] = one
        world.requests.add((member, request))
        world.signers = [*(each for each in signers if each[0] != member), (member, moment)][-SIGNERS:]
        self.world = world

    def _authorise(self, world: World, one: Statement) -> None:
        if one.kind == "genesis":
            office: Office = governing.office(one.said, 1)
            need(one.member == ADMIN, "a genesis is made by admin")
            by_administrators(one, office.admins, office.threshold)
        elif one.member == ADMIN:
            office = world.offices[-1]
            by_administrators(one, office.admins, office.threshold)
        else:
            by_member(world, one)
