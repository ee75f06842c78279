"""Logs about the bytes of a leaf: the grammar of statements and the lines of signatures."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from vectoring.worlds import enrolment, office, policy, submission, town
from vectoring.writing import ADMINS, Group, Trial, digest, group, key_id, line_as, signed


def grammar() -> Group:
    """The bytes."""
    prelude = town()
    return group(
        "bytes",
        "One spelling for each statement, and what is no statement at all.",
        prelude,
        [*_texts(prelude), *_notes(prelude)],
    )


def _swap(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    return lambda text: text.replace(before, after, 1)


def _texts(prelude: Trial) -> Iterator[Trial]:
    def refuse(one: Trial, why: str, edit: Callable[[bytes], bytes]) -> None:
        one.no(why, "submit", *submission(), by="acme/k1", edit=edit)

    one = prelude.fork("text", "Lines of printable ASCII and LF; the first names the format.")
    for before, after, why in (
        (b"statement/v1", b"statement/v2", "another format"),
        (b"hashpact/statement", b"Hashpact/statement", "a capital in the first line"),
        (b"\nlog", b"\n\nlog", "an empty line"),
        (b"\nlog", b"\r\nlog", "CR"),
        (b"label other", b"label\tother", "a tab"),
        (b"label other", b"label  other", "two spaces"),
        (b"label other", b" label other", "a space before a line"),
        (b"label other", b"label other ", "a space after a line"),
        (b"label other", b"label", "no value"),
        (b"label other", b"label ", "an empty value"),
        (b"label other", b"# label\nlabel other", "a comment"),
        (b"label other", b"label oth\xc3\xa9r", "a letter outside ASCII"),
        (b"label other", b"label oth\xe9r", "a byte that is no UTF-8"),
        (b"label other", b"label oth\0r", "NUL"),
        (b"label other", b"label oth\x7fr", "DEL"),
        (b"label other", b"label oth\xe2\x80\xa8r", "U+2028"),
        (b"hashpact/statement", b"\xef\xbb\xbfhashpact/statement", "a byte order mark"),
        (b"label other", b"Label other", "a capital in a field's name"),
        (b"label other\n", b"label other\nnote x\n", "a field that no kind has"),
        (b"basis guideline\n", b"", "a line too few"),
        (b"basis guideline\n", b"basis guideline\nbasis guideline\n", "a line twice"),
        (b"label other\nbasis guideline\n", b"basis guideline\nlabel other\n", "another order"),
    ):
        refuse(one, why, _swap(before, after))
    refuse(one, "no LF at the end", lambda text: text[:-1] + b" ")
    refuse(one, "a line after the last", lambda text: text + b"x y\n")
    yield one

    one = prelude.fork("numbers", "Decimal, without sign or leading zeros, below 2^63.")
    for number in (
        "1_5",
        "+15",
        "-15",
        "015",
        "15.0",
        "1e3",
        "0x15",
        "\uff11\uff15",
        "00",
        " 15",
        "15 ",
        str(2**63),
        str(2**64),
        "9" * 30,
    ):
        refuse(one, f"removed {number}", _swap(b"removed 1800000000", f"removed {number}".encode()))
    for number in ("0", str(2**63 - 1)):
        one.ok(
            "submit",
            "label other",
            "basis guideline",
            f"removed {number}",
            f"item {digest('x')}",
            by="acme/k1",
            why=number,
        )
    yield one

    one = prelude.fork("hex", "Lower case, without spaces, exactly as long as it is.")
    item = digest("one")
    for value, why in (
        (item.upper(), "capitals"),
        (item[:-2], "a byte too few"),
        (item + "00", "a byte too many"),
        (item[:-1], "a digit too few"),
        (item[:32] + " " + item[33:], "a space"),
        ("0x" + item[2:], "a prefix"),
        ("g" + item[1:], "no digit"),
    ):
        refuse(one, why, _swap(item.encode(), value.encode()))
    yield one

    one = prelude.fork("slugs", "Lower-case letters, digits and single hyphens, at most 64 characters.")
    for slug in ("-a", "a-", "a--b", "A", "a_b", "a.b", "\u00e9", "a" * 65):
        one.no(slug, "policy", "version 2", f"label {slug}")
    policy(one, 2, labels=("0", "0-a", "a" * 64))
    yield one

    one = prelude.fork("names", "A key's name is a slug of at most 32 characters.")
    for name in ("a" * 33, "K2", "k_2", "-k", "k-", "k--2"):
        lines = enrolment(one, "acme/k2")
        lines[1] = f"name {name}"
        one.no(f"name {name}", "key-enrol", *lines, by=ADMINS, extra=line_as(f"acme/{name}", "acme/k2"))
    lines = enrolment(one, "acme/k2")
    lines[1] = f"name {'a' * 32}"
    one.ok("key-enrol", *lines, by=ADMINS, extra=line_as(f"acme/{'a' * 32}", "acme/k2"), why="32 characters")
    yield one

    one = prelude.fork("header", "Each line of the header, in its place and in its spelling.")
    for before, after, why in (
        (b"kind submit", b"kind offer", "no such kind"),
        (b"kind submit", b"kind Submit", "a capital"),
        (b"kind submit\n", b"", "no kind"),
        (b"kind submit\nmember acme", b"member acme\nkind submit", "the kind in another place"),
        (b"member acme", b"member ac", "a member of two characters"),
        (b"member acme\n", b"", "no member"),
        (b"log vectors.example/log\n", b"", "no log"),
        (b"log vectors.example/log", b"log Vectors.example/log", "a capital"),
        (b"time ", b"time 0", "a leading zero"),
    ):
        refuse(one, why, _swap(before, after))
    one.no("a request of 15 bytes", "submit", *submission(), by="acme/k1", request="11" * 15)
    one.no("a request of 17 bytes", "submit", *submission(), by="acme/k1", request="11" * 17)
    one.no("a key of 31 bytes", "submit", *submission(), by="acme/k1", key="11" * 31)
    one.no("a time of 2^63", "submit", *submission(), by="acme/k1", time=2**63)
    yield one

    one = prelude.fork("sorted", "A set stands in ascending order of its bytes, each value once.")
    one.no("roles", "member-enrol", "id new", "role contribute", "role check")
    one.no("a role twice", "member-enrol", "id new", "role check", "role check")
    one.no("labels", "policy", "version 2", "label b", "label a")
    one.no("10 before 9, as bytes", "policy", "version 2", "label a", "clock a9 1", "clock a10 1")
    one.ok("policy", "version 2", "label a", "clock a10 1", "clock a9 1")
    yield one


def origins() -> Iterator[Trial]:
    """Logs of one leaf, whose origin is or is not one."""
    for number, (origin, good) in enumerate(
        (
            ("a", True),
            ("a" * 128, True),
            ("a" * 129, False),
            ("", False),
            ("-a", False),
            ("a/", False),
            (".a", False),
            ("a_b/c.d-e", True),
            ("Example.org/log", False),
            ("hashpact/x", False),
            ("hashpact", True),
            ("a b", False),
        )
    ):
        trial = Trial(f"origin-{number}", f"The origin {origin[:20]!r} of {len(origin)} characters.")
        if good:
            trial.ok("genesis", *office(2, "alice", "bob"), log=origin)
        else:
            trial.no("no origin", "genesis", *office(2, "alice", "bob"), log=origin)
        yield trial


def _notes(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("signature-lines", "A dash, a name, base64 of a key id and more; 1 to 16 lines.")
    text = one.text("submit", *submission(), by="acme/k1")
    good = signed(text, "acme/k1")
    name, encoded = good[:-1].rsplit(b" ", 1)
    value = base64.b64decode(encoded)
    spare = encoded[:-2] + bytes([encoded[-2] + 1]) + encoded[-1:]
    for lines, why in (
        (b"", "no signature"),
        (good[:-1], "no LF at the end"),
        (b"\n" + good, "two empty lines"),
        (good + b"\n", "an empty line at the end"),
        (good.replace("\u2014".encode(), b"-"), "a hyphen for the dash"),
        (good.replace("\u2014".encode(), "\u2013".encode()), "a shorter dash"),
        (good.replace(b" acme", b"  acme"), "two spaces"),
        (good.replace(b"acme/k1 ", b"acme/k1"), "no space"),
        (name + b" " + encoded.rstrip(b"=") + b"\n", "no padding"),
        (name + b" " + base64.urlsafe_b64encode(b"\xff\xff" + value) + b"\n", "the other alphabet"),
        (good + b"\xe2\x80\x94 x AAAAAB==\n", "spare bits that are set"),
        (name + b" " + spare + b"\n", "a changed last letter"),
        (good + b"\xe2\x80\x94 x AAAAAA==\n", "4 bytes"),
        (good + b"\xe2\x80\x94 x+y AAAAAAA=\n", "a plus in a name"),
        (good + b"\xe2\x80\x94 \xc3\xa9 AAAAAAA=\n", "a name outside ASCII"),
        (good + b"\xe2\x80\x94  AAAAAAA=\n", "no name"),
        (good + b"x\n", "another line"),
        (good + b"\xe2\x80\x94 x AAAAAAA=\n" * 16, "17 lines"),
        (good + b"\xe2\x80\x94 x " + b"A" * 4092 + b"\n", "a line of 4098 bytes"),
        (good.replace(b"\n", b"\r\n"), "CR"),
    ):
        one.raw(text + b"\n" + lines, why)
    one.raw(text, "no empty line and no signature")
    one.raw(b"", "no byte")
    one.raw(b"\n\n" + good, "no text")
    one.raw(text + good, "no empty line")
    one.raw(
        text + b"\n" + good + b"\xe2\x80\x94 x AAAAAAA=\n" * 15, "16 lines, the same one twice", valid=True
    )
    yield one

    one = prelude.fork("signature-line-4096", "A line has at most 4096 bytes without its LF.")
    text = one.text("submit", *submission(), by="acme/k1")
    long = b"\xe2\x80\x94 " + b"x" * 4083 + b" AAAAAAA="
    one.raw(text + b"\n" + signed(text, "acme/k1") + long + b"x\n", "in another place")
    one.raw(text + b"\n" + signed(text, "acme/k1") + long.replace(b"xx", b"xxx", 1) + b"\n", "4097 bytes")
    one.raw(text + b"\n" + signed(text, "acme/k1") + long + b"\n", "4096 bytes", valid=True)
    yield one

    one = prelude.fork("leaf-32768", "A leaf has at most 32768 bytes.")
    text = one.text("submit", *submission(), by="acme/k1")
    leaf = text + b"\n" + signed(text, "acme/k1")
    rest = 32768 - len(leaf)
    sizes = [4000] * (rest // 4000) + [rest % 4000]
    filling = b"".join(b"\xe2\x80\x94 " + b"x" * (size - 14) + b" AAAAAAA=\n" for size in sizes)
    one.raw(leaf + filling.replace(b"x", b"xx", 1), "32769 bytes")
    one.raw(leaf + filling, "32768 bytes", valid=True)
    yield one

    one = prelude.fork("checkpoint", "A checkpoint of the log is no statement.")
    note = f"vectors.example/log\n{one.size}\n{base64.b64encode(bytes(32)).decode()}\n".encode()
    one.raw(note + b"\n" + signed(note, "admin/alice"), "its first line is the origin")
    one.no(
        "a header's key in the place of another's",
        "submit",
        *submission(),
        by="acme/k1",
        key=key_id("beta/k1"),
    )
    yield one
