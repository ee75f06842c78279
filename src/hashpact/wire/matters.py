"""Matters of the code of conduct as messages and back.

As in wire/codec.py, a ``from_wire`` function refuses what is missing, of the wrong size or past its limit.
A client reads a filing from the bytes of its statement.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from hashpact.domain import statements
from hashpact.domain.conduct.answers import (
    DEFAULT_MATTERS,
    MAX_MATTERS,
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
from hashpact.domain.conduct.appealed import AppealCase, Stage
from hashpact.domain.conduct.cases import NoticeCase
from hashpact.domain.conduct.clocks import Standing
from hashpact.domain.conduct.points import ContactPoint
from hashpact.domain.conduct.replies import AwaitedReply
from hashpact.domain.conduct.watching import WatchPlace
from hashpact.domain.fingerprints import commitment
from hashpact.domain.kinds import TERM, Appeal, Contact, Notice
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.kinds.lines import OneOf
from hashpact.domain.state import Filing
from hashpact.errors import InvalidInputError
from hashpact.wire.fields import (
    each,
    member_from_name,
    member_to_name,
    optional_whole,
    some,
    spelled,
    whole,
    within,
)
from hashpact.wire.v1 import conduct_pb2

_STANDING: Final = OneOf(Standing)
_STAGE: Final = OneOf(Stage)

Value = TypeVar("Value")


def filed_to_wire(detail: FiledDetail) -> conduct_pb2.Filing:
    """The message of a filing."""
    return conduct_pb2.Filing(
        index=detail.filing.index,
        statement=detail.statement,
        moment=detail.filing.moment,
        stands=detail.stands,
        private=detail.private,
        private_withheld=detail.withheld,
    )


def filed_from_wire(message: conduct_pb2.Filing) -> FiledDetail:
    """The filing in a message. Its private parts must be those that the statement commits to."""
    statement = statements.parse(message.statement).statement
    body = statement.body
    if not isinstance(body, Filed):
        msg = f"the statement is a {body.kind}, which is none of the code of conduct"
        raise InvalidInputError(msg, field="statement")
    wanted = () if message.private_withheld else body.commitments()
    if tuple(map(commitment, message.private)) != wanted:
        msg = "the private parts are not those that the statement commits to"
        raise InvalidInputError(msg, field="private")
    filing = Filing(
        whole("index", message.index),
        body.kind,
        body.subject,
        statement.member,
        statement.key,
        whole("moment", message.moment),
        body.write().encode("ascii"),
    )
    private, withheld = tuple(message.private), message.private_withheld
    return FiledDetail(filing, message.statement, message.stands, private, withheld)


def contacts_request_to_wire(after: str) -> conduct_pb2.ListContactsRequest:
    """The request for contact points of members after that one."""
    return conduct_pb2.ListContactsRequest(page_token=member_to_name(after) if after else "")


def contacts_request_from_wire(request: conduct_pb2.ListContactsRequest) -> str:
    """The member after whom a page of contact points begins."""
    token = request.page_token
    return member_from_name(token, "page_token") if token else ""


def contacts_to_wire(page: Contacts) -> conduct_pb2.ListContactsResponse:
    """The response that carries contact points."""
    return conduct_pb2.ListContactsResponse(
        contacts=[
            conduct_pb2.ContactPoint(
                contact=filed_to_wire(one.contact),
                confirmed_at=one.point.confirmed_at,
                live=one.point.live,
                overdue=one.point.overdue,
            )
            for one in page.contacts
        ],
        next_page_token="" if page.next_after is None else member_to_name(page.next_after),
    )


def contacts_from_wire(response: conduct_pb2.ListContactsResponse) -> Contacts:
    """The contact points in a response."""

    def read(message: conduct_pb2.ContactPoint) -> ContactDetail:
        detail = _part("contact", message.contact)
        point = ContactPoint(
            detail.filing,
            _body(Contact, detail, "contact"),
            whole("confirmed_at", message.confirmed_at),
            message.live,
            message.overdue,
        )
        return ContactDetail(point, detail)

    token = response.next_page_token
    after = member_from_name(token, "next_page_token") if token else None
    return Contacts(each("contacts", response.contacts, read), after)


def notices_request_to_wire(asked: MattersRequest) -> conduct_pb2.ListNoticesRequest:
    """The request for notices."""
    return conduct_pb2.ListNoticesRequest(
        to="" if asked.to is None else member_to_name(asked.to),
        by="" if asked.by is None else member_to_name(asked.by),
        labels=sorted(asked.labels),
        due_before=asked.due_before or 0,
        index=asked.index or 0,
        **_page(asked),
    )


def notices_request_from_wire(request: conduct_pb2.ListNoticesRequest) -> MattersRequest:
    """The notices that a request asks for."""
    asked = _asked(request)
    return MattersRequest(
        asked.standings,
        member_from_name(request.to, "to") if request.to else None,
        member_from_name(request.by, "by") if request.by else None,
        frozenset(some("labels", request.labels, TERM)),
        whole("due_before", request.due_before) or None,
        whole("index", request.index) or None,
        asked.after,
        asked.size,
    )


def notices_to_wire(page: Matters[NoticeDetail]) -> conduct_pb2.ListNoticesResponse:
    """The response that carries notices: each with the first of its cases only."""
    cases, before = [], None
    for one in page.matters:
        cases.append(case_to_wire(one, again=one.notice.filing.index == before))
        before = one.notice.filing.index
    return conduct_pb2.ListNoticesResponse(cases=cases, next_after=page.next_after or 0)


def case_to_wire(one: NoticeDetail, *, again: bool = False) -> conduct_pb2.NoticeCase:
    """The message of a case; without its notice if the case before was of the same."""
    return conduct_pb2.NoticeCase(
        notice=None if again else filed_to_wire(one.notice),
        member=member_to_name(one.case.member),
        due=one.case.due,
        standing=one.case.standing.value,
        confirmed_at=one.case.confirmed_at,
        decisions=map(filed_to_wire, one.decisions),
        priority=one.case.priority,
    )


def notices_from_wire(response: conduct_pb2.ListNoticesResponse) -> Matters[NoticeDetail]:
    """The notices in a response."""
    before: FiledDetail | None = None

    def read(message: conduct_pb2.NoticeCase) -> NoticeDetail:
        nonlocal before
        found = case_from_wire(message, before)
        before = found.notice
        return found

    return Matters(each("cases", response.cases, read), whole("next_after", response.next_after) or None)


def case_from_wire(message: conduct_pb2.NoticeCase, before: FiledDetail | None = None) -> NoticeDetail:
    """The case in a message; of the notice ``before`` if it has none itself."""
    notice = before if before and not message.HasField("notice") else _part("notice", message.notice)
    decisions = each("decisions", message.decisions, filed_from_wire)
    case = NoticeCase(
        filing=notice.filing,
        notice=_body(Notice, notice, "notice"),
        member=member_from_name(message.member, "member"),
        due=whole("due", message.due),
        confirmed_at=optional_whole(message, "confirmed_at"),
        decisions=tuple(one.filing for one in decisions),
        standing=spelled("standing", message.standing, _STANDING),
        priority=message.priority,
    )
    return NoticeDetail(case, notice, decisions)


def watch_request_to_wire(seen: WatchPlace) -> conduct_pb2.WatchNoticesRequest:
    """The request to watch from there on."""
    return conduct_pb2.WatchNoticesRequest(position=seen.position, moment=seen.moment)


def watch_request_from_wire(request: conduct_pb2.WatchNoticesRequest) -> WatchPlace:
    """What the caller has seen."""
    return WatchPlace(whole("position", request.position), whole("moment", request.moment))


def change_to_wire(change: NoticeChange) -> conduct_pb2.WatchNoticesResponse:
    """The message of a change."""
    return conduct_pb2.WatchNoticesResponse(
        case=None if change.detail is None else case_to_wire(change.detail),
        before="" if change.before is None else change.before.value,
        position=change.seen.position,
        moment=change.seen.moment,
    )


def change_from_wire(message: conduct_pb2.WatchNoticesResponse) -> NoticeChange:
    """The change in a message."""
    with within("case"):
        detail = case_from_wire(message.case) if message.HasField("case") else None
    known = spelled("before", message.before, _STANDING) if message.before else None
    return NoticeChange(
        detail, known, WatchPlace(whole("position", message.position), whole("moment", message.moment))
    )


def appeals_request_to_wire(asked: MattersRequest) -> conduct_pb2.ListAppealsRequest:
    """The request for appeals."""
    return conduct_pb2.ListAppealsRequest(index=asked.index or 0, **_page(asked))


def appeals_request_from_wire(request: conduct_pb2.ListAppealsRequest) -> MattersRequest:
    """The appeals that a request asks for."""
    asked = _asked(request)
    index = whole("index", request.index) or None
    return MattersRequest(asked.standings, index=index, after=asked.after, size=asked.size)


def appeals_to_wire(page: Matters[AppealDetail]) -> conduct_pb2.ListAppealsResponse:
    """The response that carries appeals."""
    cases = [
        conduct_pb2.AppealCase(
            appeal=filed_to_wire(one.appeal),
            owner="" if one.case.owner is None else member_to_name(one.case.owner),
            due=one.case.due,
            standing=one.case.standing.value,
            stage=one.case.stage.value,
            rulings=map(filed_to_wire, one.rulings),
        )
        for one in page.matters
    ]
    return conduct_pb2.ListAppealsResponse(cases=cases, next_after=page.next_after or 0)


def appeals_from_wire(response: conduct_pb2.ListAppealsResponse) -> Matters[AppealDetail]:
    """The appeals in a response."""

    def read(message: conduct_pb2.AppealCase) -> AppealDetail:
        appeal = _part("appeal", message.appeal)
        rulings = each("rulings", message.rulings, filed_from_wire)
        case = AppealCase(
            filing=appeal.filing,
            appeal=_body(Appeal, appeal, "appeal"),
            owner=member_from_name(message.owner, "owner") if message.owner else None,
            due=whole("due", message.due),
            rulings=tuple(one.filing for one in rulings),
            stage=spelled("stage", message.stage, _STAGE),
            standing=spelled("standing", message.standing, _STANDING),
        )
        return AppealDetail(case, appeal, rulings)

    return Matters(each("cases", response.cases, read), whole("next_after", response.next_after) or None)


def replies_request_to_wire(asked: MattersRequest) -> conduct_pb2.ListRepliesRequest:
    """The request for replies."""
    return conduct_pb2.ListRepliesRequest(**_page(asked))


def replies_request_from_wire(request: conduct_pb2.ListRepliesRequest) -> MattersRequest:
    """The replies that a request asks for."""
    return _asked(request)


def replies_to_wire(page: Matters[ReplyDetail]) -> conduct_pb2.ListRepliesResponse:
    """The response that carries replies."""
    cases = [
        conduct_pb2.AwaitedReply(
            matter=filed_to_wire(one.matter),
            authority=member_to_name(one.awaited.authority),
            due=one.awaited.due,
            standing=one.awaited.standing.value,
            reply=None if one.reply is None else filed_to_wire(one.reply),
        )
        for one in page.matters
    ]
    return conduct_pb2.ListRepliesResponse(cases=cases, next_after=page.next_after or 0)


def replies_from_wire(response: conduct_pb2.ListRepliesResponse) -> Matters[ReplyDetail]:
    """The replies in a response."""

    def read(message: conduct_pb2.AwaitedReply) -> ReplyDetail:
        matter = _part("matter", message.matter)
        reply = _part("reply", message.reply) if message.HasField("reply") else None
        awaited = AwaitedReply(
            matter.filing,
            member_from_name(message.authority, "authority"),
            whole("due", message.due),
            None if reply is None else reply.filing,
            spelled("standing", message.standing, _STANDING),
        )
        return ReplyDetail(awaited, matter, reply)

    return Matters(each("cases", response.cases, read), whole("next_after", response.next_after) or None)


def filings_request_to_wire(kind: str, asked: MattersRequest) -> conduct_pb2.ListFilingsRequest:
    """The request for filings of a kind."""
    return conduct_pb2.ListFilingsRequest(kind=kind, after=asked.after, page_size=asked.size)


def filings_request_from_wire(request: conduct_pb2.ListFilingsRequest) -> tuple[str, MattersRequest]:
    """The kind and the page that a request asks for."""
    return request.kind, MattersRequest(after=whole("after", request.after), size=_size(request.page_size))


def filings_to_wire(page: Matters[FiledDetail]) -> conduct_pb2.ListFilingsResponse:
    """The response that carries filings."""
    filings = map(filed_to_wire, page.matters)
    return conduct_pb2.ListFilingsResponse(filings=filings, next_after=page.next_after or 0)


def filings_from_wire(response: conduct_pb2.ListFilingsResponse) -> Matters[FiledDetail]:
    """The filings in a response."""
    found = each("filings", response.filings, filed_from_wire)
    return Matters(found, whole("next_after", response.next_after) or None)


def _page(asked: MattersRequest) -> dict[str, Any]:
    standings = sorted(one.value for one in asked.standings)
    return {"standings": standings, "after": asked.after, "page_size": asked.size}


def _asked(request: Any) -> MattersRequest:  # noqa: ANN401  # a message with the fields of a page
    standings = frozenset(some("standings", request.standings, _STANDING))
    return MattersRequest(standings, after=whole("after", request.after), size=_size(request.page_size))


def _size(size: int) -> int:
    return min(whole("page_size", size) or DEFAULT_MATTERS, MAX_MATTERS)


def _part(field: str, message: conduct_pb2.Filing) -> FiledDetail:
    with within(field):
        return filed_from_wire(message)


def _body(kind: type[Value], detail: FiledDetail, field: str) -> Value:
    body = statements.parse(detail.statement).statement.body
    if not isinstance(body, kind):
        msg = f"the statement is a {body.kind}"
        raise InvalidInputError(msg, field=f"{field}.statement")
    return body
