"""4 and 15 to 19: bytes that are not quite a statement."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest
from builders import NOW, ORIGIN, World, seeded, submit
from spoken import SUBMIT, WHO, leaf

from hashpact.domain import statements
from hashpact.domain.statements import MAX_LEAF
from hashpact.errors import MalformedError
from hashpact.log import note


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
def test_19_a_broken_field_is_named_with_its_line(old: bytes, new: bytes, line: int, field: str) -> None:
    assert SUBMIT.count(old) == 1
    changed = SUBMIT.replace(old, new)
    with pytest.raises(MalformedError) as caught:
        statements.parse(changed)
    gone = f"\n{field} ".encode() in SUBMIT and f"\n{field} ".encode() not in changed
    missing = {"missing": field} if gone else {}
    assert caught.value.details == {"field": field, "line": str(line)} | missing


@pytest.mark.parametrize("count", [0, 257])
def test_19_the_number_of_items(count: int) -> None:
    lines = b"".join(b"item " + seeded(f"i{i}").hex().encode() + b"\n" for i in range(count))
    head, _, _ = SUBMIT.partition(b"item ")
    with pytest.raises(MalformedError, match=f"1 to 256 'item' lines, not {count}") as caught:
        statements.parse(head + lines + b"\n" + SUBMIT.rpartition(b"\n\n")[2])
    missing = {} if count else {"missing": "item"}
    assert caught.value.details == {"field": "item", "line": "16"} | missing
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


def test_19_thirty_two_kibibytes_and_one() -> None:
    assert len(padded(MAX_LEAF)) == 32 * 1024
    assert statements.parse(padded(MAX_LEAF)).statement == statements.parse(SUBMIT).statement
    with pytest.raises(MalformedError, match="32769 bytes; the limit is 32768"):
        statements.parse(padded(MAX_LEAF + 1))


@pytest.mark.parametrize("value", ["1_5", "\uff11\uff15", "+15", "015", "-15", str(2**63), str(2**64)])
@pytest.mark.parametrize("field", ["time", "removed"])
def test_15_numbers_in_a_statement(field: str, value: str) -> None:
    changed = SUBMIT.replace(f"\n{field} {NOW}\n".encode(), f"\n{field} {value}\n".encode())
    assert changed != SUBMIT
    with pytest.raises(MalformedError) as caught:
        statements.parse(changed)
    assert caught.value.details["line"] == {"time": "7", "removed": "15"}[field]


@pytest.mark.parametrize(
    "inserted", ["\r", "\x0b", "\u2028", "\0", "\ufeff", "\u00a0", "\x85", b"\xff", b"\xc0\xae"], ids=repr
)
def test_16_foreign_bytes_anywhere(inserted: str | bytes) -> None:
    foreign = inserted if isinstance(inserted, bytes) else inserted.encode()
    for place in range(len(SUBMIT) + 1):
        with pytest.raises(MalformedError):
            statements.parse(SUBMIT[:place] + foreign + SUBMIT[place:])
    with pytest.raises(MalformedError):
        statements.parse(SUBMIT.replace(b"\n", foreign + b"\n"))


def test_04_a_checkpoint_is_no_statement() -> None:
    root = b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    for origin in (ORIGIN.encode(), b"log " + ORIGIN.encode()):
        checkpoint = origin + b"\n7\n" + root + b"\n"
        data = note.join(checkpoint, [note.signature_line(ORIGIN, WHO.public, WHO.private.sign(checkpoint))])
        with pytest.raises(MalformedError, match="first line") as caught:
            statements.parse(data)
        assert caught.value.details["line"] == "1"


@pytest.mark.parametrize("origin", ["hashpact/statement/v1", "hashpact/private/v1", "hashpact/x"])
def test_04_no_origin_is_the_first_line_of_a_statement(origin: str) -> None:
    """A checkpoint begins with its origin: such a log's checkpoints would pass for statements."""
    with pytest.raises(MalformedError, match="not beginning with hashpact/"):
        World(origin=origin).policy()


@pytest.mark.parametrize("field", ["key", "request", "item"])
@pytest.mark.parametrize(
    "spoil",
    [
        str.upper,
        lambda digits: digits[:2] + " " + digits[2:],
        lambda digits: digits[:-1],
        lambda digits: "0x" + digits,
    ],
    ids=["upper case", "spaced", "odd", "prefixed"],
)
def test_18_hex_has_one_spelling(field: str, spoil: Callable[[str], str]) -> None:
    text = SUBMIT.decode()
    digits = re.search(rf"^{field} (\w+)$", text.replace("0" * 32, "abcdef" + "0" * 26), re.MULTILINE)
    assert digits is not None
    changed = text.replace("0" * 32, "abcdef" + "0" * 26).replace(digits[1], spoil(digits[1]), 1)
    with pytest.raises(MalformedError) as caught:
        statements.parse(changed.encode())
    assert caught.value.details["field"] == field


def test_17_a_signature_has_one_spelling() -> None:
    head, _, encoded = SUBMIT.rstrip(b"\n").rpartition(b" ")
    assert statements.parse(head + b" " + encoded + b"\n").data == SUBMIT
    payload = base64.b64decode(encoded)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = encoded.rstrip(b"=")[-1:]
    spare = alphabet[alphabet.index(last) + 1 :][:1]
    stripped = encoded.rstrip(b"=")
    urlsafe = base64.urlsafe_b64encode(payload[:4] + b"\xfb\xff" + payload[6:])
    padding = encoded[len(stripped) :]
    assert padding
    for spoilt in (
        stripped[:-1] + spare + padding,
        stripped,
        urlsafe,
        encoded + b"=",
        encoded[:8] + b"\t" + encoded[8:],
    ):
        with pytest.raises(MalformedError):
            statements.parse(head + b" " + spoilt + b"\n")
