"""Statements: read back as they were written, and no other bytes are read at all."""

from __future__ import annotations

import hashlib

import pytest
from builders import Identity, World, sign, submit
from documented import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st
from spoken import STATEMENTS, SUBMIT, WHO, leaf

from hashpact.domain import statements
from hashpact.domain.grammar import Decimal
from hashpact.domain.kinds import (
    ADMIN,
    MAX_ADMINS,
)
from hashpact.domain.state import Basis
from hashpact.domain.statements import Statement
from hashpact.errors import BadSignatureError, MalformedError
from hashpact.log import note


@given(STATEMENTS)
def test_a_statement_is_read_as_it_was_written(statement: Statement) -> None:
    signed = statements.parse(sign(statement, WHO))
    assert signed.statement == statement
    assert signed.note.text == statement.text()
    assert statements.verify(signed, "acme/1", WHO.public)


@given(STATEMENTS, st.data())
def test_a_changed_byte_is_refused_or_is_another_statement(statement: Statement, data: st.DataObject) -> None:
    original = sign(statement, WHO)
    place = data.draw(st.integers(0, len(original) - 1))
    check_edit(original, original[:place] + data.draw(st.binary(max_size=2)) + original[place + 1 :])


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_byte_changed_removed_or_doubled(kind: str, step: int) -> None:
    """A sample of the bytes, which begins elsewhere for each kind; all of them."""
    original = leaf(EXAMPLES[kind])
    for place in range(len(kind) % step, len(original), step):
        byte = original[place]
        for new in (b"", b"0", b"f", b"F", b"z", b" ", b"\n", b"-", b"=", b"\0", bytes([byte, byte])):
            check_edit(original, original[:place] + new + original[place + 1 :])


def check_edit(original: bytes, changed: bytes) -> None:
    """An edit is refused, or means another statement or signature, and then writes itself back."""
    try:
        signed = statements.parse(changed)
    except MalformedError:
        return
    lines = [line.rsplit(b" ", 1)[0] for line in changed.rpartition(b"\n\n")[2].splitlines()]
    assert signed.data == changed
    assert signed.statement.text() == signed.note.text
    assert len(lines) == len(signed.note.signatures)
    before = statements.parse(original)
    same = (signed.statement, signed.note.signatures) == (before.statement, before.note.signatures)
    assert same == (changed == original)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_line_removed_doubled_or_exchanged(kind: str) -> None:
    text, _, tail = leaf(EXAMPLES[kind]).rpartition(b"\n\n")
    lines = text.split(b"\n")
    for i in range(len(lines)):
        doubled = lines[: i + 1] + lines[i:]
        exchanged = [*lines[:i], *lines[i + 1 : i + 2], lines[i], *lines[i + 2 :]]
        for changed in (doubled, exchanged):
            if changed != lines:
                check_lines(changed, tail)
        if i < 7:
            with pytest.raises(MalformedError):
                statements.parse(b"\n".join(lines[:i] + lines[i + 1 :]) + b"\n\n" + tail)


def check_lines(lines: list[bytes], tail: bytes) -> None:
    """Other lines are refused by number, unless they are an order that has a meaning of its own."""
    data = b"\n".join(lines) + b"\n\n" + tail
    try:
        signed = statements.parse(data)
    except MalformedError as error:
        line = int(error.details["line"])
        assert 1 <= line <= len(lines) + 1  # an edit that is read has other expectations, below
        return
    # Administrators, log keys and items stand in the order that their author chose.
    assert signed.statement.body.kind in {"genesis", "root", "submit"}
    assert sorted(lines) == sorted(leaf(EXAMPLES[signed.statement.body.kind]).split(b"\n\n")[0].split(b"\n"))


def test_the_final_comparison_catches_a_lenient_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decimal, "read", lambda _, text: int(text))
    for spelling in (b"time +1800000000", b"time 1_800_000_000", b"time 01800000000"):
        with pytest.raises(MalformedError, match="one spelling"):
            statements.parse(SUBMIT.replace(b"time 1800000000", spelling))


@pytest.mark.parametrize(
    ("basis", "authority", "article"),
    [
        (Basis.LAW, None, None),
        (Basis.LAW, "ministry", None),
        (Basis.LAW, None, "art-16"),
        (Basis.GUIDELINE, "ministry", "art-16"),
        (Basis.GUIDELINE, "ministry", None),
        (Basis.GUIDELINE, None, "art-16"),
    ],
)
def test_law_and_only_law_names_authority_and_article(
    basis: Basis, authority: str | None, article: str | None
) -> None:
    body = submit(basis=basis, authority=authority, article=article)
    with pytest.raises(MalformedError, match="basis law, and only it") as caught:
        leaf(body)
    assert caught.value.details["field"] == "basis"
    lines = b"basis %s\n" % basis.value.encode()
    lines += b"" if authority is None else b"authority %s\n" % authority.encode()
    lines += b"" if article is None else b"article %s\n" % article.encode()
    with pytest.raises(MalformedError, match="basis law, and only it"):
        statements.parse(SUBMIT.replace(b"basis law\nauthority ministry\narticle art-16\n", lines))


def test_all_administrators_and_a_new_key_fit_in_one_note() -> None:
    admins = tuple(Identity.of(ADMIN, f"a{number}") for number in range(MAX_ADMINS))
    world = World(admins=admins)
    assert len(statements.parse(world.key(WHO)).note.signatures) == note.MAX_SIGNATURES
    with pytest.raises(MalformedError, match="1 to 15 'admin' lines"):
        World(admins=(*admins, Identity.of(ADMIN, "more"))).genesis()


def test_verify_tells_a_missing_signature_from_a_false_one() -> None:
    other = Identity.of("acme", "2")
    statement = World().statement(EXAMPLES["opinion"], WHO)
    text = statement.text()
    signed = statements.parse(sign(statement, WHO))
    assert statements.verify(signed, "acme/1", WHO.public)
    assert not statements.verify(signed, "acme/2", other.public)
    assert not statements.verify(signed, "acme/1", other.public)
    assert not statements.verify(signed, "acme/2", WHO.public)
    for value in (other.private.sign(text), WHO.private.sign(text + b"\n"), bytes(64), b"\0"):
        forged = statements.parse(note.join(text, [note.signature_line("acme/1", WHO.public, value)]))
        with pytest.raises(BadSignatureError):
            statements.verify(forged, "acme/1", WHO.public)


def test_the_leaf_is_the_bytes_that_were_signed() -> None:
    signed = statements.parse(SUBMIT)
    assert signed.data == SUBMIT
    assert SUBMIT.startswith(signed.note.text + b"\n")
    assert hashlib.sha256(b"\1" + WHO.public).hexdigest().encode() in signed.note.text
