"""Statements of every kind: an example of each, and strategies for any values that have a spelling."""

from __future__ import annotations

import string
from typing import Any

from builders import NOW, Identity, World, seeded, sign
from hypothesis import strategies as st

from hashpact.domain.grammar import MAX_INTEGER
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import (
    MAX_DELAY,
    MAX_OVERLAP,
    AnyBody,
    Genesis,
    GiveOpinion,
    KeyEnrol,
    KeyResume,
    KeyRevoke,
    KeyRotate,
    KeySuspend,
    MemberEnrol,
    MemberResume,
    MemberSuspend,
    Policy,
    Root,
    Submit,
    Void,
    Withdraw,
)
from hashpact.domain.state import Basis, Role, Stance, Use
from hashpact.domain.statements import Statement

HASHES = st.binary(min_size=32, max_size=32)
# Drawn from alphabets: by a regular expression it takes ten times as long.
_LETTERS = string.ascii_lowercase + string.digits
SLUGS = st.lists(st.text(_LETTERS, min_size=1, max_size=10), min_size=1, max_size=3).map("-".join)
NAMES = SLUGS | st.text(_LETTERS, min_size=1, max_size=32)
MEMBERS = st.text(_LETTERS + "-", min_size=3, max_size=32)
NUMBERS = st.integers(0, MAX_INTEGER)
COUNTRIES = st.text(string.ascii_uppercase, min_size=2, max_size=2)


def ascending(elements: st.SearchStrategy[str], low: int, high: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Sorted tuples of different strings."""
    return st.lists(elements, min_size=low, max_size=high, unique=True).map(lambda some: tuple(sorted(some)))


def distinct(elements: st.SearchStrategy[Any], high: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Tuples of one or more different values."""
    return st.lists(elements, min_size=1, max_size=high, unique=True).map(tuple)


def submits(
    basis: Basis, authority: st.SearchStrategy[str | None], article: st.SearchStrategy[str | None]
) -> st.SearchStrategy[Submit]:
    """Submissions on that basis."""
    return st.builds(
        Submit,
        labels=ascending(SLUGS, 1, 8),
        basis=st.just(basis),
        authority=authority,
        article=article,
        jurisdictions=ascending(COUNTRIES, 0, 5),
        removed=NUMBERS,
        items=distinct(HASHES, 5),
    )


BODIES: st.SearchStrategy[AnyBody] = st.one_of(
    st.builds(
        Genesis, distinct(st.builds(NamedKey, NAMES, HASHES), 15), st.integers(1, 15), distinct(HASHES, 4)
    ),
    st.builds(
        Root,
        st.integers(1, MAX_INTEGER),
        distinct(st.builds(NamedKey, NAMES, HASHES), 15),
        st.integers(1, 15),
        distinct(HASHES, 4),
    ),
    st.builds(
        Policy, st.integers(1, MAX_INTEGER), ascending(SLUGS, 1, 20), st.none() | st.integers(1, MAX_DELAY)
    ),
    st.builds(MemberEnrol, MEMBERS, st.sets(st.sampled_from(Role), min_size=1).map(frozenset)),
    st.builds(MemberSuspend, MEMBERS, SLUGS),
    st.builds(MemberResume, MEMBERS, SLUGS),
    st.builds(KeyEnrol, MEMBERS, NAMES, HASHES, st.sampled_from(Use), NUMBERS),
    st.builds(KeyRotate, HASHES, NAMES, HASHES, NUMBERS, st.integers(0, MAX_OVERLAP)),
    st.builds(KeySuspend, MEMBERS, HASHES, SLUGS),
    st.builds(KeyResume, MEMBERS, HASHES, SLUGS),
    st.builds(KeyRevoke, MEMBERS, HASHES, NUMBERS, SLUGS),
    submits(Basis.GUIDELINE, st.none(), st.none()),
    submits(Basis.LAW, MEMBERS, SLUGS),
    st.builds(Withdraw, NUMBERS, SLUGS),
    st.builds(GiveOpinion, NUMBERS, st.sampled_from(Stance)),
    st.builds(Void, NUMBERS, SLUGS),
)
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
EXAMPLES: dict[str, AnyBody] = {
    "genesis": Genesis((WHO.key, Identity.of("admin", "b").key), 2, (seeded("log"),)),
    "root": Root(2, (WHO.key, Identity.of("admin", "b").key), 2, (seeded("log"),)),
    "policy": Policy(1, ("hate", "ncii"), 3600),
    "member-enrol": MemberEnrol("acme", frozenset(Role)),
    "key-enrol": KeyEnrol("acme", "1", WHO.public, Use.SIGN, NOW),
    "member-suspend": MemberSuspend("acme", "stolen"),
    "member-resume": MemberResume("acme", "found"),
    "key-rotate": KeyRotate(WHO.id, "2", Identity.of("acme", "2").public, NOW, 0),
    "key-suspend": KeySuspend("acme", WHO.id, "stolen"),
    "key-resume": KeyResume("acme", WHO.id, "found"),
    "key-revoke": KeyRevoke("acme", WHO.id, 7, "stolen"),
    "submit": Submit(
        ("hate", "ncii"), Basis.LAW, "ministry", "art-16", ("DE", "VN"), NOW, (seeded("a"), seeded("b"))
    ),
    "withdraw": Withdraw(7, "mistake"),
    "opinion": GiveOpinion(7, Stance.ENDORSE),
    "void": Void(7, "court"),
}


def leaf(body: AnyBody) -> bytes:
    """That body as a signed statement with fixed request id."""
    return sign(World().statement(body, WHO, request=bytes(16)), WHO)


SUBMIT = leaf(EXAMPLES["submit"])
