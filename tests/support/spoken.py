"""Statements of every kind: an example of each, and strategies for any values that have a spelling."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

from builders import NOW, Identity, World, seeded, sign
from hypothesis import strategies as st

from hashpact.domain.grammar import MAX_INTEGER, Decimal, Field, Hex, Spelling
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import KINDS, MEMBER_ID, NAME, TERM, AnyBody, Submit, fields_of
from hashpact.domain.kinds.conduct.spelling import Counted
from hashpact.domain.kinds.lines import (
    ALLOWED,
    PRIORITIES,
    LogMldsaKey,
    NamedKeyLine,
    OneOf,
    Pair,
    WitnessKey,
    Yes,
)
from hashpact.domain.state import Basis
from hashpact.domain.statements import Statement
from hashpact.errors import MalformedError
from hashpact.log.cosignature import ED25519, MLDSA44, Witness

HASHES = st.binary(min_size=32, max_size=32)
# Drawn from alphabets: by a regular expression it takes ten times as long.
_LETTERS = string.ascii_lowercase + string.digits
SLUGS = st.lists(st.text(_LETTERS, min_size=1, max_size=10), min_size=1, max_size=3).map("-".join)
NAMES = SLUGS | st.text(_LETTERS, min_size=1, max_size=32)
MEMBERS = st.text(_LETTERS + "-", min_size=3, max_size=32)
NUMBERS = st.integers(0, MAX_INTEGER)
_WORDS = {TERM: SLUGS, NAME.spelling: NAMES, MEMBER_ID: MEMBERS}
_LONG_KEYS = st.binary(min_size=1, max_size=4).map(lambda some: (some * 1312)[:1312])
_MANY = 20


def values(spelling: Spelling[Any]) -> st.SearchStrategy[Any]:
    """Any value that has this spelling."""
    if spelling in _WORDS:
        return _WORDS[spelling]
    drawn: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
        Decimal: lambda number: st.integers(number.low, number.high),
        Hex: lambda one: st.binary(min_size=one.size, max_size=one.size),
        NamedKeyLine: lambda _: st.builds(NamedKey, NAMES, HASHES),
        OneOf: lambda one: st.sampled_from([each for each in one.choices if each is not one.but]),
        Counted: lambda _: st.tuples(SLUGS, NUMBERS, st.just(0), st.just(0)),
        WitnessKey: lambda _: st.builds(Witness, NAMES, HASHES, st.just(ED25519)),
        LogMldsaKey: lambda _: st.builds(Witness, NAMES, _LONG_KEYS, st.just(MLDSA44)),
        Pair: lambda pair: st.tuples(values(pair.first), values(pair.second)),
        Yes: lambda _: st.sampled_from([True]),
    }
    draw = drawn.get(type(spelling))
    return st.from_regex(spelling.pattern, fullmatch=True) if draw is None else draw(spelling)


def ascending(elements: st.SearchStrategy[str], low: int, high: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Sorted tuples of different strings."""
    return st.lists(elements, min_size=low, max_size=high, unique=True).map(lambda some: tuple(sorted(some)))


def lines(field: Field[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """The values on the lines of a field, within its bounds."""
    if field in (
        ALLOWED,
        PRIORITIES,
    ):  # they go with other lines of the same policy
        return st.just(())
    drawn = st.lists(values(field.spelling), min_size=field.low, max_size=min(field.high, _MANY), unique=True)
    return drawn.map(lambda some: tuple(sorted(some, key=field.spelling.write) if field.ascending else some))


def bodies(kind: str) -> st.SearchStrategy[AnyBody]:
    """Bodies of that kind: any fields that go together."""

    def goes_together(some: tuple[tuple[Any, ...], ...]) -> bool:
        try:
            KINDS[kind].of(some)
        except MalformedError:
            return False
        return True

    return st.tuples(*map(lines, fields_of(kind))).filter(goes_together).map(KINDS[kind].of)


BODIES: st.SearchStrategy[AnyBody] = st.one_of(*map(bodies, KINDS))
STATEMENTS = st.builds(
    Statement,
    log=st.from_regex(r"(?!hashpact/)[a-z0-9]([a-z0-9._/-]{0,20}[a-z0-9])?", fullmatch=True),
    member=MEMBERS,
    key=HASHES,
    request=st.binary(min_size=16, max_size=16),
    time=NUMBERS,
    body=BODIES,
)

WHO = Identity.of("acme")


def leaf(body: AnyBody) -> bytes:
    """That body as a signed statement with fixed request id."""
    return sign(World().statement(body, WHO, request=bytes(16)), WHO)


SUBMIT = leaf(
    Submit(("hate", "ncii"), Basis.LAW, "ministry", "art-16", ("DE", "VN"), NOW, (seeded("a"), seeded("b")))
)
"""A submission that has every field, for edits of its bytes."""
