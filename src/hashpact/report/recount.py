"""Recount: every figure a second time, by a plain path of its own.

It reads the statements themselves, in the order of the log: no filing, and nothing that `counting` or
`hashpact.domain.conduct` derives. Of the fold it takes which statements keep the rules, the moment of each,
which keys are revoked, and which ruling has struck an entry; of a kind's declaration whether it is an
incident. What differs from a report is an error of one of the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from hashpact.domain import standing
from hashpact.domain.kinds.body import ADMIN
from hashpact.domain.state import ConductTerms
from hashpact.report.figures import Figure
from hashpact.report.gathering import Gathered, Stated
from hashpact.report.quarter import Quarter
from hashpact.report.report import TREND, QuarterReport

_DAY: Final = 86_400
_CONFIRM: Final = 90 * _DAY
_ONE_EACH: Final = {"practice": "practices", "review": "reviews.signed"}
_ALL: Final = "all"


def disagreements(report: QuarterReport, gathered: Gathered) -> Iterator[str]:
    """Every figure of a report that is not as the leaves have it, described; also one that is left out."""
    book = Book(gathered, report.quarter)
    stated = {figure.id: figure for figure in report.figures}
    for name in sorted(stated.keys() | book.found.keys()):
        figure = stated.get(name)
        value, leaves = book.found.get(name, _nothing(figure))
        if figure is None:
            if leaves:
                yield f"{name}: left out, but the leaves have {value}"
        elif figure.value != value:
            yield f"{name}: {figure.value}, but the leaves have {value}"
        elif figure.leaves != leaves:
            yield f"{name}: {figure.value}, but it is not these leaves that are behind it"
    for quarter, values in report.trend:
        found = book.found if quarter == report.quarter else Book(gathered, quarter).found
        for name, told in zip(TREND, values, strict=True):
            again, _ = found.get(f"{_ALL}/{name}", (told if told in {None, 0, "-"} else None, ()))
            if told != again:
                yield f"{_ALL}/{name}: {told} in {quarter}, but the leaves have {again}"


def _nothing(figure: Figure | None) -> tuple[int | str | None, tuple[int, ...]]:
    """What a figure is that nothing was counted for."""
    values: dict[str, int | str] = {"count": 0, "percent": "-"}
    return None if figure is None else values.get(figure.unit), ()


@dataclass(slots=True)
class Book:
    """The figures of a quarter, recounted: ``found`` has for each its value and the leaves behind it."""

    gathered: Gathered
    quarter: Quarter
    found: dict[str, tuple[int | str | None, tuple[int, ...]]] = field(default_factory=dict)
    _last: int = 0
    _of: dict[str, list[Stated]] = field(default_factory=lambda: defaultdict(list))
    _every: dict[int, Any] = field(default_factory=dict)
    _behind: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _seconds: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Count."""
        self._last = min(self.quarter.stop - 1, self.gathered.newest)
        for one in self.gathered.stated:
            self._of[one.body.kind].append(one)
            self._every[one.index] = one
        for count in (self._notices, self._appeals, self._replies, self._entries, self._ends, self._contacts):
            count()
        self._others()
        self._actions()
        for name, behind in self._behind.items():
            self.found[name] = len(behind), tuple(sorted(behind))
        self._tallies()
        for scope in sorted({name.partition("/")[0] for name in self._behind}):
            self._rates(scope)

    def _stands(self, one: Stated) -> bool:
        return one.member == ADMIN or standing.stands(self.gathered.state, one.key, one.index)

    def _standing(self, kind: str) -> list[Stated]:
        return [one for one in self._of[kind] if self._stands(one)]

    def _within(self, some: Iterable[Stated]) -> list[Stated]:
        return [one for one in some if self.quarter.start <= one.moment < self.quarter.stop]

    def _until(self, some: Iterable[Stated]) -> list[Stated]:
        return [one for one in some if one.moment <= self._last]

    def _body(self, index: int | None, kind: str) -> Any:  # noqa: ANN401 - of any kind
        """The statement of that kind at that index, if it stands."""
        one = None if index is None else self._every.get(index)
        return one if one is not None and one.body.kind == kind and self._stands(one) else None

    def _terms(self, index: int) -> ConductTerms:
        before: list[Any] = [one.body for one in self._of["policy"] if one.index <= index]
        return before[-1].terms if before else ConductTerms()

    def _tick(self, name: str, leaf: int, *members: str | None) -> None:
        for scope in (*(member for member in members if member is not None), _ALL):
            self._behind[f"{scope}/{name}"].append(leaf)

    def _notices(self) -> None:
        given, arrived = defaultdict(list), set()
        for one in self._until(self._standing("decision")):
            given[self._any(one).notice, one.member].append(one)
        for one in self._until(self._standing("receipt-confirm")):
            arrived.add((self._any(one).notice, one.member))
        for one in self._within(self._standing("notice")):
            notice = self._any(one)
            limit = self._terms(one.index).seconds(notice.clock, notice.labels)
            for member in notice.addressees:
                self._notice(one, member, given[one.index, member], limit)
                if (one.index, member) in arrived:
                    self._tick("notices.confirmed", one.index, member)

    def _notice(self, one: Stated, member: str, given: list[Stated], limit: int) -> None:
        notice = self._any(one)
        names = ["valid", f"channel.{notice.channel.value}", f"basis.{notice.basis.value}"]
        if given:
            took, decision = given[0].moment - one.moment, self._any(given[-1])
            names += ["answered", f"outcome.{decision.outcome.value}"]
            names += [name for name, most in (("within-24h", _DAY), ("within-clock", limit)) if took <= most]
            names += ["feedback"] if decision.notified is not None else []
            names += [f"label.{label}.answered" for label in notice.labels]
            if decision.outcome.value in {"removed", "restricted"}:
                names += ["acted", *(f"label.{label}.acted" for label in notice.labels)]
            for scope in (member, _ALL):
                self._seconds[scope].append(max(took, 0))
        else:
            names.append("overdue" if self._last - one.moment > limit else "open")
        for name in names:
            self._tick(f"notices.{name}", one.index, member)

    def _appeals(self) -> None:
        charter = self.gathered.state.charter()
        nobody = charter is None or charter.terms.quorum is None
        ruled: dict[int, list[Stated]] = defaultdict(list)
        for one in self._until(self._standing("ruling")):
            ruled[self._any(one).appeal].append(one)
        for one in self._within(self._standing("appeal")):
            appeal = self._any(one)
            about = self._every.get(appeal.entry) or self._body(appeal.decision, "decision")
            owner = None if about is None else about.member
            own = [self._any(each).outcome.value for each in ruled[one.index] if each.member == owner]
            panel = [each for each in ruled[one.index] if each.member != owner]
            ended = "upheld" if "upheld" in own or self._struck_by(one.index, appeal.entry) else None
            ended = self._agreed(panel) if ended is None else ended
            if ended is None and own and nobody:
                ended = "rejected"
            late = not own and self._last - one.moment > self._terms(one.index).seconds("appeal")
            names = ["made", ended or ("overdue" if late else "open")]
            names += ["by-panel"] if ended and panel else []
            for name in names:
                self._tick(f"appeals.{name}", one.index, owner)

    def _agreed(self, ballots: Iterable[Stated]) -> str | None:
        """The outcome for which there was first a quorum, by the policy at the leaf of its last ballot."""
        members: dict[str, set[str]] = defaultdict(set)
        for each in ballots:
            outcome, terms = self._any(each).outcome.value, self._terms(each.index)
            members[outcome].add(each.member)
            if terms.quorum is not None and len(members[outcome] & set(terms.panel)) >= terms.quorum:
                return str(outcome)
        return None

    def _struck_by(self, appeal: int, index: int | None) -> bool:
        """Whether it was a ruling on that appeal by which the panel has struck the entry."""
        entry = None if index is None else self.gathered.state.entry(index)
        by = None if entry is None or entry.voided_index is None else self._every[entry.voided_index]
        return by is not None and by.moment <= self._last and getattr(by.body, "appeal", None) == appeal

    def _replies(self) -> None:
        given = {
            (self._any(one).about, one.member): one.moment for one in self._until(self._standing("reply"))
        }
        for kind, asked in (("question", None), ("decision", self._of_decision), ("appeal", self._of_appeal)):
            for one in self._within(self._standing(kind)):
                authority = self._any(one).addressee if asked is None else asked(one)
                if authority is None:
                    continue
                limit = self._terms(one.index).seconds("reply")
                replied = given.get((one.index, authority))
                if replied is None:
                    name = "overdue" if self._last - one.moment > limit else "open"
                else:
                    name = "answered" if replied - one.moment <= limit else "answered-late"
                self._tick("replies.awaited", one.index, authority)
                self._tick(f"replies.{name}", one.index, authority)

    def _of_decision(self, one: Stated) -> str | None:
        """The authority that a decision says back to: it has not done what was asked."""
        decision = self._any(one)
        if decision.outcome.value in {"removed", "restricted"}:
            return None
        return self._asking(decision)

    def _of_appeal(self, one: Stated) -> str | None:
        appeal = self._any(one)
        if appeal.entry is not None:
            authority: str | None = self._every[appeal.entry].body.authority
            return authority
        decided = self._body(appeal.decision, "decision")
        return None if decided is None else self._asking(decided.body)

    def _asking(self, decision: Any) -> str | None:  # noqa: ANN401 - a body
        notice = self._body(decision.notice, "notice")
        return None if notice is None else notice.body.authority

    def _entries(self) -> None:
        given: dict[int, dict[str, tuple[Stated, str]]] = defaultdict(dict)
        for one in self._until(self.gathered.stated):
            body = self._any(one)
            if body.kind == "opinion":
                given[body.entry][one.member] = one, body.stance.value
            elif body.kind == "ruling" and body.entry is not None and self._disputes(one):
                given[body.entry][one.member] = one, "dispute"
        for one in self._within(self._standing("submit")):
            stances = [stance for by, stance in given[one.index].values() if self._stands(by)]
            entry = self._any(one)
            if entry.basis.value == "benign":
                continue
            self._tick("entries.shared", one.index, one.member)
            if entry.basis.value == "law":
                self._tick("entries.by-law", one.index, one.member)
                self._tick("entries.asked-for", one.index, entry.authority)
            if "dispute" in stances:
                self._tick("entries.disputed", one.index, one.member)
            if stances.count("endorse") > 1:
                self._tick("entries.endorsed-by-two", one.index, one.member)

    def _disputes(self, one: Stated) -> bool:
        ruling = self._any(one)
        about_decision = self._every[ruling.appeal].body.decision is not None
        return about_decision and self._every[ruling.entry].member != one.member

    def _ends(self) -> None:
        withdrawn: dict[int, Stated] = {}
        struck: dict[int, Stated] = {}
        for one in self.gathered.stated:
            body = self._any(one)
            if body.kind == "void":
                struck[body.entry] = one
            elif body.kind == "withdraw":
                withdrawn[body.entry] = one
            elif body.kind == "ruling" and body.entry is not None:
                entry = self.gathered.state.entry(body.entry)
                if entry is not None and entry.withdrawn_index == one.index:
                    withdrawn[body.entry] = one
                elif entry is not None and entry.voided_index == one.index:
                    struck[body.entry] = one
        for index in withdrawn.keys() | struck.keys():
            newest = withdrawn.get(index)
            ends = [one for one in (struck.get(index),) if one is not None]
            ends += [newest] if newest is not None and self._stands(newest) else []
            for one in self._within(sorted(ends, key=lambda one: one.index)[:1]):
                self._tick("entries.ended", one.index, self._every[index].member)

    def _contacts(self) -> None:
        named = {(one.member, self._any(one).point): one for one in self._until(self._of["contact"])}
        seen = {(one.member, self._any(one).point): one for one in self._until(self._of["contact-confirm"])}
        for which, one in named.items():
            point, again = self._any(one), seen.get(which, one)
            since = again.moment if again.index > one.index and self._stands(again) else one.moment
            live = point.valid_from <= self._last < point.valid_to
            if live and self._stands(one) and self._last - since > _CONFIRM:
                self._tick("contacts.overdue", one.index, one.member)

    def _others(self) -> None:
        for kind, name in _ONE_EACH.items():
            for one in self._within(self._standing(kind)):
                self._tick(name, one.index, one.member)
        for one in self._within(self._of["key-rotate"]):
            self._tick("keys.rotated", one.index, one.member)
        for one in self._within(self._of["member-suspend"]):
            self._tick("suspensions", one.index, self._any(one).id)
        for one in self._within(self.gathered.stated):
            if one.body.is_incident:
                self._tick("incidents", one.index, getattr(one.body, "id", None))
        for one in self._standing("training"):
            if self._any(one).month in self.quarter.months:
                self._tick("trainings", one.index, one.member)

    def _actions(self) -> None:
        before = str(self.quarter.later(-1))
        reviews = [one for one in self._until(self._standing("review")) if self._any(one).quarter == before]
        signed = {one.index for one in reviews}
        done: dict[str, int] = {}
        for one in self._until(self._standing("action-done")):
            if self._any(one).review in signed:
                done.setdefault(self._any(one).action, one.index)
        agreed: dict[str, tuple[int, int]] = {}
        by: dict[tuple[str, int], set[str]] = defaultdict(set)
        for one in reviews:
            for action, until in self._any(one).actions:
                by[action, until].add(one.member)
                if len(by[action, until]) > 1 and action not in agreed:  # one alone agrees on nothing
                    agreed[action] = one.index, until
        for action, (index, until) in agreed.items():
            self._tick("actions.agreed", index)
            standing_ = "done" if action in done else "late" if until < self._last else "open"
            self._tick(f"actions.{standing_}", done.get(action, index))

    def _tallies(self) -> None:
        newest = {(one.member, self._any(one).month): one for one in self._of["tally"]}
        sums: dict[str, tuple[int, tuple[int, ...]]] = {}
        counters: dict[str, Callable[[Any], int]] = {
            "checked": lambda body: body.checked,
            "matched": lambda body: sum(count[1] for count in body.counts),
            "acted": lambda body: sum(count[2] for count in body.counts),
            "let-stand": lambda body: sum(count[3] for count in body.counts),
        }
        for (member, month), one in newest.items():
            if month in self.quarter.months and self._stands(one):
                for name, counter in counters.items():
                    for scope in (member, _ALL):
                        total, leaves = sums.get(f"{scope}/uploads.{name}", (0, ()))
                        leaves = tuple(sorted((*leaves, one.index)))
                        sums[f"{scope}/uploads.{name}"] = total + counter(self._any(one)), leaves
        self.found.update(sums)

    def _rates(self, scope: str) -> None:
        """The rates and times, from what was counted."""
        parts = [("within-24h", "valid"), ("within-clock", "valid")]
        parts += [("acted", "answered"), ("feedback", "answered")]
        named = [(f"rate.{part}", f"notices.{part}", f"notices.{whole}") for part, whole in parts]
        for name in list(self._behind):
            of, _, what = name.partition("/")
            if of == scope and what.startswith("notices.label.") and what.endswith(".answered"):
                label = what.removeprefix("notices.label.").removesuffix(".answered")
                named.append((f"rate.removed.{label}", f"notices.label.{label}.acted", what))
        for rate, part, whole in named:
            every = self._behind.get(f"{scope}/{whole}", [])
            if every:
                some = len(self._behind.get(f"{scope}/{part}", []))
                tenths = (2000 * some + len(every)) // (2 * len(every))
                self.found[f"{scope}/{rate}"] = f"{tenths // 10}.{tenths % 10}", tuple(sorted(every))
        seconds = sorted(self._seconds[scope])
        leaves = tuple(sorted(set(self._behind.get(f"{scope}/notices.answered", []))))
        for name, of_hundred in (("median", 50), ("95th", 95)) if seconds else ():
            rank = (len(seconds) * of_hundred + 99) // 100
            self.found[f"{scope}/notices.seconds.{name}"] = seconds[rank - 1], leaves

    @staticmethod
    def _any(one: Stated) -> Any:  # noqa: ANN401 - its kind says which
        """The fields of a statement."""
        return one.body
