"""What goes with a filing: it survives a reopen and a restore, and an audit finds it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from builders import NOW, FakeClock, Identity, World, check_log, fingerprint
from tampering import Forger

from hashpact.audit.auditor import audit_whole
from hashpact.audit.findings import Finding
from hashpact.audit.source import ledger_source
from hashpact.domain.fingerprints import SHA256, commitment
from hashpact.domain.kinds.conduct.words import Words, parse_words
from hashpact.domain.state import Role
from hashpact.errors import CorruptError, InvalidInputError
from hashpact.home.backup import back_up, restore
from hashpact.member import papers
from hashpact.storage.private import pack, unpack
from hashpact.storage.sqlite import SqliteLedger

WHY = "Ảnh riêng tư bị đăng lại."
PROCEDURE = "Gửi thông báo qua cổng.\n".encode()
DIGEST = hashlib.sha256(PROCEDURE).digest()
ROLES = {"acme": {Role.CHECK, Role.CONTRIBUTE}, "watch": {Role.NOTIFY}}


@pytest.fixture
def home(tmp_path: Path, world: World) -> Path:
    """A home with a contact point and a notice, which nobody has open."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("hashpact.toml", "pki/ca.crt"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).touch()
    with closing(SqliteLedger.create(home / "hashpact.db")) as ledger:
        world.found(ledger)
        for member, roles in ROLES.items():
            who = Identity.of(member)
            world.administrators(ledger).enrol(member, frozenset(roles), who.key, who.private)
        reached = papers.contact(
            "notices", "desk", valid_from=NOW, valid_to=NOW + 999, languages=["vi"], procedure=PROCEDURE
        )
        given = papers.notice(
            ["acme"],
            labels=["ncii"],
            explanation=WHY,
            reference="case 7",
            channel="flagger",
            clock="code",
            fingerprints=[fingerprint(SHA256, "sought")],
        )
        appender = world.appender(ledger)
        appender.append("acme", world.author("acme").file(reached))
        appender.append("watch", world.author("watch").file(given))
        check_log(ledger)
    return home


def kept(home: Path) -> tuple[dict[int, tuple[bytes, ...]], bytes | None]:
    """What goes with the filings, and the document."""
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:
        return {index: tuple(parts) for index, parts in ledger.confidential(0, 99)}, ledger.document(DIGEST)


def findings(home: Path) -> list[Finding]:
    """What `hashpact log verify` finds in the ledger."""
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger, ledger_source(ledger) as source:
        return list(audit_whole(source, FakeClock(), lambda _done, _total: None).findings)


def test_it_is_kept_apart_and_is_there_after_a_reopen_and_a_restore(tmp_path: Path, home: Path) -> None:
    confidential, document = before = kept(home)
    (contact, (desk,)), (given, (item, why)) = confidential.items()
    assert (parse_words(desk).address, parse_words(why).explanation) == ("desk", WHY)
    assert document == PROCEDURE
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:
        assert list(ledger.private(0, 99)) == []  # checks and mirrors of entries read that
        notice = next(ledger.leaves(given, given + 1)).data.decode()
        assert next(ledger.leaves(contact, contact + 1)).data.decode().count(DIGEST.hex()) == 1
    assert f"item {commitment(item).hex()}\n" in notice
    assert f"words {commitment(why).hex()}\n" in notice

    back_up(home, tmp_path / "b.tar", lambda _done, _total: None, keys=False, now=7)
    restore(tmp_path / "b.tar", tmp_path / "again", lambda _done, _total: None, lambda _ledger: None)
    assert kept(tmp_path / "again") == before
    assert findings(tmp_path / "again") == []


def _other_words(parts: list[bytes]) -> list[bytes]:
    return [*parts[:-1], Words(bytes(32), reference="case 8", explanation="x").text()]


@pytest.mark.parametrize("edit", [_other_words, lambda parts: parts[:-1], lambda parts: parts[::-1]])
def test_changed_words_are_found(home: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    confidential, _ = kept(home)
    given = max(confidential)
    changed = pack(edit(list(confidential[given])))
    Forger(home / "hashpact.db").sql("UPDATE confidential SET data = ? WHERE leaf = ?", changed, given)
    assert [(one.topic, one.index) for one in findings(home)] == [("private", given)]
    assert unpack(changed)


def test_words_that_are_gone_or_moved_are_found(home: Path) -> None:
    contact, given = kept(home)[0]
    forger = Forger(home / "hashpact.db")
    forger.sql("DELETE FROM confidential WHERE leaf = ?", given)
    assert [(one.topic, one.index) for one in findings(home)] == [("private", given)]
    forger.sql("UPDATE confidential SET leaf = ? WHERE leaf = ?", given, contact)
    assert [(one.topic, one.index) for one in findings(home)] == [("private", contact), ("private", given)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "appeal"),
        ("about", "9"),
        ("member", "acme"),
        ("key", bytes(32)),
        ("moment", 1),
        ("lines", b"to acme\n"),
    ],
)
def test_a_changed_filing_is_found(home: Path, column: str, value: object) -> None:
    given = max(kept(home)[0])
    Forger(home / "hashpact.db").sql(f"UPDATE filings SET {column} = ? WHERE idx = ?", value, given)  # noqa: S608  # of the list above
    (found,) = findings(home)
    assert (found.topic, found.index) == ("state", given)
    assert found.message == f"the record filing {given} is reported with another {column}"


def test_a_filing_that_is_gone_or_made_up_is_found(home: Path) -> None:
    given = max(kept(home)[0])
    forger = Forger(home / "hashpact.db")
    forger.sql("INSERT INTO filings SELECT 3, kind, about, member, key, moment, lines FROM filings LIMIT 1")
    assert [one.message for one in findings(home)] == ["the record filing 3 follows from no leaf"]
    forger.sql("DELETE FROM filings WHERE idx IN (3, ?)", given)
    assert [one.message for one in findings(home)] == [f"the record filing {given} is missing"]


def test_a_changed_document_is_not_read(home: Path) -> None:
    Forger(home / "hashpact.db").sql("UPDATE documents SET data = ?", b"other")
    with pytest.raises(CorruptError, match="is another"):
        kept(home)


def test_a_document_is_enclosed_or_kept_already(home: Path, world: World) -> None:
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:
        appender, author = world.appender(ledger), world.author("acme")
        absent = author.file(papers.practice(["review"], b"another"))
        size = ledger.head().size
        with pytest.raises(InvalidInputError, match="enclose the document"):
            appender.append("acme", replace(absent, documents=()))
        assert ledger.head().size == size
        known = author.file(papers.practice(["review"], PROCEDURE))
        appender.append("acme", replace(known, documents=()))
        assert ledger.head().size == size + 1
        check_log(ledger)
