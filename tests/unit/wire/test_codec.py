"""The codec: every value comes back as it went, and every message that is incomplete is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
from builders import ALL_TYPES, BOTH, NOW, Identity, World, fingerprint
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as some

from hashpact.domain import statements
from hashpact.domain.checks import Answer, Check, Disagreement, Filter, Match, NearBenign, Query
from hashpact.domain.fingerprints import MD5, PDQ, PHASH, SHA256, WINNOW, Fingerprint, Measure
from hashpact.domain.kinds import Submit
from hashpact.domain.matching.views import PictureView, Texture
from hashpact.domain.messages import EntriesRequest, EntryDetail, MemberDetail, Page, PageRequest, Submission
from hashpact.domain.state import Basis, Key, Member, Opinion, Role, Stance
from hashpact.errors import HashpactError, InvalidInputError
from hashpact.member.author import Reason
from hashpact.wire import codec, details, fields
from hashpact.wire.v1 import check_pb2, log_pb2

numbers = some.integers(0, 2**63 - 1)
counts = some.integers(0, 2**31 - 1)
terms = some.sampled_from(["a", "0", "ncii", "other-illegal", "x" * 64, "a-b-c"])
countries = some.sampled_from(["VN", "LA", "KH", "TH"])
member_ids = some.text("abz09-", min_size=3, max_size=32)


@some.composite
def queries(draw: some.DrawFn) -> Query:
    kind = draw(some.sampled_from(ALL_TYPES))
    shared = fingerprint(kind, draw(some.text("ab", max_size=4)))
    if kind is PDQ and draw(some.booleans()):
        shared = Fingerprint(kind, shared.value, draw(some.integers(50, 100)))
    if draw(some.booleans()):
        return Query(shared, None, draw(some.sampled_from(PictureView)), draw(some.sampled_from(Texture)))
    if kind.measure.larger_is_nearer:
        return Query(shared, draw(some.floats(kind.ceiling, 1)))
    return Query(shared, draw(some.integers(0, int(kind.ceiling))))


filters = some.builds(
    Filter,
    some.frozensets(terms, max_size=5),
    some.frozensets(some.sampled_from(["guideline", "law"])),
    some.frozensets(countries, max_size=5),
    counts,
    *[some.booleans()] * 5,
)
several = some.lists(queries(), min_size=1, max_size=4).map(tuple)
checks = some.builds(Check, several, filters, some.integers(1, 1000), numbers, some.text(max_size=16))


@some.composite
def matches(draw: some.DrawFn) -> Match:
    kind = draw(some.sampled_from(ALL_TYPES))
    similar = kind.measure in {Measure.JACCARD, Measure.CONTAINMENT}
    scores = some.floats(0, 1) if similar else some.integers(0, 256)
    return Match(
        entry=draw(numbers),
        type=kind.name,
        measure=kind.measure,
        score=draw(scores),
        labels=tuple(draw(some.lists(terms, min_size=1, max_size=8))),
        basis=draw(some.sampled_from(["guideline", "law"])),
        jurisdictions=tuple(draw(some.lists(countries, max_size=3))),
        member=draw(member_ids),
        endorsed_by=draw(counts),
        disputed_by=draw(counts),
        shared_at=draw(numbers),
        query=draw(some.integers(0, 63)),
        benign=draw(some.none() | some.builds(NearBenign, numbers, scores)),
        contradicted=draw(some.none() | some.builds(Disagreement, some.just("pdq/1"), counts)),
        unconfirmed=draw(some.booleans()),
        quarantined=draw(some.booleans()),
    )


def sent(message: Any) -> Any:  # noqa: ANN401  # a message of any type
    """The message as it comes off the wire."""
    return type(message).FromString(message.SerializeToString())


@given(checks)
def test_checks_come_back(check: Check) -> None:
    assert codec.check_from_wire(sent(codec.check_to_wire(check))) == check


@given(some.builds(Answer, some.lists(matches(), max_size=3).map(tuple), numbers))
def test_answers_come_back(answer: Answer) -> None:
    pauses: list[None] = []
    message = codec.answer_to_wire(answer, lambda: pauses.append(None))
    assert codec.answer_from_wire(sent(message)) == answer
    assert len(pauses) == len(answer.matches)


@given(
    some.builds(
        Submission,
        some.binary(min_size=1, max_size=200),
        some.lists(some.binary(min_size=1, max_size=50), max_size=4).map(tuple),
    )
)
def test_submissions_come_back_byte_for_byte(submission: Submission) -> None:
    assert codec.submission_from_wire(sent(codec.submission_to_wire(submission))) == submission


@given(some.builds(PageRequest, member_ids | some.just(""), some.integers(1, 1000)))
def test_page_requests_come_back(request: PageRequest) -> None:
    assert codec.page_request_from_wire(sent(codec.page_request_to_wire(request))) == request


def test_pages_come_back() -> None:
    details = [MemberDetail(Member("quiet", BOTH, 9, 10), ())]
    for owner in ("acme", "bolt"):
        keys = tuple(
            Key(who.id, owner, who.name, who.public, NOW, 7, revoked_index=9, cutoff=5, revoked_by=bytes(32))
            for who in (Identity.of(owner, "1"), Identity.of(owner, "spare"))
        )
        details.append(MemberDetail(Member(owner, frozenset({Role.CHECK}), 5), keys))
    for page in (Page(tuple(details), "quiet"), Page(tuple(details)), Page(())):
        assert codec.page_from_wire(sent(codec.page_to_wire(page))) == page


ENDED = {"withdrawn_index": 15, "withdrawn_reason": "mistake", "withdrawn_by": b"w" * 32}
ENDED |= {"voided_index": 16, "voided_reason": "court"}


def entry_of(submission: Submission, **changes: Any) -> EntryDetail:  # noqa: ANN401  # any field
    statement = statements.parse(submission.statement).statement
    body = statement.body
    assert isinstance(body, Submit)
    entry = replace(body.entry(12, statement.member, statement.key, statement.time), **changes)
    first = Opinion(12, "bolt", Stance.SEEN, 13, b"bolt" * 8)
    opinions = (first, replace(first, member="corp", reason="news-report"))
    private = tuple(submission.private)
    return EntryDetail(entry, submission.statement, private, opinions, entry.withdrawn_index is None)


def submission(world: World) -> Submission:
    reason = Reason(frozenset({"ncii", "hate"}), Basis.LAW, "ministry", "art-16", frozenset({"VN", "LA"}))
    return world.author("acme").submit([fingerprint(PDQ, "1"), fingerprint(SHA256, "1")], reason)


def test_entries_come_back(world: World) -> None:
    shared = submission(world)
    for detail in (entry_of(shared), entry_of(shared, **ENDED)):
        for answer in (log_pb2.GetEntryResponse, log_pb2.ListEntriesResponse):
            message: Any = answer(entry=details.entry_to_wire(detail))
            assert details.entry_from_wire(sent(message)) == detail


@given(some.builds(EntriesRequest, some.integers(0, 2**63 - 1), some.integers(0, 2**63 - 1)))
def test_requests_for_entries_come_back(asked: EntriesRequest) -> None:
    assert codec.entries_request_from_wire(sent(codec.entries_request_to_wire(asked))) == asked


def request(**changes: Any) -> check_pb2.CheckRequest:  # noqa: ANN401  # any field
    message = codec.check_to_wire(Check((Query(fingerprint(PDQ, "1")),)))
    message.MergeFrom(check_pb2.CheckRequest(**changes))
    return message


def query(kind: str = "pdq/1", size: int = 32, **changes: Any) -> check_pb2.Query:  # noqa: ANN401  # any field
    value = b"\x0f" * size
    return check_pb2.Query(fingerprint=check_pb2.Fingerprint(type=kind, value=value), **changes)


def picture(**changes: Any) -> check_pb2.Query:  # noqa: ANN401  # any field
    message = query()
    message.fingerprint.MergeFrom(check_pb2.Fingerprint(**changes))
    return message


def of_text(**changes: Any) -> check_pb2.Query:  # noqa: ANN401  # any field
    value = fingerprint(WINNOW, "1").value
    return check_pb2.Query(fingerprint=check_pb2.Fingerprint(type="winnow/1", value=value), **changes)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (check_pb2.CheckRequest(), "queries"),
        (check_pb2.CheckRequest(queries=[query()] * 65), "queries"),
        (check_pb2.CheckRequest(queries=[query(), check_pb2.Query()]), "queries[1].fingerprint"),
        (check_pb2.CheckRequest(queries=[query("")]), "queries[0].fingerprint.type"),
        (check_pb2.CheckRequest(queries=[query("pdq/2")]), "queries[0].fingerprint.type"),
        (check_pb2.CheckRequest(queries=[query(size=31)]), "queries[0].fingerprint.value"),
        (check_pb2.CheckRequest(queries=[query(size=0)]), "queries[0].fingerprint.value"),
        (check_pb2.CheckRequest(queries=[picture(value=bytes(32))]), "queries[0].fingerprint.value"),
        (check_pb2.CheckRequest(queries=[picture(quality=49)]), "queries[0].fingerprint.quality"),
        (check_pb2.CheckRequest(queries=[picture(quality=101)]), "queries[0].fingerprint.quality"),
        (check_pb2.CheckRequest(queries=[picture(quality=-1)]), "queries[0].fingerprint.quality"),
        (check_pb2.CheckRequest(queries=[query(min_similarity=0.6)]), "queries[0].min_similarity"),
        (check_pb2.CheckRequest(queries=[of_text(max_distance=3)]), "queries[0].max_distance"),
        (check_pb2.CheckRequest(queries=[query(max_distance=32)]), "threshold"),
        (check_pb2.CheckRequest(queries=[query(max_distance=-1)]), "threshold"),
        (check_pb2.CheckRequest(queries=[query("minhash/1", 512, min_similarity=0.39)]), "threshold"),
        (check_pb2.CheckRequest(queries=[query("minhash/1", 512, min_similarity=nan)]), "threshold"),
        (check_pb2.CheckRequest(queries=[query("minhash/1", 512, min_similarity=inf)]), "threshold"),
        (check_pb2.CheckRequest(queries=[of_text(min_similarity=0.6)]), "queries[0].min_similarity"),
        (check_pb2.CheckRequest(queries=[of_text(min_share=0.2)]), "threshold"),
        (check_pb2.CheckRequest(queries=[of_text(min_share=nan)]), "threshold"),
        (check_pb2.CheckRequest(queries=[query("winnow/1", 32)]), "queries[0].fingerprint.value"),
        (request(limit=1001), "limit"),
        (request(limit=-21), "limit"),
        (request(min_position=-1), "min_position"),
        (request(filter=check_pb2.Filter(min_endorsed_by=-1)), "filter.min_endorsed_by"),
        (request(filter=check_pb2.Filter(labels=["a"] * 65)), "filter.labels"),
        (request(filter=check_pb2.Filter(labels=["NCII"])), "filter.labels"),
        (request(filter=check_pb2.Filter(labels=["x" * 65])), "filter.labels"),
        (request(filter=check_pb2.Filter(bases=["whim"])), "filter.bases"),
        (request(filter=check_pb2.Filter(bases=["law"] * 65)), "filter.bases"),
        (request(filter=check_pb2.Filter(jurisdictions=["vn"])), "filter.jurisdictions"),
        (request(filter=check_pb2.Filter(jurisdictions=["VN"] * 65)), "filter.jurisdictions"),
    ],
)
def test_a_bad_check_names_its_field(message: check_pb2.CheckRequest, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        codec.check_from_wire(sent(message))
    assert refused.value.details["field"] == field
    assert len(refused.value.message) < 300


def test_defaults_of_a_check() -> None:
    check = codec.check_from_wire(check_pb2.CheckRequest(queries=[query()]))
    assert (check.limit, check.min_position, check.filter) == (20, 0, Filter())
    assert check.queries[0].threshold is None


def test_no_threshold_is_not_zero() -> None:
    check = codec.check_from_wire(sent(check_pb2.CheckRequest(queries=[query(max_distance=0)])))
    assert check.queries[0].threshold == 0
    for kind in (PHASH, MD5):
        exact = Check((Query(fingerprint(kind, "1"), 0),))
        assert codec.check_from_wire(sent(codec.check_to_wire(exact))) == exact


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (log_pb2.AppendRequest(), "statement"),
        (log_pb2.AppendRequest(statement=bytes(32 * 1024 + 1)), "statement"),
        (log_pb2.AppendRequest(statement=b"x", private=[b"y"] * 258), "private"),
        (log_pb2.AppendRequest(statement=b"x", private=[b"y", b""]), "private[1]"),
        (log_pb2.AppendRequest(statement=b"x", private=[bytes(32 * 1024 + 1)]), "private[0]"),
        (log_pb2.AppendRequest(statement=b"x", documents=[b"z"] * 3), "documents"),
    ],
)
def test_a_bad_submission_names_its_field(message: log_pb2.AppendRequest, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        codec.submission_from_wire(sent(message))
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    "name",
    [
        *("", "entries", "entries/", "entries/-1", "entries/+1", "entries/01", "entries/1_5", "entries/1 "),
        *("entries/\uff11", "entries/9223372036854775808", "entries/0x1", "entries/1/2", "entries/1\n"),
        *("Entries/1", "members/1"),
    ],
)
def test_an_entry_has_one_name(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        fields.entry_from_name(name)
    assert refused.value.details == {"field": "name"}


@given(numbers, member_ids)
def test_names_come_back(index: int, member_id: str) -> None:
    assert fields.entry_from_name(fields.entry_to_name(index)) == index
    assert fields.member_from_name(fields.member_to_name(member_id)) == member_id


@pytest.mark.parametrize("name", ["members/ab", "members/Acme", "members/a/b", "members/acme\n", "acme"])
def test_a_member_has_one_name(name: str) -> None:
    with pytest.raises(InvalidInputError):
        fields.member_from_name(name)


def test_pages_have_bounds() -> None:
    def size(wanted: int) -> int:
        return codec.page_request_from_wire(log_pb2.ListMembersRequest(page_size=wanted)).size

    assert [size(wanted) for wanted in (0, 1, 1000, 1001, 2**31 - 1)] == [100, 1, 1000, 1000, 1000]
    for bad in (log_pb2.ListMembersRequest(page_size=-1), codec.page_request_to_wire(PageRequest("../x"))):
        with pytest.raises(InvalidInputError):
            codec.page_request_from_wire(bad)


Change = Callable[[Any], object]


def answers(world: World) -> dict[str, tuple[Callable[[Any], object], Message]]:
    """A good answer of each kind, with what reads it."""
    who = Identity.of("acme")
    member = MemberDetail(Member("acme", BOTH, 1), (Key(who.id, "acme", "1", who.public, NOW, 2),))
    found = Match(3, "pdq/1", Measure.HAMMING, 4, ("ncii",), "law", ("VN",), "acme", 1, 0, NOW)
    withdrawn = entry_of(submission(world), **ENDED)
    return {
        "answer": (codec.answer_from_wire, codec.answer_to_wire(Answer((found,), 9))),
        "page": (codec.page_from_wire, codec.page_to_wire(Page((member,)))),
        "entry": (
            details.entry_from_wire,
            log_pb2.ListEntriesResponse(entry=details.entry_to_wire(withdrawn)),
        ),
        "entries": (codec.entries_request_from_wire, log_pb2.ListEntriesRequest(start=1, stop=2)),
    }


@pytest.mark.parametrize(
    ("kind", "field", "change"),
    [
        ("answer", "position", lambda one: setattr(one, "position", -1)),
        ("answer", "matches[0].score", lambda one: one.matches[0].ClearField("distance")),
        ("answer", "matches[0].score", lambda one: setattr(one.matches[0], "similarity", 0.5)),
        ("answer", "matches[0].type", lambda one: setattr(one.matches[0], "type", "pdq/9")),
        ("answer", "matches[0].entry", lambda one: setattr(one.matches[0], "entry", "entries/x")),
        ("answer", "matches[0].member", lambda one: setattr(one.matches[0], "member", "")),
        ("answer", "matches[0].labels", lambda one: one.matches[0].ClearField("labels")),
        ("answer", "matches[0].basis", lambda one: setattr(one.matches[0], "basis", "")),
        ("answer", "matches[0].endorsed_by", lambda one: setattr(one.matches[0], "endorsed_by", -1)),
        ("answer", "matches[0].query", lambda one: setattr(one.matches[0], "query", -1)),
        ("page", "members[0].name", lambda one: setattr(one.members[0], "name", "acme")),
        ("page", "members[0].roles", lambda one: one.members[0].roles.append("king")),
        ("page", "members[0].keys[0].id", lambda one: setattr(one.members[0].keys[0], "id", bytes(32))),
        (
            "page",
            "members[0].keys[0].public_key",
            lambda one: setattr(one.members[0].keys[0], "public_key", b""),
        ),
        ("page", "members[0].keys[0].name", lambda one: setattr(one.members[0].keys[0], "name", "A")),
        ("entry", "entry", lambda one: one.ClearField("entry")),
        ("entry", "entry.name", lambda one: setattr(one.entry, "name", "entries/")),
        ("entry", "entry.statement", lambda one: setattr(one.entry, "member", "members/bolt")),
        ("entry", "entry.note", lambda one: setattr(one.entry, "statement", b"")),
        ("entry", "entry.private", lambda one: one.entry.private.pop()),
        ("entry", "entry.private", lambda one: one.entry.private.reverse()),
        ("entry", "entry.opinions[1].stance", lambda one: setattr(one.entry.opinions[1], "stance", "like")),
        ("entry", "entry.opinions[0].reason", lambda one: setattr(one.entry.opinions[0], "reason", "")),
        ("entry", "entry.opinions[1].reason", lambda one: setattr(one.entry.opinions[1], "reason", "A b")),
        ("entry", "entry.withdrawal.index", lambda one: setattr(one.entry.withdrawal, "index", -1)),
        ("entry", "entry.withdrawal.reason", lambda one: setattr(one.entry.withdrawal, "reason", "")),
        ("entries", "start", lambda one: setattr(one, "start", -1)),
        ("entries", "stop", lambda one: setattr(one, "stop", -1)),
    ],
)
def test_a_bad_answer_names_its_field(world: World, kind: str, field: str, change: Change) -> None:
    read, message = answers(world)[kind]
    read(sent(message))
    change(message)
    with pytest.raises(InvalidInputError) as refused:
        read(sent(message))
    assert refused.value.details["field"] == field


def test_an_entry_that_is_no_submission_is_refused(world: World) -> None:
    message = log_pb2.GetEntryResponse(entry=details.entry_to_wire(entry_of(submission(world))))
    message.entry.statement = world.author("acme").withdraw(3, "mistake").statement
    with pytest.raises(InvalidInputError):
        details.entry_from_wire(message)


@given(some.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for kind, read in (
        (check_pb2.CheckRequest, codec.check_from_wire),
        (log_pb2.AppendRequest, codec.submission_from_wire),
        (log_pb2.GetEntryResponse, details.entry_from_wire),
        (log_pb2.ListEntriesRequest, codec.entries_request_from_wire),
        (log_pb2.ListMembersResponse, codec.page_from_wire),
    ):
        message: Any = kind()
        try:
            message.ParseFromString(data)
        except Exception:  # noqa: BLE001, S112  # protobuf's own refusal is not this test's
            continue
        reader: Any = read
        try:
            reader(message)
        except HashpactError as error:
            assert "field" in error.details  # noqa: PT017  # most inputs are refused, some are not
