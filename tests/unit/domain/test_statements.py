"""Statements: read back as they were written, and no other bytes are read at all."""

from __future__ import annotations

import hashlib

import pytest
from builders import NOW, ORIGIN, Identity, World, seeded, sign, submit
from hypothesis import given
from hypothesis import strategies as st
from spoken import STATEMENTS

from hashpact.domain import statements
from hashpact.domain.errors import BadSignatureError, MalformedError
from hashpact.domain.grammar import Decimal
from hashpact.domain.kinds import (
    ADMIN,
    KINDS,
    MAX_ADMINS,
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
from hashpact.domain.statements import MAX_LEAF, Statement
from hashpact.log import note

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


def test_every_kind_has_an_example_here() -> None:
    assert EXAMPLES.keys() == KINDS.keys()
    assert all(KINDS[kind] is type(body) for kind, body in EXAMPLES.items())


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


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_byte_changed_removed_or_doubled(kind: str) -> None:
    original = leaf(EXAMPLES[kind])
    for place, byte in enumerate(original):
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


SUBMIT = leaf(EXAMPLES["submit"])


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        (b"statement/v1", b"statement/v2", 1, "text"),
        (b"hashpact/", b"Hashpact/", 1, "text"),
        (b"log test", b"log hashpact/test", 2, "log"),
        (b"log test", b"log -test", 2, "log"),
        (b"log test", b"log Test", 2, "log"),
        (b"log test", b"log " + b"t" * 128 + b"test", 2, "log"),
        (b"kind submit", b"kind Submit", 3, "kind"),
        (b"kind submit", b"kind submit-2", 3, "kind"),
        (b"kind submit", b"kind withdraw", 8, "entry"),
        (b"member acme", b"member ac", 4, "member"),
        (b"member acme", b"member ac_me", 4, "member"),
        (b"member acme", b"member " + b"a" * 33, 4, "member"),
        (b"\nkey ", b"\nkey 00", 5, "key"),
        (b"request 00", b"request ", 6, "request"),
        (b"request 00", b"request 0x", 6, "request"),
        (b"time 1", b"time 01", 7, "time"),
        (b"time 1800000000", b"time 9223372036854775808", 7, "time"),
        (b"time 1800000000", b"time 18446744073709551616", 7, "time"),
        (b"label hate\nlabel ncii\n", b"", 8, "label"),
        (b"label hate\n", b"".join(b"label a%d\n" % i for i in range(8)), 8, "label"),
        (b"label hate\n", b"label ncii\n", 8, "label"),
        (b"label hate\n", b"label zzz\n", 8, "label"),
        (b"label hate\n", b"label this is free text\n", 8, "label"),
        (b"label hate\n", b"label " + b"a" * 65 + b"\n", 8, "label"),
        (b"basis law", b"basis Law", 10, "basis"),
        (b"basis law", b"basis order", 10, "basis"),
        (b"authority ministry\n", b"authority ministry\nauthority other\n", 11, "authority"),
        (b"article art-16", b"article art--16", 12, "article"),
        (b"jurisdiction DE", b"jurisdiction de", 13, "jurisdiction"),
        (b"jurisdiction DE", b"jurisdiction DEU", 13, "jurisdiction"),
        (b"jurisdiction DE", b"jurisdiction ZZ", 13, "jurisdiction"),
        (b"removed 1", b"removed -1", 15, "removed"),
        (b"\nitem " + seeded("b").hex().encode(), b"\nitem " + seeded("a").hex().encode(), 16, "item"),
        (b"\nitem " + seeded("b").hex().encode(), b"\ncomment 1", 17, "text"),
    ],
)
def test_hostile_19_a_broken_field_is_named_with_its_line(
    old: bytes, new: bytes, line: int, field: str
) -> None:
    assert SUBMIT.count(old) == 1
    with pytest.raises(MalformedError) as caught:
        statements.parse(SUBMIT.replace(old, new))
    assert caught.value.details == {"field": field, "line": str(line)}


@pytest.mark.parametrize("count", [0, 257])
def test_hostile_19_the_number_of_items(count: int) -> None:
    lines = b"".join(b"item " + seeded(f"i{i}").hex().encode() + b"\n" for i in range(count))
    head, _, _ = SUBMIT.partition(b"item ")
    with pytest.raises(MalformedError, match=f"1 to 256 'item' lines, not {count}") as caught:
        statements.parse(head + lines + b"\n" + SUBMIT.rpartition(b"\n\n")[2])
    assert caught.value.details == {"field": "item", "line": "16"}
    most = submit(*(seeded(f"i{i}") for i in range(256)))
    assert statements.parse(leaf(most)).statement.body == most


def padded(size: int) -> bytes:
    """A statement of exactly that size: signatures of unknown keys fill it up."""
    public = seeded("other")
    data = SUBMIT
    for _ in range(14):
        gap = size - len(data) - 2 * 100
        if gap > 0:
            data += note.signature_line("x", public, bytes(min(gap, 2800) * 3 // 4 // 3 * 3))
    name = size - len(data) - len(note.signature_line("", public, bytes(64)))
    return data + note.signature_line("y" * name, public, bytes(64))


def test_hostile_19_thirty_two_kibibytes_and_one() -> None:
    assert len(padded(MAX_LEAF)) == 32 * 1024
    assert statements.parse(padded(MAX_LEAF)).statement == statements.parse(SUBMIT).statement
    with pytest.raises(MalformedError, match="32769 bytes; the limit is 32768"):
        statements.parse(padded(MAX_LEAF + 1))


@pytest.mark.parametrize("value", ["1_5", "\uff11\uff15", "+15", "015", "-15", str(2**63), str(2**64)])
@pytest.mark.parametrize("field", ["time", "removed"])
def test_hostile_15_numbers_in_a_statement(field: str, value: str) -> None:
    changed = SUBMIT.replace(f"\n{field} {NOW}\n".encode(), f"\n{field} {value}\n".encode())
    assert changed != SUBMIT
    with pytest.raises(MalformedError) as caught:
        statements.parse(changed)
    assert caught.value.details["line"] == {"time": "7", "removed": "15"}[field]


@pytest.mark.parametrize(
    "inserted", ["\r", "\x0b", "\u2028", "\0", "\ufeff", "\u00a0", "\x85", b"\xff", b"\xc0\xae"], ids=repr
)
def test_hostile_16_foreign_bytes_anywhere(inserted: str | bytes) -> None:
    foreign = inserted if isinstance(inserted, bytes) else inserted.encode()
    for place in range(len(SUBMIT) + 1):
        with pytest.raises(MalformedError):
            statements.parse(SUBMIT[:place] + foreign + SUBMIT[place:])
    with pytest.raises(MalformedError):
        statements.parse(SUBMIT.replace(b"\n", foreign + b"\n"))


def test_hostile_04_a_checkpoint_is_no_statement() -> None:
    root = b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    for origin in (ORIGIN.encode(), b"log " + ORIGIN.encode()):
        checkpoint = origin + b"\n7\n" + root + b"\n"
        data = note.join(checkpoint, [note.signature_line(ORIGIN, WHO.public, WHO.private.sign(checkpoint))])
        with pytest.raises(MalformedError, match="first line") as caught:
            statements.parse(data)
        assert caught.value.details["line"] == "1"


@pytest.mark.parametrize("origin", ["hashpact/statement/v1", "hashpact/private/v1", "hashpact/x"])
def test_hostile_04_no_origin_is_the_first_line_of_a_statement(origin: str) -> None:
    """A checkpoint begins with its origin: such a log's checkpoints would pass for statements."""
    with pytest.raises(MalformedError, match="not beginning with hashpact/"):
        World(origin=origin).policy()


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


@pytest.mark.parametrize(
    "threshold", [b"threshold 0", b"threshold -1", b"threshold 16", b"threshold 02", b"threshold"]
)
def test_hostile_11_thresholds_that_are_no_number_of_keys(threshold: bytes) -> None:
    original = leaf(EXAMPLES["genesis"])
    for changed in (threshold + b"\n", b""):
        with pytest.raises(MalformedError) as caught:
            statements.parse(original.replace(b"threshold 2\n", changed))
        assert caught.value.details == {"field": "threshold", "line": "10"}


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


# Two seeds whose keys have the same 4-byte id under the name acme/1, found by a birthday search.
COLLIDING = ("76919", "94730")


def test_hostile_13_colliding_key_ids() -> None:
    first, second = (Identity("acme", "1", Identity.of("collision", seed).private) for seed in COLLIDING)
    assert first.public != second.public
    assert note.short_id("acme/1", first.public) == note.short_id("acme/1", second.public)
    statement = World().statement(EXAMPLES["opinion"], first)
    for signers in ([first, second], [second, first]):
        signed = statements.parse(sign(statement, *signers))
        assert statements.verify(signed, "acme/1", first.public)
        assert statements.verify(signed, "acme/1", second.public)
    with pytest.raises(BadSignatureError):
        statements.verify(statements.parse(sign(statement, second)), "acme/1", first.public)


def test_hostile_13_the_same_key_id_under_another_name_is_passed_over() -> None:
    text = World().statement(EXAMPLES["opinion"], WHO).text()
    good = note.signature_line("acme/1", WHO.public, WHO.private.sign(text))
    other = good.replace(b"acme/1", b"evil/1")
    signed = statements.parse(note.join(text, [other, good]))
    assert statements.verify(signed, "acme/1", WHO.public)
    assert not statements.verify(statements.parse(note.join(text, [other])), "acme/1", WHO.public)


def test_the_leaf_is_the_bytes_that_were_signed() -> None:
    signed = statements.parse(SUBMIT)
    assert signed.data == SUBMIT
    assert SUBMIT.startswith(signed.note.text + b"\n")
    assert hashlib.sha256(b"\1" + WHO.public).hexdigest().encode() in signed.note.text
