"""The steps of checks, for both clients: what is sent in which calls, and what is made of the answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from hashpact.domain.checks import MAX_LIMIT, MAX_QUERIES, Answer, Check, Filter, Query
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.matching.batches import DEFAULT_EACH, MAX_BATCH, MAX_EACH, together
from hashpact.domain.matching.own import OwnTerms
from hashpact.domain.matching.unchecked import Unchecked
from hashpact.errors import CertificateError, InvalidInputError, UnavailableError
from hashpact.fingerprint.source import Content
from hashpact.lists.local import PrivateLists, nearest
from hashpact.member.author import chosen
from hashpact.member.checking.attesting import Keeps
from hashpact.member.checking.options import (
    CheckOptions,
    CheckTerms,
    ContentOptions,
    OnUnavailable,
    ReadContent,
    Reading,
    check_names,
    one_with_reference,
    refuse_attested,
    refuse_reference,
)
from hashpact.member.checking.reached import Reached
from hashpact.member.checking.results import CheckResult
from hashpact.member.checking.steps import Local, Steps
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call

if TYPE_CHECKING:
    from datasketch import MinHash  # type: ignore[import-untyped]  # ships no type information
    from imagehash import ImageHash

Fingerprintable: TypeAlias = "Fingerprint | ImageHash | MinHash"
"""A fingerprint, or an object of a library from which one can be made."""

Result = TypeVar("Result")

_NO_TERMS: Final = OwnTerms()
_STEP: Final = Call, Local
_MORE: Final = 4
"""How many times as many matches are asked for if some of them are held back."""
AT_A_TIME: Final = MAX_BATCH // MAX_QUERIES
"""Pieces of content that are read before a call is made: the queries of so many fit into one batch."""


class Asks(Protocol):
    """How checks get their answers: the module `wire.client.calls` by calls, a mirror on this machine."""

    def check(self, asked: Check, /) -> Call[Answer] | Local[Answer]:
        """The step of a check."""
        ...

    def check_many(
        self, queries: Sequence[Query], narrow: Filter, limit: int, min_position: int, /
    ) -> Call[list[Answer]] | Local[list[Answer]]:
        """The step of looking for each of 1 to 4096 queries by itself."""
        ...


class Attests(Protocol):
    """Asks for attested answers."""

    def ask(self, check: Check, keep: Keeps | None, /) -> Steps[Answer]:
        """The steps of a check with an attested answer, which is kept if it is said where."""
        ...


class _Sought(NamedTuple):
    """What is looked for, by which terms, and up to how many matches; ``local`` in private lists only."""

    queries: Sequence[Query]
    terms: CheckTerms
    limit: int
    local: Sequence[Query] = ()

    @property
    def numbered(self) -> Sequence[Query]:
        """All queries, in the order by which matches name them."""
        return (*self.queries, *self.local)


class Checks:
    """The checks of a client: through its circuit, and by its choice if the server does not answer.

    ``asking`` is entered while a check is sent and answered, as `Circuit.asking`. Only a ``mirror`` is given
    references.
    """

    def __init__(  # noqa: PLR0913  # the parts of a client
        self,
        key: bytes,
        asking: Callable[[], AbstractContextManager[None]],
        on_unavailable: OnUnavailable | str,
        reached: Reached,
        attesting: Attests,
        *,
        lists: PrivateLists | None = None,
        own: OwnTerms = _NO_TERMS,
        asks: Asks = calls,
        mirror: bool = False,
    ) -> None:
        self._key = key
        self._asking = asking
        self._reached = reached
        self._attesting = attesting
        self._asks = asks
        self._lists = lists
        self._mirror = mirror
        self._own = own
        self._choice = chosen(OnUnavailable, on_unavailable, "on_unavailable")
        self._plain = CheckTerms.of({}, self._choice, 0)

    def check(self, items: Iterable[Fingerprintable | Query], options: CheckOptions) -> Steps[Answer]:
        """The steps of looking for the entries near these."""
        check_names(options, CheckOptions)
        return self._one(tuple(map(_query, items)), self._terms(options))

    def call(self, items: Iterable[Fingerprintable | Query], options: CheckOptions) -> Call[Answer]:
        """The call that looks for the entries near these, and grades how near they are."""
        check_names(options, CheckOptions)
        refuse_attested(options)
        refuse_reference(options)
        terms = self._terms(options)
        sought = _Sought(tuple(map(_query, items)), terms, terms.limit)
        asked = calls.check(self._request(sought))

        def read(data: bytes) -> Answer:
            return self._judged(self._beside(asked.read(data), sought), sought)

        return Call(asked.method, asked.request, read)

    def many(
        self, items: Iterable[Fingerprintable | Query], options: CheckOptions
    ) -> Iterator[Steps[list[Answer]]]:
        """The steps of looking for each of these by itself, of a batch at a time."""
        check_names(options, CheckOptions)
        refuse_attested(options)
        refuse_reference(options)
        terms = CheckTerms.of(options, self._choice, self._reached.size, DEFAULT_EACH, MAX_EACH)
        waiting = map(_query, items)
        while queries := list(itertools.islice(waiting, MAX_BATCH)):
            yield self._each(queries, terms)

    def file(self, content: Content, options: ContentOptions) -> Steps[CheckResult]:
        """The steps of checking a file."""
        terms, reading = self._split(options)
        return self._content(partial(reading.file, content), terms)

    def bytes(self, data: bytes | bytearray | memoryview, options: ContentOptions) -> Steps[CheckResult]:
        """The steps of checking bytes."""
        terms, reading = self._split(options)
        return self._content(partial(reading.bytes, data), terms)

    def text(self, text: str, options: ContentOptions) -> Steps[CheckResult]:
        """The steps of checking a text."""
        terms, reading = self._split(options)
        return self._content(partial(reading.text, text), terms)

    def files(
        self, contents: Iterable[Content], options: ContentOptions
    ) -> Iterator[Steps[list[CheckResult]]]:
        """The steps of checking many files, of some at a time."""
        terms, reading = self._split(options)
        waiting = one_with_reference(contents, options)
        for first in waiting:
            yield self._some(
                itertools.chain((first,), itertools.islice(waiting, AT_A_TIME - 1)), reading, terms
            )

    def _split(self, options: ContentOptions) -> tuple[CheckTerms, Reading]:
        check_names(options, ContentOptions)
        held = tuple if self._lists is None else self._lists.held
        return self._terms(options), Reading(self._key, options, held)

    def _terms(self, options: CheckOptions) -> CheckTerms:
        if not options and not self._reached.size:
            return self._plain
        if options.get("reference") and not self._mirror:
            msg = (
                "a reference is for a mirror, and a clearinghouse may answer here; "
                "name a mirror by its socket (unix:PATH), or with its authority (--ca)"
            )
            raise InvalidInputError(msg, field="reference")
        return CheckTerms.of(options, self._choice, self._reached.size)

    def _one(
        self, queries: tuple[Query, ...], terms: CheckTerms, local: tuple[Query, ...] = ()
    ) -> Steps[Answer]:
        sought = _Sought(queries, terms, terms.limit, local)
        while True:
            check = self._request(sought)
            asked = self._attesting.ask(check, terms.keep) if terms.attest else self._asks.check(check)
            found = yield from self._asked(asked, terms, _as_is)
            if found.checked and not found.matches and (self._lists is None or self._lists.are_none):
                return found  # most checks, and each step costs them something
            answer = yield from self._graded(found, sought)
            if sought.limit == MAX_LIMIT or not self._is_short(found, answer, sought):
                return answer
            sought = sought._replace(limit=min(_MORE * sought.limit, MAX_LIMIT))

    def _request(self, sought: _Sought) -> Check:
        """The check that is sent: its matches are enough for the member's own terms."""
        terms = sought.terms
        check = terms.check(tuple(sought.queries))
        if not self._own.cuts(terms.filter):
            return check
        again = self._mirror and sought.limit != terms.limit
        return replace(check, filter=self._own.narrowed(terms.filter), limit=sought.limit, again=again)

    def _graded(self, answer: Answer, sought: _Sought) -> Steps[Answer]:
        """The steps of making what is returned of an answer; nothing unchecked."""
        if not answer.checked:
            return answer
        if self._lists is not None and not self._lists.are_none:
            answer = yield Local(partial(self._beside, answer, sought))
        return self._judged(answer, sought) if answer.matches else answer

    def _judged(self, answer: Answer, sought: _Sought) -> Answer:
        """The answer with each match graded, and with what the member's own terms hold back.

        These draw by what the clearinghouse is asked alone: private lists enable no label.
        """
        terms = sought.terms
        graded = answer.graded(sought.numbered, terms.least, sought.limit)
        judged = self._own.applied(graded, sought.queries, terms.filter, terms.limit)
        return replace(judged, truncated=True) if self._is_short(answer, judged, sought) else judged

    def _is_short(self, found: Answer, judged: Answer, sought: _Sought) -> bool:
        """Whether the member's own terms took matches away that others beyond the limit could replace."""
        return (
            found.checked
            and len(found.matches) >= sought.limit
            and len(judged.matches) < sought.terms.limit
            and self._own.cuts(sought.terms.filter)
        )

    def _beside(self, answer: Answer, sought: _Sought) -> Answer:
        """The answer with the matches of private lists beside the clearinghouse's, the nearest first."""
        if self._lists is None:
            return answer
        found = self._lists.search(sought.numbered, sought.terms.filter, sought.limit)
        if not found:
            return answer
        return replace(answer, matches=tuple(nearest((*answer.matches, *found), sought.limit)))

    def _each(self, queries: list[Query], terms: CheckTerms) -> Steps[list[Answer]]:
        answers = yield from self._batch(queries, terms.limit, terms)
        graded = []
        for query, answer in zip(queries, answers, strict=True):
            sought = _Sought((query,), terms, terms.limit)
            graded.append((yield from self._graded(answer, sought)))  # it yields steps
        return graded

    def _content(self, read: Callable[[], ReadContent], terms: CheckTerms) -> Steps[CheckResult]:
        one: ReadContent = yield Local(read)
        return CheckResult(one.content, (yield from self._one(one.queries, terms, one.local)), one.made)

    def _some(
        self, contents: Iterable[Content], reading: Reading, terms: CheckTerms
    ) -> Steps[list[CheckResult]]:
        """The results of some files, of which one call checks most.

        A file has a call of its own if it has fingerprints that a batch cannot hold, or if the batch cut its
        answer.
        """
        read: list[ReadContent | CheckResult] = []
        for content in contents:
            some = None
            try:
                some = yield Local(partial(reading.file, content))
                terms.check(some.queries)
                read.append(some)
            except InvalidInputError as error:
                read.append(CheckResult(content, Unchecked(error), some and some.made))
        packable = [one for one in read if isinstance(one, ReadContent) and one.packable]
        answers = iter((yield from self._packed(packable, terms)))
        results = []
        for one in read:
            if isinstance(one, ReadContent):
                answer = next(answers) if one.packable else None
                if answer is None:
                    answer = yield from self._one(one.queries, terms, one.local)
                results.append(CheckResult(one.content, answer, one.made))
            else:
                results.append(one)
        return results

    def _packed(self, read: list[ReadContent], terms: CheckTerms) -> Steps[list[Answer | None]]:
        """The answers to all of these from one batch; None for one that a batch does not answer in full."""
        if terms.attest or len(read) < 2:  # noqa: PLR2004 - a batch is worth it for two
            return [None] * len(read)
        each = min(terms.limit, MAX_EACH)
        found = iter((yield from self._batch([query for one in read for query in one.queries], each, terms)))
        answers: list[Answer | None] = []
        for one in read:
            some = list(itertools.islice(found, len(one.queries)))
            if not some[0].checked:
                answers.append(some[0])
            elif any(_is_cut(answer, each, terms.limit) for answer in some) or (
                self._own.cuts(terms.filter) and sum(len(answer.matches) for answer in some) >= each
            ):
                answers.append(None)
            else:
                sought = _Sought(one.queries, terms, terms.limit, one.local)
                answers.append((yield from self._graded(together(some, terms.limit), sought)))
        return answers

    def _batch(self, queries: list[Query], each: int, terms: CheckTerms) -> Steps[list[Answer]]:
        narrow = self._own.narrowed(terms.filter)
        asked = self._asks.check_many(queries, narrow, each, terms.min_position)
        return self._asked(asked, terms, lambda unchecked: [unchecked] * len(queries))

    def _asked(
        self,
        asked: Steps[Result] | Call[Result] | Local[Result],
        terms: CheckTerms,
        instead: Callable[[Unchecked], Result],
    ) -> Steps[Result]:
        """What is asked, through the circuit; ``instead`` if nobody answers and the caller chose so."""
        result: Result
        try:
            with self._asking():
                result = (yield asked) if isinstance(asked, _STEP) else (yield from asked)
        except UnavailableError as error:
            if not terms.passes or isinstance(error, CertificateError):
                raise
            return instead(Unchecked(error))
        return result


def _as_is(unchecked: Unchecked) -> Unchecked:
    return unchecked


def _is_cut(answer: Answer, each: int, limit: int) -> bool:
    """Whether a check of its own may have more for a query than a batch that was asked for ``each``."""
    return answer.truncated or (each < limit and len(answer.matches) >= each)


def _query(item: Fingerprintable | Query) -> Query:
    return item if isinstance(item, Query) else Query(adopted(item))


def adopted(item: Fingerprintable) -> Fingerprint:
    """The fingerprint that a caller gave, made of an object of another library if it is none."""
    if isinstance(item, Fingerprint):
        return item
    from hashpact.fingerprint.adopt import adopt  # noqa: PLC0415  # imported only for such an object

    return adopt(item)
