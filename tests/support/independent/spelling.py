"""How values are spelt, and the tables of the document: which lines each kind of statement has."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from hashlib import sha256

from independent.reading import Line

MOST = 2**63 - 1
DAY = 86400

Good = Callable[[str], bool]


def spelt(pattern: str, longest: int = 32768) -> Good:
    """Values that the pattern describes, of at most so many characters."""
    return lambda value: len(value) <= longest and re.fullmatch(pattern, value) is not None


def number(low: int = 0, high: int = MOST) -> Good:
    """A number from low to high."""
    return lambda value: re.fullmatch("0|[1-9][0-9]{0,18}", value) is not None and low <= int(value) <= high


def one_of(*words: str) -> Good:
    """One of these words."""
    return lambda value: value in words


def row(*parts: Good) -> Good:
    """Values with a space between each two."""

    def good(value: str) -> bool:
        texts = value.split(" ")
        return len(texts) == len(parts) and all(part(text) for part, text in zip(parts, texts, strict=True))

    return good


def hexed(size: int) -> Good:
    """So many bytes in hex."""
    return spelt(f"[0-9a-f]{{{2 * size}}}")


def verifier_key(value: str) -> tuple[str, int, bytes] | None:
    """Name, type and key of a witness's verifier key; None if it is no such key in its one spelling."""
    found = re.fullmatch(r"([!-*,-~]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)", value)
    if found is None:
        return None
    try:
        data = base64.b64decode(found[3], validate=True)
    except binascii.Error:
        return None
    named = sha256(found[1].encode() + b"\n" + data).hexdigest()[:8]
    right = base64.b64encode(data).decode() == found[3] and named == found[2]
    return (found[1], data[0], data[1:]) if right and len(data) == {4: 33, 6: 1313}.get(data[0]) else None


SLUG = "[a-z0-9]+(?:-[a-z0-9]+)*"
slug, short_slug = spelt(SLUG, 64), spelt(SLUG, 32)
member = spelt("[a-z0-9-]{3,32}")
index = time = number()
digest = hexed(32)
origin = spelt("(?!hashpact/)[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?", 128)

ROLES = ("audit", "authority", "check", "contribute", "notify", "represent")
POINTS = ("appeals", "keys", "notices", "press")
JUDGED = ("breach", "no-breach", "not-judged")
TYPES = (
    "folded/1",
    "md5/1",
    "minhash/1",
    "parts/1",
    "pdq/1",
    "phash/1",
    "sha1/1",
    "sha256/1",
    "sha512/1",
    "winnow/1",
)
RATED = (
    *("action-done", "appeal", "cert-revoke", "check", "contact", "contact-confirm", "decision"),
    *("key-revoke", "key-rotate", "key-suspend", "member-suspend", "notice", "opinion", "practice"),
    *("question", "receipt-confirm", "reply", "review", "ruling", "submit", "tally", "training", "withdraw"),
)

HEADER = [
    Line("log", origin),
    Line("kind", slug),
    Line("member", member),
    Line("key", digest),
    Line("request", hexed(16)),
    Line("time", time),
]

_ADMIN = Line("admin", row(short_slug, digest), 1, 15)
_THRESHOLD = Line("threshold", number(1, 15))
_LOG_KEY = Line("log-key", digest, 1, 4)
_WITNESSES = [
    Line("witness", lambda value: verifier_key(value) is not None, 0, 15, ordered=True),
    Line("witness-quorum", number(1, 15), 0),
]
_LOG_MLDSA_KEY = Line(
    "log-mldsa-key", lambda value: (verifier_key(value) or ("", 0))[1] == 6, 0, 2, ordered=True
)
_ATTESTING = Line("attestation-key", digest, 0, 4)
_OFFICE = [_ADMIN, _THRESHOLD, _LOG_KEY, *_WITNESSES, _ATTESTING, _LOG_MLDSA_KEY]
_ID = Line("id", member)
_ROLE = Line("role", one_of(*ROLES), 1, 6, ordered=True)
_REASON = Line("reason", slug)
_NEW_KEY = [Line("name", short_slug), Line("public", digest)]
_EXPIRES = Line("expires", time)
_TARGET = Line("target", digest)
_LABEL = Line("label", slug, 1, 8, ordered=True)
_ORDERED = [Line("authority", member, 0), Line("article", slug, 0)]
_BASIS = [Line("basis", one_of("guideline", "law")), *_ORDERED]
_ANY_BASIS = [Line("basis", one_of("guideline", "law", "benign")), *_ORDERED]
_WORDS, _MORE_WORDS = Line("words", digest), Line("words", digest, 0)
_POINT = Line("point", one_of(*POINTS))
_MONTH = Line("month", spelt("[0-9]{4}-(?:0[1-9]|1[0-2])"))
_TOPIC = Line("topic", slug, 1, 16, ordered=True)
_DOCUMENT = Line("document", digest)
_RATE = row(one_of(*RATED), number(1))

POLICY = [
    Line("version", number(1)),
    Line("label", slug, 1, 64, ordered=True),
    Line("key-delay", number(1, 30 * DAY), 0),
    Line("allow", row(one_of(*TYPES), slug), 0, 256, ordered=True),
    Line("private-quota", number(1), 0),
    Line("private-quota-of", row(member, number(1)), 0, 64, ordered=True),
    Line("rate", _RATE, 0, 23, ordered=True),
    Line("rate-of", row(member, one_of(*RATED), number(1)), 0, 1472, ordered=True),
    Line("clock", row(slug, number(1, 366 * DAY)), 0, 64, ordered=True),
    Line("priority", row(slug, slug), 0, 64, ordered=True),
    Line("panel", member, 0, 32, ordered=True),
    Line("quorum", number(2, 32), 0),
    Line("texts", digest, 0),
    Line("tally-step", number(1), 0),
    Line("benign-by", member, 0, 64, ordered=True),
    Line("mark-benign", one_of("yes"), 0),
    Line("ceiling", row(slug, one_of(*TYPES), number()), 0, 128, ordered=True),
]

KINDS: dict[str, list[Line]] = {
    "genesis": _OFFICE,
    "root": [Line("version", number(1)), *_OFFICE],
    "policy": POLICY,
    "member-enrol": [_ID, _ROLE],
    "member-suspend": [_ID, _REASON],
    "member-resume": [_ID, _REASON],
    "member-roles": [_ID, _ROLE, _REASON],
    "key-enrol": [_ID, *_NEW_KEY, Line("use", one_of("sign", "recovery")), _EXPIRES],
    "key-rotate": [Line("old", digest), *_NEW_KEY, _EXPIRES, Line("overlap", number(0, 30 * DAY))],
    "key-suspend": [_ID, _TARGET, _REASON],
    "key-resume": [_ID, _TARGET, _REASON],
    "key-revoke": [_ID, _TARGET, Line("cutoff", index), _REASON],
    "submit": [
        _LABEL,
        *_ANY_BASIS,
        Line("jurisdiction", spelt("[A-Z]{2}"), 0, 64, ordered=True),
        Line("removed", time),
        Line("item", digest, 1, 256),
    ],
    "opinion": [
        Line("entry", index),
        Line("stance", one_of("endorse", "dispute", "seen", "disown")),
        Line("reason", slug, 0),
        Line("replace", one_of("yes"), 0),
    ],
    "withdraw": [Line("entry", index), _REASON],
    "void": [Line("entry", index), _REASON],
    "clock-mend": [_REASON],
    "cert-revoke": [_ID, Line("serial", hexed(20)), _REASON],
    "contact": [
        _POINT,
        Line("from", time),
        Line("to", time),
        Line("language", spelt("[a-z]{2,3}"), 1, 16, ordered=True),
        Line("hours", slug, 1, 16, ordered=True),
        Line("procedure", digest, 0),
        _WORDS,
    ],
    "contact-confirm": [_POINT],
    "notice": [
        Line("to", member, 1, 16, ordered=True),
        Line("entry", index, 0),
        _LABEL,
        *_BASIS,
        Line("channel", one_of("authority", "civil-society", "flagger", "user")),
        Line("clock", slug),
        Line("item", digest, 0, 256),
        _WORDS,
    ],
    "receipt-confirm": [Line("notice", index)],
    "decision": [
        Line("notice", index),
        Line("outcome", one_of("removed", "restricted", "kept", "invalid", "disputed")),
        Line("guidelines", one_of(*JUDGED)),
        Line("clause", slug, 0),
        Line("law", one_of(*JUDGED)),
        Line("article", slug, 0),
        Line("acted", time, 0),
        Line("notified", time, 0),
        Line("notified-by", slug, 0),
    ],
    "appeal": [Line("entry", index, 0), Line("decision", index, 0), _REASON, _MORE_WORDS],
    "ruling": [
        Line("appeal", index),
        Line("outcome", one_of("upheld", "rejected")),
        Line("entry", index, 0),
        _REASON,
        _MORE_WORDS,
    ],
    "question": [Line("to", member), Line("notice", index, 0), _REASON, _WORDS],
    "reply": [Line("about", index), _REASON, _MORE_WORDS],
    "methods": [_DOCUMENT],
    "training": [_TOPIC, _MONTH, Line("heads", one_of("1-9", "10-49", "50-199", "200-or-more"))],
    "practice": [_TOPIC, _DOCUMENT],
    "tally": [
        _MONTH,
        Line("checked", number()),
        Line("count", row(slug, number(), number(), number()), 0, 64, ordered=True),
        Line("quarantined", number(), 0),
    ],
    "review": [
        Line("quarter", spelt("[0-9]{4}Q[1-4]")),
        Line("minutes", digest),
        Line("action", row(slug, time), 0, 32, ordered=True),
    ],
    "action-done": [Line("review", index), Line("action", slug), Line("by", index, 0)],
}
