"""Expiry: what ends soon is said in good time, and more urgently as the end comes near."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOW, Identity

from hashpact.domain.state import Key
from hashpact.keys.expiry import CERTIFICATE_DAYS, DAY, Registry, ending

FIRST = Key(Identity.of("acme").id, "acme", "1", Identity.of("acme").public, NOW + 90 * DAY, 3)
SECOND = replace(FIRST, id=Identity.of("acme", "2").id, name="2", enrolled_index=7, enrolled_by=FIRST.id)


@pytest.mark.parametrize(
    ("days", "level"),
    [(61, None), (60, None), (59, "notice"), (29, "warning"), (7, "warning"), (6, "urgent"), (-1, "urgent")],
)
def test_a_key_is_warned_of_at_60_30_and_7_days(days: int, level: str | None) -> None:
    found = ending("the key acme/1", NOW + days * DAY, NOW)
    assert (None if found is None else (found.level, found.days)) == (
        None if level is None else (level, days)
    )


def test_a_warning_says_what_and_when() -> None:
    soon = ending("the certificate", NOW + DAY, NOW, CERTIFICATE_DAYS)
    assert soon is not None
    assert (soon.level, soon.text) == ("urgent", "the certificate expires in 1 day")
    past = ending("the certificate", NOW - 5, NOW)
    assert past is not None
    assert past.text == "the certificate has expired"
    assert ending("the certificate", NOW + 20 * DAY, NOW, CERTIFICATE_DAYS) is None


def state(*keys: Key, of: Key = FIRST, now: int = NOW) -> str:
    return Registry(keys, now).state(of)


def test_what_a_key_is_good_for() -> None:
    assert state(FIRST) == "in use"
    assert state(FIRST, now=NOW + 90 * DAY) == "expired"
    waiting = replace(FIRST, valid_from=NOW + 1)
    assert state(waiting, of=waiting) == "waiting"
    suspended = replace(FIRST, suspended_index=9)
    assert state(suspended, of=suspended) == "suspended"
    replaced = replace(FIRST, rotated_index=7, rotated_by=FIRST.id, retires=NOW + 60)
    assert state(replaced, SECOND, of=replaced) == "retiring"
    assert state(replaced, SECOND, of=replaced, now=NOW + 60) == "retired"
    revoked = replace(replaced, revoked_index=12, cutoff=5)
    assert state(revoked, SECOND, of=revoked) == "revoked from leaf 5"
    # The thief's rotation at leaf 7 falls with the key that made it.
    assert state(revoked, SECOND, of=SECOND) == "void, as the rotation that brought it is"


def test_only_keys_in_use_are_warned_of() -> None:
    soon = NOW + 80 * DAY
    assert [each.what for each in Registry([FIRST], soon).endings()] == ["the key acme/1"]
    replaced = replace(FIRST, rotated_index=7, rotated_by=FIRST.id, retires=NOW)
    assert [each.what for each in Registry([replaced, SECOND], soon).endings()] == ["the key acme/2"]
    revoked = replace(FIRST, revoked_index=12, cutoff=12)
    assert list(Registry([revoked], soon).endings()) == []
