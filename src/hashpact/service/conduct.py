"""Conduct: matters of the code of conduct as they stand now, for the members whom they concern."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from hashpact.domain.conduct.answers import (
    AppealDetail,
    ContactDetail,
    Contacts,
    FiledDetail,
    Matters,
    MattersRequest,
    NoticeChange,
    NoticeDetail,
    ReplyDetail,
)
from hashpact.domain.conduct.appealed import appeal_case
from hashpact.domain.conduct.audience import may_read
from hashpact.domain.conduct.cases import case_of, cases_of
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.points import points_of
from hashpact.domain.conduct.replies import ANSWERABLE, awaited
from hashpact.domain.conduct.watching import Addressed, MemberWatch, WatchPlace
from hashpact.domain.kinds import Appeal, Notice
from hashpact.domain.kinds.conduct.filed import stands
from hashpact.domain.ports import Clock, Ledger, Snapshot
from hashpact.domain.state import Filing, Member
from hashpact.errors import CorruptError, InvalidInputError, NotFoundError

LISTED: Final = frozenset({"action-done", "methods", "practice", "review", "tally", "training"})
"""The kinds that `MatterReader.filings` lists: what is reported to all members."""

_LOOKED_AT: Final = 500
"""Filings that are looked at for one page; a page may be short, and the next one goes on."""
_CHUNK: Final = 100
_MEMBERS: Final = 100
"""Members that are looked at for one page of contact points, at most."""
_PAGE: Final = 1024 * 1024
"""Bytes after which a page ends: a notice alone may have 2 MiB, and as many addressees as there may be."""


class _Sized(Protocol):
    """What a page has."""

    @property
    def size(self) -> int:
        """Its bytes."""


_Matter = TypeVar("_Matter", bound=_Sized)
_Derive = Callable[[Snapshot, Filing], Iterator[_Matter]]


@dataclass(frozen=True, slots=True)
class MatterReader:
    """Reads matters of the code of conduct for members. ``clock`` is in Unix seconds."""

    ledger: Ledger
    clock: Clock
    _addressed: Addressed = field(default_factory=Addressed, init=False, repr=False)

    def watch(self, member: str, seen: WatchPlace) -> MemberWatch:
        """A watch of the notices to that member, from what was seen on."""
        return MemberWatch(member, seen, self._addressed)

    def contacts(self, after: str) -> Contacts:
        """The contact points of members whose ids sort after that one, by member and what they are for."""
        now, size = self.clock(), 0
        found: list[ContactDetail] = []
        with self.ledger.snapshot() as view:
            members = view.members(after, _MEMBERS)
            for member in members:
                for point in points_of(view, member.id, now):
                    found.append(ContactDetail(point, self._detail(view, point.filing, None)))
                    size += found[-1].contact.size
                if size >= _PAGE:
                    return Contacts(tuple(found), member.id)
        return Contacts(tuple(found), members[-1].id if len(members) == _MEMBERS else None)

    def notices(self, caller: Member, asked: MattersRequest) -> Matters[NoticeDetail]:
        """The notices that concern the caller, as they stand for each addressee."""
        now = self.clock()

        def derive(view: Snapshot, filing: Filing) -> Iterator[NoticeDetail]:
            if not may_read(view, filing, caller) or (asked.by is not None and filing.member != asked.by):
                return
            notice = self._detail(view, filing, caller)
            for case in cases_of(view, filing, now):
                if (
                    (not asked.standings or case.standing in asked.standings)
                    and (asked.to is None or case.member == asked.to)
                    and (not asked.labels or not asked.labels.isdisjoint(case.notice.labels))
                    and (asked.due_before is None or case.due < asked.due_before)
                ):
                    decisions = tuple(self._detail(view, one, caller) for one in case.decisions)
                    yield NoticeDetail(case, notice, decisions)

        return self._page((Notice.kind,), asked, derive)

    def changes(self, caller: Member, watch: MemberWatch) -> Iterator[NoticeChange | None]:
        """What has changed of the notices to the caller since the watch has looked: first what has priority.

        None after each stretch of the log that was looked at. If all is taken, the watch has seen it.
        """
        size, now, since = self.ledger.head().size, self.clock(), watch.seen
        if not watch.is_due(size, now):
            return
        found: dict[int, tuple[tuple[bool, int, int], Standing | None]] = {}
        more = True
        while more:
            with self.ledger.snapshot() as view:
                changed, more = watch.look(view, size, now)
            found |= {one.case.filing.index: (one.case.order, one.before) for one in changed}
            yield None
        seen = WatchPlace(size, now)
        waiting = sorted(found.items(), key=lambda one: one[1][0])
        for number, (index, (_, known)) in enumerate(waiting, 1):
            with self.ledger.snapshot() as view:
                filing = view.filing(index)
                if filing is None:
                    continue
                case = case_of(view, filing, caller.id, now)
                decisions = tuple(self._detail(view, one, caller) for one in case.decisions)
                detail = NoticeDetail(case, self._detail(view, filing, caller), decisions)
            yield NoticeChange(detail, known, seen if number == len(waiting) else since)
        watch.seen = seen

    def appeals(self, caller: Member, asked: MattersRequest) -> Matters[AppealDetail]:
        """The appeals as they stand."""
        now = self.clock()

        def derive(view: Snapshot, filing: Filing) -> Iterator[AppealDetail]:
            case = appeal_case(view, filing, now)
            if stands(view, filing) and (not asked.standings or case.standing in asked.standings):
                rulings = tuple(self._detail(view, one, caller) for one in case.rulings)
                yield AppealDetail(case, self._detail(view, filing, caller), rulings)

        return self._page((Appeal.kind,), asked, derive)

    def replies(self, caller: Member, asked: MattersRequest) -> Matters[ReplyDetail]:
        """The replies that are awaited from authorities, or were given."""
        now = self.clock()

        def derive(view: Snapshot, filing: Filing) -> Iterator[ReplyDetail]:
            for one in awaited(view, filing, now):
                if not asked.standings or one.standing in asked.standings:
                    reply = None if one.reply is None else self._detail(view, one.reply, caller)
                    yield ReplyDetail(one, self._detail(view, filing, caller), reply)

        return self._page(tuple(kind.kind for kind in ANSWERABLE), asked, derive)

    def filings(self, caller: Member, kind: str, asked: MattersRequest) -> Matters[FiledDetail]:
        """The statements of one of the kinds that are reported to all members. Raises InvalidInputError."""
        if kind not in LISTED:
            msg = f"kind: want one of {', '.join(sorted(LISTED))}"
            raise InvalidInputError(msg, field="kind")

        def derive(view: Snapshot, filing: Filing) -> Iterator[FiledDetail]:
            yield self._detail(view, filing, caller)

        return self._page((kind,), asked, derive)

    def document(self, digest: bytes) -> bytes:
        """The document with that SHA-256. Raises NotFoundError."""
        document = self.ledger.document(digest)
        if document is None:
            msg = "no statement names a document with that SHA-256"
            raise NotFoundError(msg, resource=f"documents/{digest.hex()}")
        return document

    def _page(
        self, kinds: tuple[str, ...], asked: MattersRequest, derive: _Derive[_Matter]
    ) -> Matters[_Matter]:
        """What is derived from the filings of these kinds, from ``asked.after`` on."""
        found: list[_Matter] = []
        with self.ledger.snapshot() as view:
            if asked.index is not None:
                filing = view.filing(asked.index)
                one = [] if filing is None or filing.kind not in kinds else [filing]
                return Matters(tuple(matter for each in one for matter in derive(view, each)))
            after, looked_at, size = asked.after, 0, 0
            while looked_at < _LOOKED_AT:
                chunk = view.filed(kinds, after, _CHUNK)
                for filing in chunk:
                    more = list(derive(view, filing))
                    found += more
                    size += sum(one.size for one in more)
                    after = filing.index
                    looked_at += 1
                    if len(found) >= asked.size or size >= _PAGE:
                        return Matters(tuple(found), after)
                if len(chunk) < _CHUNK:
                    return Matters(tuple(found))
            return Matters(tuple(found), after)

    def _detail(self, view: Snapshot, filing: Filing, caller: Member | None) -> FiledDetail:
        """A filing with its leaf, and its private parts if the caller may read them; None is any member."""
        index = filing.index
        leaf = next(self.ledger.leaves(index, index + 1), None)
        if leaf is None:
            msg = f"leaf {index} is missing"
            raise CorruptError(msg, index=str(index))
        _, parts = next(self.ledger.confidential(index, index + 1), (index, ()))
        withheld = bool(parts) and caller is not None and not may_read(view, filing, caller)
        return FiledDetail(
            filing, leaf.data, stands(view, filing), () if withheld else tuple(parts), withheld
        )
