"""Wire messages to domain values and back, in pairs: ``x_to_wire`` and ``x_from_wire``.

A ``from_wire`` function takes nothing on trust: a missing value, or one of the wrong size or past its limit,
is an InvalidInputError whose ``details["field"]`` is the path of the field. Server and client share them, so
that an answer is read as strictly as a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from hashpact.domain import keys, kinds, standing, statements
from hashpact.domain.checks import (
    DEFAULT_LIMIT,
    MAX_QUERIES,
    Answer,
    Check,
    Disagreement,
    Filter,
    Lag,
    Match,
    NearBenign,
    Query,
    Transform,
)
from hashpact.domain.fingerprints import Fingerprint, Measure, type_named
from hashpact.domain.kinds import MAX_ITEMS, MAX_LABELS
from hashpact.domain.kinds.conduct.words import MAX_WORDS
from hashpact.domain.matching.views import PictureView, Texture, seen_as
from hashpact.domain.messages import (
    DEFAULT_PAGE,
    MAX_DOCUMENTS,
    MAX_PAGE,
    EntriesRequest,
    MemberDetail,
    Page,
    PageRequest,
    Submission,
)
from hashpact.domain.state import SERIAL_SIZE, Key, Member, RevokedCertificate
from hashpact.domain.statements import MAX_LEAF
from hashpact.errors import InvalidInputError
from hashpact.wire.fields import (
    FIELDS_OF,
    count,
    each,
    entry_from_name,
    entry_to_name,
    member_from_name,
    member_to_name,
    number_in,
    optional_id,
    optional_whole,
    sized,
    some,
    spelled,
    threshold_from_wire,
    whole,
    within,
)
from hashpact.wire.v1 import check_pb2, log_pb2

MAX_MESSAGE: Final = 8 * 1024 * 1024
"""The largest message of any RPC, in bytes as encoded."""

MAX_CHECK: Final = 1024 * 1024
"""The largest CheckRequest, in bytes as encoded."""

MAX_CHECK_BATCH: Final = 2304 * 1024
"""The largest CheckBatchRequest, in bytes as encoded: 4096 of the largest values, each packed by itself."""

EVERYTHING: Final = Filter()
"""The filter that narrows nothing."""

# The fields of a key that the message and the record have under one name.
_NUMBERS: Final = ("expires", "enrolled_index", "valid_from")
_OPTIONAL_NUMBERS: Final = ("rotated_index", "retires", "suspended_index", "revoked_index", "cutoff")
_OPTIONAL_IDS: Final = ("enrolled_by", "rotated_by", "revoked_by")


def check_to_wire(check: Check) -> check_pb2.CheckRequest:
    """The request of a check."""
    request = check_pb2.CheckRequest(
        queries=[_query_to_wire(query) for query in check.queries],
        limit=check.limit,
        min_position=check.min_position,
        reference=check.reference,
        again=check.again,
    )
    if check.filter != EVERYTHING:
        request.filter.CopyFrom(filter_to_wire(check.filter))
    return request


def check_from_wire(request: check_pb2.CheckRequest) -> Check:
    """The check that a request asks for."""
    count("queries", request.queries, 1, MAX_QUERIES)
    queries = each("queries", request.queries, _query_from_wire)
    narrow = filter_from_wire(request.filter) if request.HasField("filter") else EVERYTHING
    limit = request.limit or DEFAULT_LIMIT
    return Check(queries, narrow, limit, request.min_position, request.reference, request.again)


def _query_to_wire(query: Query) -> check_pb2.Query:
    shared = query.fingerprint
    fingerprint = check_pb2.Fingerprint(type=shared.type.name, value=shared.value, quality=shared.quality)
    texture = "" if query.texture is Texture.ORDINARY else query.texture.value
    view = "" if query.view is PictureView.WHOLE else query.view.value
    message = check_pb2.Query(fingerprint=fingerprint, texture=texture, view=view)
    if query.threshold is not None:
        threshold, _ = FIELDS_OF[shared.type.measure]
        setattr(message, threshold, number_in(threshold, query.threshold))
    return message


def _query_from_wire(query: check_pb2.Query) -> Query:
    if not query.HasField("fingerprint"):
        msg = "a query has a fingerprint"
        raise InvalidInputError(msg, field="fingerprint")
    shared = query.fingerprint
    quality = shared.quality if shared.HasField("quality") else None
    try:
        fingerprint = Fingerprint(type_named(shared.type), shared.value, quality)
    except InvalidInputError:
        with within("fingerprint"):
            raise
    seen = seen_as(query.view, query.texture)
    return Query(fingerprint, threshold_from_wire(fingerprint.type, query), *seen)


def filter_to_wire(narrow: Filter) -> check_pb2.Filter:
    """What narrows a check, in a request."""
    return check_pb2.Filter(
        labels=sorted(narrow.labels),
        bases=sorted(narrow.bases),
        jurisdictions=sorted(narrow.jurisdictions),
        min_endorsed_by=narrow.min_endorsed_by,
        without_disputed=narrow.without_disputed,
        without_disowned=narrow.without_disowned,
        without_benign=narrow.without_benign,
        agreeing=narrow.agreeing,
        without_quarantined=narrow.without_quarantined,
    )


def filter_from_wire(narrow: check_pb2.Filter) -> Filter:
    """What narrows a check."""
    with within("filter"):
        if narrow.min_endorsed_by < 0:
            msg = "min_endorsed_by must not be negative"
            raise InvalidInputError(msg, field="min_endorsed_by")
        bases = some("bases", narrow.bases, kinds.GROUND.spelling)
        return Filter(
            labels=frozenset(some("labels", narrow.labels, kinds.LABELS.spelling)),
            bases=frozenset(basis.value for basis in bases),
            jurisdictions=frozenset(
                some("jurisdictions", narrow.jurisdictions, kinds.JURISDICTIONS.spelling)
            ),
            min_endorsed_by=narrow.min_endorsed_by,
            without_disputed=narrow.without_disputed,
            without_disowned=narrow.without_disowned,
            without_benign=narrow.without_benign,
            agreeing=narrow.agreeing,
            without_quarantined=narrow.without_quarantined,
        )


def answer_to_wire(
    answer: Answer, pause: Callable[[], object] = bool, into: check_pb2.CheckResponse | None = None
) -> check_pb2.CheckResponse:
    """The response to a check, put ``into`` one that is there. ``pause`` is called after each match."""
    response = check_pb2.CheckResponse() if into is None else into
    lag, texts = lag_to_wire(answer.lag), answer.texts
    response.MergeFrom(
        check_pb2.CheckResponse(position=answer.position, truncated=answer.truncated, texts=texts, lag=lag)
    )
    for match in answer.matches:
        match_to_wire(match, response.matches.add)
        pause()
    return response


def answer_from_wire(response: check_pb2.CheckResponse) -> Answer:
    """The answer in a response."""
    matches = each("matches", response.matches, match_from_wire)
    texts = optional_id(response, "texts")
    position, lag = whole("position", response.position), lag_from_wire(response)
    return Answer(matches, position, response.truncated, texts, lag=lag)


def lag_to_wire(lag: Lag | None) -> check_pb2.Lag | None:
    """How old the copy of the log is, in a response."""
    return None if lag is None else check_pb2.Lag(statements=lag.statements, seconds=lag.seconds)


def lag_from_wire(response: check_pb2.CheckResponse | check_pb2.CheckBatchResponse) -> Lag | None:
    """How old the copy of the log is that a response was made from; None if no mirror made it."""
    if not response.HasField("lag"):
        return None
    lag = response.lag
    return Lag(whole("lag.statements", lag.statements), whole("lag.seconds", lag.seconds))


def match_to_wire(match: Match, make: Callable[..., check_pb2.Match] = check_pb2.Match) -> check_pb2.Match:
    """A match, in a response that can ``make`` one."""
    message = make(
        entry=entry_to_name(match.entry),
        type=match.type,
        labels=match.labels,
        basis=match.basis,
        jurisdictions=match.jurisdictions,
        member=member_to_name(match.member),
        endorsed_by=match.endorsed_by,
        disputed_by=match.disputed_by,
        shared_at=match.shared_at,
        disowned=match.disowned,
        query=match.query,
        unconfirmed=match.unconfirmed,
        quarantined=match.quarantined,
        transform=None if match.transform is None else check_pb2.Transform(**asdict(match.transform)),
    )
    _, score = FIELDS_OF[match.measure]
    setattr(message, score, number_in(score, match.score))
    if match.benign is not None:
        message.benign.entry = entry_to_name(match.benign.entry)
        setattr(message.benign, score, number_in(score, match.benign.score))
    if match.contradicted is not None:
        message.contradicted.type = match.contradicted.type
        message.contradicted.distance = match.contradicted.distance
    return message


def match_from_wire(match: check_pb2.Match) -> Match:
    """The match in a response."""
    measure = type_named(match.type).measure
    score = _score_from_wire(match.type, match)
    count("labels", match.labels, 1, MAX_LABELS)
    at = match.transform
    return Match(
        entry=entry_from_name(match.entry, "entry"),
        type=match.type,
        measure=measure,
        score=score,
        labels=tuple(match.labels),
        basis=spelled("basis", match.basis, kinds.GROUND.spelling).value,
        jurisdictions=tuple(match.jurisdictions),
        member=member_from_name(match.member, "member"),
        endorsed_by=whole("endorsed_by", match.endorsed_by),
        disputed_by=whole("disputed_by", match.disputed_by),
        shared_at=whole("shared_at", match.shared_at),
        disowned=match.disowned,
        query=whole("query", match.query),
        transform=Transform(at.scale, at.rotation, at.x, at.y) if measure is Measure.POINTS else None,
        benign=_benign_from_wire(match) if match.HasField("benign") else None,
        contradicted=_contradiction_from_wire(match) if match.HasField("contradicted") else None,
        unconfirmed=match.unconfirmed,
        quarantined=match.quarantined,
    )


def _contradiction_from_wire(match: check_pb2.Match) -> Disagreement:
    with within("contradicted"):
        other = match.contradicted
        return Disagreement(type_named(other.type).name, whole("distance", other.distance))


def _benign_from_wire(match: check_pb2.Match) -> NearBenign:
    with within("benign"):
        entry = entry_from_name(match.benign.entry, "entry")
        return NearBenign(entry, _score_from_wire(match.type, match.benign))


def _score_from_wire(kind: str, message: check_pb2.Match | check_pb2.NearBenign) -> float:
    _, wanted = FIELDS_OF[type_named(kind).measure]
    if message.WhichOneof("score") != wanted:
        msg = f"a match of {kind} has a {wanted}"
        raise InvalidInputError(msg, field="score")
    score: float = getattr(message, wanted)
    return score


def submission_to_wire(submission: Submission) -> log_pb2.AppendRequest:
    """The request that appends a submission."""
    return log_pb2.AppendRequest(
        statement=submission.statement, private=submission.private, documents=submission.documents
    )


def submission_from_wire(request: log_pb2.AppendRequest) -> Submission:
    """The submission in a request: checks sizes only; the service judges the bytes."""
    if not 0 < len(request.statement) <= MAX_LEAF:
        msg = f"statement has {len(request.statement)} bytes; want 1 to {MAX_LEAF}"
        raise InvalidInputError(msg, field="statement")
    count("private", request.private, 0, MAX_ITEMS + 1)
    count("documents", request.documents, 0, MAX_DOCUMENTS)
    for number, part in enumerate(request.private):
        if not 0 < len(part) <= MAX_WORDS:
            msg = f"private part {number} has {len(part)} bytes; want 1 to {MAX_WORDS}"
            raise InvalidInputError(msg, field=f"private[{number}]")
    return Submission(request.statement, tuple(request.private), tuple(request.documents))


def entries_request_to_wire(request: EntriesRequest) -> log_pb2.ListEntriesRequest:
    """The request for entries."""
    return log_pb2.ListEntriesRequest(start=request.start, stop=request.stop)


def entries_request_from_wire(request: log_pb2.ListEntriesRequest) -> EntriesRequest:
    """The entries that a request asks for."""
    return EntriesRequest(whole("start", request.start), whole("stop", request.stop))


def page_request_to_wire(request: PageRequest) -> log_pb2.ListMembersRequest:
    """The request of one page."""
    return log_pb2.ListMembersRequest(page_size=request.size, page_token=request.token)


def page_request_from_wire(request: log_pb2.ListMembersRequest) -> PageRequest:
    """The page that a request asks for."""
    if request.page_size < 0:
        msg = f"page_size is 0 for {DEFAULT_PAGE}, or from 1 to {MAX_PAGE}"
        raise InvalidInputError(msg, field="page_size")
    if request.page_token:
        spelled("page_token", request.page_token, statements.MEMBER.spelling)
    return PageRequest(request.page_token, min(request.page_size or DEFAULT_PAGE, MAX_PAGE))


def page_to_wire(page: Page) -> log_pb2.ListMembersResponse:
    """The response that carries a page."""
    members = [_member_to_wire(detail) for detail in page.members]
    return log_pb2.ListMembersResponse(members=members, next_page_token=page.next_token)


def page_from_wire(response: log_pb2.ListMembersResponse) -> Page:
    """The page in a response."""
    members = each("members", response.members, _member_from_wire)
    return Page(members, response.next_page_token)


def _member_to_wire(detail: MemberDetail) -> log_pb2.Member:
    return log_pb2.Member(
        name=member_to_name(detail.member.id),
        roles=sorted(role.value for role in detail.member.roles),
        enrolled_index=detail.member.enrolled_index,
        suspended_index=detail.member.suspended_index,
        revoked=[log_pb2.RevokedCertificate(**one._asdict()) for one in detail.member.revoked],
        keys=[
            log_pb2.Key(
                id=key.id,
                name=key.name,
                public_key=key.public,
                use=key.use.value,
                **{field: getattr(key, field) for field in (*_NUMBERS, *_OPTIONAL_NUMBERS, *_OPTIONAL_IDS)},
            )
            for key in detail.keys
        ],
    )


def _member_from_wire(message: log_pb2.Member) -> MemberDetail:
    roles = some("roles", message.roles, kinds.ROLES.spelling)
    enrolled = whole("enrolled_index", message.enrolled_index)
    suspended = optional_whole(message, "suspended_index")
    revoked = tuple(
        RevokedCertificate(
            sized("revoked.serial", one.serial, SERIAL_SIZE),
            whole("revoked.revoked_index", one.revoked_index),
            whole("revoked.until", one.until),
        )
        for one in message.revoked
    )
    member = Member(member_from_name(message.name), frozenset(roles), enrolled, suspended, revoked)
    found = each("keys", message.keys, partial(_key_from_wire, member.id))
    # What stands of a key's statements follows from the records of the member's keys, and is not sent.
    settled = {key.id: key for key in standing.settled(found)}
    return MemberDetail(member, tuple(settled.get(key.id, key) for key in found))


def _key_from_wire(member_id: str, message: log_pb2.Key) -> Key:
    public = sized("public_key", message.public_key, keys.KEY_SIZE)
    if message.id != keys.key_id(public):
        msg = "the id is not that of the public key"
        raise InvalidInputError(msg, field="id")
    numbers: dict[str, Any] = {field: whole(field, getattr(message, field)) for field in _NUMBERS}
    numbers |= {field: optional_whole(message, field) for field in _OPTIONAL_NUMBERS}
    numbers |= {field: optional_id(message, field) for field in _OPTIONAL_IDS}
    if (numbers["cutoff"] is None) is not (numbers["revoked_index"] is None):
        msg = "a key that is revoked, and no other, has a cutoff"
        raise InvalidInputError(msg, field="cutoff")
    return Key(
        id=message.id,
        member=member_id,
        name=spelled("name", message.name, kinds.NAME.spelling),
        public=public,
        use=spelled("use", message.use, kinds.USE.spelling),
        **numbers,
    )
