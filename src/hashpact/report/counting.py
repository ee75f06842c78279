"""Counting: from what is stated in a quarter to figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from hashpact.domain import standing
from hashpact.domain.conduct.agreed import AgreedAction, agreed
from hashpact.domain.conduct.appealed import Stage, appeal_case
from hashpact.domain.conduct.cases import NoticeCase, cases_of
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.points import point_at
from hashpact.domain.conduct.replies import ANSWERABLE, awaited
from hashpact.domain.kinds import (
    Appeal,
    Contact,
    ContactConfirm,
    GiveOpinion,
    KeyRotate,
    MemberSuspend,
    Notice,
    Practice,
    Review,
    Ruling,
    Submit,
    Tally,
    Touches,
    Training,
)
from hashpact.domain.kinds.conduct.filed import Filed, stands
from hashpact.domain.kinds.conduct.spelling import Point
from hashpact.domain.state import Basis, Filing, Stance
from hashpact.report.figures import OVERALL, Figure, Sheet, nearest_rank
from hashpact.report.gathering import Gathered, Stated
from hashpact.report.quarter import Quarter

DAY: Final = 24 * 3600
_ENDORSED: Final = 2
"""Members that endorse an entry which is counted as endorsed by several."""
_OF_MEMBER: Final[Mapping[type, str]] = {
    KeyRotate: "keys.rotated",
    Practice: "practices",
    Review: "reviews.signed",
}
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "actions.agreed": ("actions.done", "actions.late", "actions.open"),
    "appeals.made": (
        *("appeals.by-panel", "appeals.open", "appeals.overdue"),
        *("appeals.rejected", "appeals.upheld"),
    ),
    "contacts.overdue": (),
    "entries.asked-for": (),
    "entries.shared": (
        *("entries.by-law", "entries.disputed"),
        *("entries.ended", "entries.endorsed-by-two"),
    ),
    "incidents": (),
    "keys.rotated": (),
    "notices.valid": (
        *("notices.acted", "notices.answered", "notices.confirmed", "notices.feedback", "notices.open"),
        *("notices.overdue", "notices.within-24h", "notices.within-clock"),
    ),
    "practices": (),
    "replies.awaited": ("replies.answered", "replies.answered-late", "replies.open", "replies.overdue"),
    "reviews.signed": (),
    "suspensions": (),
    "trainings": (),
    "uploads.checked": ("uploads.acted", "uploads.let-stand", "uploads.matched"),
}
"""Figures that are there though nothing was counted for them; see `Sheet.complete`."""


def count(gathered: Gathered, quarter: Quarter) -> tuple[Figure, ...]:
    """The figures of a quarter."""
    sheet = Sheet(gathered, quarter)
    for one in gathered.stated:
        if sheet.within(one.moment):
            _count(sheet, one)
    _opinions(sheet)
    _contacts(sheet)
    _reports(sheet)
    for action in actions(gathered, quarter):
        sheet.count("actions.agreed", [], action.agreed)
        sheet.count(f"actions.{action.standing}", [], action.agreed if action.done is None else action.done)
    sheet.complete(_GROUPS)
    _times(sheet)
    for label in sorted({name.split(".")[2] for name in _names(sheet) if name.startswith("notices.label.")}):
        sheet.rate(f"rate.removed.{label}", f"notices.label.{label}.acted", f"notices.label.{label}.answered")
    for name, part in (
        ("rate.within-24h", "notices.within-24h"),
        ("rate.within-clock", "notices.within-clock"),
        ("rate.acted", "notices.acted"),
        ("rate.feedback", "notices.feedback"),
    ):
        sheet.rate(name, part, "notices.valid" if "within" in name else "notices.answered")
    return sheet.figures()


def actions(gathered: Gathered, quarter: Quarter) -> tuple[AgreedAction, ...]:
    """What the review of the quarter before has agreed on, as it stands at the quarter's end."""
    return agreed(gathered.state, str(quarter.later(-1)), quarter.as_of(gathered.newest))


def _names(sheet: Sheet) -> set[str]:
    return {figure.name for figure in sheet.figures()}


def _count(sheet: Sheet, one: Stated) -> None:
    """Count what one statement of the quarter stands for."""
    filing = sheet.gathered.state.filing(one.index)
    if one.body.touches is Touches.STANDING:
        _ended(sheet, one)
    if isinstance(one.body, Filed) and (filing is None or not stands(sheet.gathered.state, filing)):
        return
    counter = _COUNTERS.get(type(one.body))
    if counter is not None:
        counter(sheet, one)
    name = _OF_MEMBER.get(type(one.body))
    if name is not None:
        sheet.count(name, [one.member], one.index)
    if filing is not None and isinstance(one.body, ANSWERABLE):
        _awaited(sheet, filing)
    if one.body.is_incident:
        about = getattr(one.body, "id", None)
        sheet.count("incidents", [] if about is None else [about], one.index)


def _awaited(sheet: Sheet, filing: Filing) -> None:
    """Count the replies that are awaited to a filing."""
    for reply in awaited(sheet.gathered.state, filing, sheet.as_of):
        sheet.count("replies.awaited", [reply.authority], filing.index)
        name = "open" if reply.standing is Standing.DUE_SOON else reply.standing.value
        sheet.count(f"replies.{name}", [reply.authority], filing.index)


def _ended(sheet: Sheet, one: Stated) -> None:
    """Count a statement that has ended an entry which was not ended before it.

    What the panel has struck stays so, also if the key of the last ballot is revoked later.
    """
    state = sheet.gathered.state
    index = getattr(one.body, "entry", None)
    entry = None if index is None else state.entry(index)
    if entry is None:
        return
    ends = [entry.voided_index, entry.withdrawn_index if standing.withdrawn(state, entry) else None]
    if one.index == min((end for end in ends if end is not None), default=None):
        sheet.count("entries.ended", [entry.member], one.index)


def _suspended(sheet: Sheet, one: Stated) -> None:
    assert isinstance(one.body, MemberSuspend)  # noqa: S101  # as `_COUNTERS` has it
    sheet.count("suspensions", [one.body.id], one.index)


def _notice(sheet: Sheet, one: Stated) -> None:
    """Count a notice, for each of its addressees."""
    filing = sheet.gathered.state.filing(one.index)
    assert filing is not None  # noqa: S101  # `_count` has looked
    for case in cases_of(sheet.gathered.state, filing, sheet.as_of):
        _case(sheet, case)


def _case(sheet: Sheet, case: NoticeCase) -> None:
    """Count a notice for one addressee."""
    leaf, who = case.filing.index, [case.member]

    def tick(name: str) -> None:
        sheet.count_of(f"notices.{name}", who, leaf)

    tick("valid")
    tick(f"channel.{case.notice.channel.value}")
    tick(f"basis.{case.notice.basis.value}")
    if case.confirmed_at is not None:
        tick("confirmed")
    if case.standing.waits:
        tick("overdue" if case.standing is Standing.OVERDUE else "open")
        return
    tick("answered")
    first, decision = case.decisions[0], case.decision
    assert decision is not None  # noqa: S101  # it is answered
    if first.moment - case.filing.moment <= DAY:
        tick("within-24h")
    if case.standing is Standing.ANSWERED:
        tick("within-clock")
    if decision.outcome.acted:
        tick("acted")
    if decision.notified is not None:
        tick("feedback")
    tick(f"outcome.{decision.outcome.value}")
    for label in case.notice.labels:
        tick(f"label.{label}.answered")
        if decision.outcome.acted:
            tick(f"label.{label}.acted")


def _times(sheet: Sheet) -> None:
    """The median and the 95th percentile of the seconds from a notice to the first decision on it."""
    state = sheet.gathered.state
    for scope in sheet.scopes("notices.answered"):
        leaves = sorted(set(sheet.leaves(scope, "notices.answered")))
        if not leaves:
            continue
        seconds = [
            max(0, case.decisions[0].moment - case.filing.moment)  # clocks may be minutes apart
            for leaf in leaves
            for filing in [state.filing(leaf)]
            if filing is not None
            for case in cases_of(state, filing, sheet.as_of)
            if case.decisions and scope in {OVERALL, case.member}
        ]
        for name, of_hundred in (("median", 50), ("95th", 95)):
            value = nearest_rank(seconds, of_hundred)
            sheet.made(Figure(scope, f"notices.seconds.{name}", value, "seconds", tuple(leaves)))


def _appeal(sheet: Sheet, one: Stated) -> None:
    filing = sheet.gathered.state.filing(one.index)
    assert filing is not None  # noqa: S101  # as above
    case = appeal_case(sheet.gathered.state, filing, sheet.as_of)
    who = [] if case.owner is None else [case.owner]
    sheet.count("appeals.made", who, filing.index)
    if case.stage in {Stage.UPHELD, Stage.REJECTED}:
        sheet.count(f"appeals.{case.stage.value}", who, filing.index)
        if any(ruled.member != case.owner for ruled in case.rulings):
            sheet.count("appeals.by-panel", who, filing.index)
    else:
        late = case.standing is Standing.OVERDUE
        sheet.count("appeals.overdue" if late else "appeals.open", who, filing.index)


def _entry(sheet: Sheet, one: Stated) -> None:
    state = sheet.gathered.state
    entry = state.entry(one.index)
    if entry is None or not standing.stands(state, entry.key, entry.index) or entry.basis is Basis.BENIGN:
        return
    who = [entry.member]
    sheet.count("entries.shared", who, entry.index)
    if entry.basis is Basis.LAW:
        sheet.count("entries.by-law", who, entry.index)
        if entry.authority is not None:
            sheet.count("entries.asked-for", [entry.authority], entry.index)


def _opinions(sheet: Sheet) -> None:
    """Count the shared entries that others endorse or dispute, at the end of the quarter."""
    state = sheet.gathered.state
    given: dict[int, dict[str, tuple[Stance, bytes, int]]] = defaultdict(dict)
    for one in sheet.gathered.stated:
        body = one.body
        if one.moment > sheet.as_of:
            continue
        if isinstance(body, GiveOpinion):
            given[body.entry][one.member] = body.stance, one.key, one.index
        elif isinstance(body, Ruling) and body.entry is not None:
            appeal = state.filing(body.appeal)
            entry = state.entry(body.entry)
            if appeal is None or entry is None or Appeal.read(appeal).decision is None:
                continue  # a ruling about an entry ends it
            if entry.member != one.member:
                given[body.entry][one.member] = Stance.DISPUTE, one.key, one.index
    for index in list(sheet.leaves(OVERALL, "entries.shared")):
        entry = state.entry(index)
        assert entry is not None  # noqa: S101  # it was counted
        stances = [stance for stance, key, at in given[index].values() if standing.stands(state, key, at)]
        if Stance.DISPUTE in stances:
            sheet.count("entries.disputed", [entry.member], index)
        if stances.count(Stance.ENDORSE) >= _ENDORSED:
            sheet.count("entries.endorsed-by-two", [entry.member], index)


def _contacts(sheet: Sheet) -> None:
    """Count the contact points that were to be confirmed again at the end of the quarter."""
    for point in Point:
        confirmed = _newest(sheet, ContactConfirm, point.value)
        for member, filing in _newest(sheet, Contact, point.value).items():
            later = confirmed.get(member, filing)
            since = later.moment if later.index > filing.index else filing.moment
            if point_at(filing, since, sheet.as_of).overdue:
                sheet.count("contacts.overdue", [member], filing.index)


def _newest(sheet: Sheet, kind: type[Filed], about: str) -> dict[str, Filing]:
    """Each member's newest filing of that kind about that at the end of the quarter, if it stands."""
    state = sheet.gathered.state
    found = {one.member: one for one in state.filings(kind.kind, about) if one.moment <= sheet.as_of}
    return {member: one for member, one in found.items() if stands(state, one)}


def _reports(sheet: Sheet) -> None:
    """Add what members have reported of the quarter's months, whenever they did: tallies and trainings."""
    state = sheet.gathered.state
    for month in sheet.quarter.months:
        for filing in state.filings(Training.kind, month):
            if stands(state, filing):
                sheet.count("trainings", [filing.member], filing.index)
        reported = {filing.member: filing for filing in state.filings(Tally.kind, month)}
        for filing in reported.values():  # a member's newest of the month
            if stands(state, filing):
                _tally(sheet, filing, Tally.read(filing))


def _tally(sheet: Sheet, filing: Filing, body: Tally) -> None:
    sheet.add("uploads.checked", filing.member, filing.index, body.checked)
    for place, name in enumerate(("matched", "acted", "let-stand"), 1):
        total = sum(int(count[place]) for count in body.counts)
        sheet.add(f"uploads.{name}", filing.member, filing.index, total)


_COUNTERS: Final[Mapping[type, Callable[[Sheet, Stated], None]]] = {
    Notice: _notice,
    Appeal: _appeal,
    Submit: _entry,
    MemberSuspend: _suspended,
}
"""What is done with a statement of the quarter, by its kind."""
