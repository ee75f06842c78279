"""Records to rows."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import TypeAlias

import apsw

from hashpact.domain.state import (
    Charter,
    ConductTerms,
    Entry,
    Filing,
    Key,
    MatchTerms,
    Member,
    Opinion,
    RecentTimes,
    Record,
)
from hashpact.storage.rows.columns import (
    CHARTER,
    ENTRY,
    FILING,
    KEY,
    MEMBER,
    OPINION,
    REVOKED,
    TIMES,
    lines,
)

_Values: TypeAlias = tuple[str | bytes | int | None, ...]


def put(connection: apsw.Connection, record: Record) -> None:
    """Add the record, or replace the one with its identity. Raises apsw.Error."""
    table, columns, values = _row_of(record)
    connection.execute(_sql(table, columns), values)


def put_all(connection: apsw.Connection, records: Iterable[Record]) -> None:
    """Put many records, in order among those of one table. Raises apsw.Error."""
    of_table: dict[tuple[str, str], list[_Values]] = {}
    for record in records:
        table, columns, values = _row_of(record)
        of_table.setdefault((table, columns), []).append(values)
    for (table, columns), many in of_table.items():
        connection.executemany(_sql(table, columns), many)


@functools.cache
def _sql(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"REPLACE INTO {table} ({columns}) VALUES ({marks})"


def _row_of(record: Record) -> tuple[str, str, _Values]:  # noqa: PLR0911 - one for each table
    """Table, columns and values of the record."""
    match record:
        case Charter():
            names = lines(admin.name for admin in record.admins)
            keys = b"".join(admin.public for admin in record.admins)
            log_keys = b"".join(record.log_keys)
            values = (record.origin, names, keys, record.threshold, log_keys)
            policy = (record.policy_version, lines(record.labels), record.key_delay)
            root = (record.root_version, int(record.single_admin), record.since)
            allowed = lines(f"{name} {label}" for name, label in record.allowed)
            quotas = lines(f"{member} {quota}" for member, quota in record.quotas)
            rates = lines(f"{kind} {most}" for kind, most in record.rates)
            rates_of = lines(f"{who} {kind} {most}" for who, (kind, most) in record.rates_of)
            bounds = (allowed, record.private_quota, quotas, rates, rates_of, _written(record.terms))
            witnesses = (lines(each.key for each in record.witnesses), record.witness_quorum)
            attesting = b"".join(record.attestation_keys)
            also = lines(each.key for each in record.log_mldsa_keys)
            others = (*witnesses, attesting, _matching(record.matching), also)
            return "charters", CHARTER, (*values, *policy, *root, *bounds, *others)
        case Member():
            roles = lines(sorted(role.value for role in record.roles))
            revoked = b"".join(REVOKED.pack(*one) for one in record.revoked)
            return (
                "members",
                MEMBER,
                (record.id, roles, record.enrolled_index, record.suspended_index, revoked),
            )
        case Key():
            return "keys", KEY, _values_of_key(record)
        case Entry():
            return "entries", ENTRY, _values_of_entry(record)
        case Opinion():
            return "opinions", OPINION, _values_of_opinion(record)
        case Filing():
            return "filings", FILING, _values_of_filing(record)
        case RecentTimes():
            signers = lines(each.signer for each in record.signers)
            return "times", TIMES, (1, signers, json.dumps([each.time for each in record.signers]))


def _values_of_key(key: Key) -> _Values:
    return (
        key.id,
        key.member,
        key.name,
        key.public,
        key.expires,
        key.enrolled_index,
        key.use.value,
        key.valid_from,
        key.enrolled_by,
        key.rotated_index,
        key.rotated_by,
        key.retires,
        key.suspended_index,
        key.revoked_index,
        key.revoked_by,
        key.cutoff,
        key.stands_below,
    )


def _values_of_opinion(opinion: Opinion) -> _Values:
    return (
        opinion.entry,
        opinion.member,
        opinion.stance.value,
        opinion.index,
        opinion.key,
        opinion.reason,
    )


def _values_of_filing(filing: Filing) -> _Values:
    return (
        filing.index,
        filing.kind,
        filing.about,
        filing.member,
        filing.key,
        filing.moment,
        filing.lines,
    )


def _written(terms: ConductTerms) -> str:
    texts = None if terms.texts is None else terms.texts.hex()
    values = (terms.clocks, terms.priorities, terms.panel, terms.quorum, texts, terms.tally_step)
    return json.dumps(values, separators=(",", ":"))


def _matching(terms: MatchTerms) -> str:
    return json.dumps((terms.benign_by, terms.mark_benign, terms.ceilings), separators=(",", ":"))


def _values_of_entry(entry: Entry) -> _Values:
    return (
        entry.index,
        entry.member,
        lines(entry.labels),
        entry.basis.value,
        entry.authority,
        entry.article,
        lines(entry.jurisdictions),
        entry.removed_at,
        entry.shared_at,
        entry.items,
        entry.key,
        entry.withdrawn_index,
        entry.withdrawn_reason,
        entry.withdrawn_by,
        entry.voided_index,
        entry.voided_reason,
    )
