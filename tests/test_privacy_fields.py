"""No field of a statement or a message is for a person's identity or an address of content.

Every field of every kind and of every message is on one of the lists below. A new field fails the test until
somebody has looked at it, and put it on a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from hashpact.domain.grammar import Decimal, Hex, Word
from hashpact.domain.kinds import KINDS, fields_of
from hashpact.domain.kinds.conduct import words
from hashpact.domain.kinds.conduct.spelling import Counted
from hashpact.domain.kinds.lines import NamedKeyLine, OneOf, Pair, WitnessKey, Yes
from hashpact.wire.v1 import certificate_pb2, check_pb2, conduct_pb2, governance_pb2, log_pb2

MEMBERS = {"addressee", "authority", "benign-by", "by", "contributor", "id", "member", "owner", "panel", "to"}
"""Fields that name a member: an organisation that administrators have enrolled."""
SLUGS = {
    *("action", "allow", "article", "channel", "clause", "clock", "count", "hours", "jurisdiction", "label"),
    *("language", "month", "name", "notified-by", "priority", "quarter", "reason", "topic"),
}
"""Fields whose values are short words of a fixed alphabet, without a place for a name or an address."""
CHOICES = {
    *("basis", "guidelines", "heads", "law", "mark-benign", "outcome", "point", "replace", "role", "stance"),
    "use",
}
NUMBERS = {
    *("about", "acted", "appeal", "by", "checked", "cutoff", "decision", "entry", "expires", "from"),
    *("key-delay", "notice", "notified", "overlap", "private-quota", "quarantined", "quorum", "removed"),
    *("review", "tally-step", "threshold", "to", "version", "witness-quorum"),
}
HASHES = {
    *("attestation-key", "document", "item", "log-key", "minutes", "old", "procedure", "public", "serial"),
    *("target", "texts", "words"),
}
KEYS = {"admin", "log-mldsa-key", "witness"}
PAIRS = {"private-quota-of", "rate", "rate-of", "action", "allow", "ceiling", "clock", "count", "priority"}
FREE_TEXTS = {"address", "reference", "explanation"}
"""The only free texts there are; they stand in words, which the log only commits to."""

BYTES = {
    *("answer", "nonce", "note", "request"),
    *("certificate", "certificate_request", "checkpoint", "data", "digest", "document", "documents"),
    *("enrolled_by", "id", "key", "leaf_hash", "private", "proof", "proposals", "public_key"),
    *("revoked_by", "root_hash", "rotated_by", "serial", "statement", "statements", "texts", "value"),
    *("values",),
}
STRINGS = {
    *(
        "authority",
        "bases",
        "basis",
        "before",
        "benign_by",
        "by",
        "clock",
        "entry",
        "jurisdictions",
        "key",
        "kind",
    ),
    *("label", "labels", "member", "message", "name", "next_page_token", "owner", "page_token", "panel"),
    "reference",  # the caller's own name for an upload: for a mirror alone
    *("path", "reason", "roles", "stage", "stance", "standing", "standings", "texture", "to", "type"),
    *("use", "value", "view"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_a_kind_is_on_a_list(kind: str) -> None:
    for field in fields_of(kind):
        spelling = field.spelling
        if isinstance(spelling, Hex):
            assert field.name in HASHES, field.name
        elif isinstance(spelling, Decimal):
            assert field.name in NUMBERS, field.name
        elif isinstance(spelling, OneOf | Yes):
            assert field.name in CHOICES | SLUGS, field.name
        elif isinstance(spelling, NamedKeyLine | WitnessKey):
            assert field.name in KEYS, field.name
        elif isinstance(spelling, Pair | Counted):
            assert field.name in PAIRS, field.name
        else:
            assert isinstance(spelling, Word), field.name
            assert field.name in MEMBERS | SLUGS, field.name
            for text in ("Nguyễn Văn A", "a@example.org", "https://example.org/a", "+84 90 123 45 67"):
                assert not re.fullmatch(spelling.pattern, text), field.name


def test_free_text_stands_in_words_alone() -> None:
    texts = [field.name for field in words._FORM.fields if not isinstance(field.spelling, Hex)]
    assert set(texts) == FREE_TEXTS
    for declared in KINDS.values():
        assert declared.texts <= FREE_TEXTS
        assert bool(declared.texts) is any(field.name == "words" for field in fields_of(declared.kind))


def fields_in(messages: Iterator[Descriptor]) -> Iterator[tuple[str, FieldDescriptor]]:
    """``(message, field)`` of each field of messages and of those inside them."""
    for message in messages:
        for field in message.fields:
            yield message.full_name, field
        yield from fields_in(iter(message.nested_types))


def test_every_field_of_a_message_is_on_a_list() -> None:
    found = 0
    for module in (certificate_pb2, check_pb2, conduct_pb2, governance_pb2, log_pb2):
        for message, field in fields_in(iter(module.DESCRIPTOR.message_types_by_name.values())):
            found += 1
            if field.type == FieldDescriptor.TYPE_STRING:
                assert field.name in STRINGS, f"{message}.{field.name}"
            elif field.type == FieldDescriptor.TYPE_BYTES:
                assert field.name in BYTES, f"{message}.{field.name}"
    assert found > 100
