"""Entries and messages: an entry as members see it, and pages of changes, in both directions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hashpact.domain import kinds, statements
from hashpact.domain.fingerprints import commitment
from hashpact.domain.kinds import Submit
from hashpact.domain.messages import (
    DEFAULT_CHANGES,
    MAX_CHANGES,
    ChangedEntries,
    ChangesRequest,
    EntryDetail,
)
from hashpact.domain.state import Opinion
from hashpact.errors import InvalidInputError
from hashpact.wire.fields import (
    HASH_SIZE,
    count,
    each,
    entry_from_name,
    entry_to_name,
    member_from_name,
    member_to_name,
    optional_whole,
    sized,
    spelled,
    whole,
    within,
)
from hashpact.wire.v1 import log_pb2


def entry_to_wire(detail: EntryDetail) -> log_pb2.Entry:
    """The message of an entry."""
    entry = detail.entry
    opinions = [
        log_pb2.Opinion(
            member=member_to_name(given.member),
            stance=given.stance.value,
            index=given.index,
            key=given.key,
            reason=given.reason,
        )
        for given in detail.opinions
    ]
    message = log_pb2.Entry(
        name=entry_to_name(entry.index),
        statement=detail.statement,
        private=detail.private,
        member=member_to_name(entry.member),
        opinions=opinions,
        stands=detail.stands,
        private_withheld=detail.withheld,
    )
    if entry.withdrawn_index is not None:
        message.withdrawal.index = entry.withdrawn_index
        message.withdrawal.reason = entry.withdrawn_reason or ""
        message.withdrawal.key = entry.withdrawn_by or b""
    if entry.voided_index is not None:
        message.voiding.index = entry.voided_index
        message.voiding.reason = entry.voided_reason or ""
    return message


def entry_from_wire(response: log_pb2.GetEntryResponse | log_pb2.ListEntriesResponse) -> EntryDetail:
    """The entry in a response.

    Its fields are read from the statement's bytes, and the private parts, unless they are withheld, must be
    those it commits to.
    """
    detail, commitments = entry_as_sent(response)
    if tuple(map(commitment, detail.private)) != (() if detail.withheld else commitments):
        msg = "the private parts are not those that the statement commits to"
        raise InvalidInputError(msg, field="entry.private")
    return detail


def entry_as_sent(
    response: log_pb2.GetEntryResponse | log_pb2.ListEntriesResponse,
) -> tuple[EntryDetail, tuple[bytes, ...]]:
    """The entry in a response, and the commitments of its statement.

    Its private parts can be any bytes: an auditor compares them itself, names the leaf, and goes on.
    """
    if not response.HasField("entry"):
        msg = "an answer has an entry"
        raise InvalidInputError(msg, field="entry")
    with within("entry"):
        return _as_sent(response.entry)


def _as_sent(message: log_pb2.Entry) -> tuple[EntryDetail, tuple[bytes, ...]]:
    statement = statements.parse(message.statement).statement
    submit = statement.body
    if not isinstance(submit, Submit) or statement.member != member_from_name(message.member, "member"):
        msg = "the statement is not a submission of the entry's member"
        raise InvalidInputError(msg, field="statement")
    entry = submit.entry(entry_from_name(message.name), statement.member, statement.key, statement.time)
    if message.HasField("withdrawal"):
        ended = message.withdrawal
        entry = replace(
            entry,
            withdrawn_index=whole("withdrawal.index", ended.index),
            withdrawn_reason=spelled("withdrawal.reason", ended.reason, kinds.REASON.spelling),
            withdrawn_by=sized("withdrawal.key", ended.key, HASH_SIZE),
        )
    if message.HasField("voiding"):
        reason = spelled("voiding.reason", message.voiding.reason, kinds.REASON.spelling)
        struck = whole("voiding.index", message.voiding.index)
        entry = replace(entry, voided_index=struck, voided_reason=reason)
    opinions = each("opinions", message.opinions, partial(_opinion_from_wire, entry.index))
    private, withheld = tuple(message.private), message.private_withheld
    detail = EntryDetail(entry, message.statement, private, opinions, message.stands, withheld)
    return detail, submit.items


def changes_request_to_wire(request: ChangesRequest) -> log_pb2.ListChangesRequest:
    """The request of a page of changes."""
    return log_pb2.ListChangesRequest(
        since=request.since, after=request.after, page_size=request.size, with_private=request.with_private
    )


def changes_request_from_wire(request: log_pb2.ListChangesRequest) -> ChangesRequest:
    """The page of changes that a request asks for."""
    if not 0 <= request.page_size <= MAX_CHANGES:
        msg = f"page_size is 0 for {DEFAULT_CHANGES}, or from 1 to {MAX_CHANGES}"
        raise InvalidInputError(msg, field="page_size")
    since, after = whole("since", request.since), optional_whole(request, "after")
    return ChangesRequest(since, after, request.page_size or DEFAULT_CHANGES, request.with_private)


def changes_to_wire(page: ChangedEntries) -> log_pb2.ListChangesResponse:
    """The response that carries a page of changes."""
    return log_pb2.ListChangesResponse(
        entries=map(entry_to_wire, page.entries),
        next=page.next,
        next_after=page.next_after,
        position=page.position,
        moment=page.moment,
    )


def changes_from_wire(response: log_pb2.ListChangesResponse) -> ChangedEntries:
    """The page of changes in a response; entries may have no private parts, or all of their statement's."""
    count("entries", response.entries, 0, MAX_CHANGES)
    return ChangedEntries(
        each("entries", response.entries, _changed_from_wire),
        whole("next", response.next),
        optional_whole(response, "next_after"),
        whole("position", response.position),
        whole("moment", response.moment),
    )


def _changed_from_wire(message: log_pb2.Entry) -> EntryDetail:
    detail, commitments = _as_sent(message)
    if tuple(map(commitment, detail.private)) not in ((), commitments):
        msg = "the private parts are not those that the statement commits to"
        raise InvalidInputError(msg, field="private")
    return detail


def _opinion_from_wire(entry: int, opinion: log_pb2.Opinion) -> Opinion:
    return Opinion(
        entry=entry,
        member=member_from_name(opinion.member, "member"),
        stance=spelled("stance", opinion.stance, kinds.STANCE.spelling),
        index=whole("index", opinion.index),
        key=sized("key", opinion.key, HASH_SIZE),
        reason=(
            spelled("reason", opinion.reason, kinds.REASON.spelling) if opinion.HasField("reason") else None
        ),
    )
