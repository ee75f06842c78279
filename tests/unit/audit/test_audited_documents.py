"""The documents that statements name, as an auditor looks for them."""

from __future__ import annotations

import hashlib

from builders import LABELS, FakeClock, World
from memory import MemoryLedger
from sources import Altered

from hashpact.audit.auditor import audit_whole
from hashpact.audit.findings import Finding
from hashpact.audit.source import ledger_source
from hashpact.domain.kinds import Policy
from hashpact.member import papers


def found(source: Altered) -> tuple[Finding, ...]:
    """What an audit of it finds."""
    return audit_whole(source, FakeClock(), lambda _done, _total: None).findings


def test_documents_are_there_and_are_those_that_are_named() -> None:
    world, ledger = World(), MemoryLedger()
    world.found(ledger, "acme")
    texts, practice = b"texts", b"practice"
    digest, shared = (hashlib.sha256(one).digest() for one in (texts, practice))
    world.administrators(ledger).say(Policy(2, LABELS, texts_document=digest), documents=[texts])
    paper = papers.practice(["review"], practice)
    for _ in range(2):  # what is named twice is looked for once
        world.appender(ledger).append("acme", world.author("acme").file(paper))
    world.guard(ledger).sign()
    size = ledger.head().size
    with ledger_source(ledger) as honest:
        source = Altered(honest)
        assert found(source) == ()
        source.documents = {digest: None, shared: texts}
        missing, other = found(source)
        assert (missing.topic, missing.index) == ("document", size - 3)
        assert missing.message == f"leaf {size - 3} names a document that is missing: {digest.hex()}"
        assert (other.topic, other.index, other.evidence) == (
            "document",
            size - 2,
            {f"document-{shared.hex()}": texts},
        )
        source.only_published = True  # as of tiles: what members share among themselves is not there
        assert found(source) == (missing,)
