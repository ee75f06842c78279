"""Joining: the two files between a member and the administrators, read to the last byte or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOW, ORIGIN, Identity, World

from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import KeyEnrol, MemberEnrol
from hashpact.domain.state import Role, Use
from hashpact.errors import ConfigError, InvalidInputError, MalformedError
from hashpact.governance.administer import Drafter
from hashpact.governance.joining import Join, Welcome

WHO, SPARE = Identity.of("acme"), Identity.of("acme", "recovery")
PEM = b"-----BEGIN CERTIFICATE REQUEST-----\nMII=\n-----END CERTIFICATE REQUEST-----\n"
CERTIFICATE = PEM.replace(b" REQUEST", b"")
JOIN = Join(ORIGIN, "acme", "hp.example:8443", WHO.key, SPARE.key, PEM)
WELCOME = Welcome(ORIGIN, "acme", NOW, bytes(32), (b"\1" * 32, b"\2" * 32), CERTIFICATE, CERTIFICATE * 2)


@pytest.mark.parametrize("join", [JOIN, replace(JOIN, recovery=None, address="[::1]:1")])
def test_a_join_file_is_read_as_it_was_written(join: Join) -> None:
    assert Join.parse(join.data()) == join
    assert len(join.digest) == 64


def test_a_welcome_file_is_read_as_it_was_written() -> None:
    assert Welcome.parse(WELCOME.data()) == WELCOME


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PEM,
        WELCOME.data(),
        JOIN.data().replace(b"\n\n", b"\n"),
        JOIN.data().replace(b"key 1", b"kay 1"),
        JOIN.data().replace(b"id acme", b"id Acme"),
        JOIN.data().replace(b"address ", b"address \xff"),
        JOIN.data() + bytes(65536),
    ],
)
def test_what_is_no_join_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Join.parse(data)


def test_a_key_that_proves_nothing_is_refused_before_anybody_signs() -> None:
    weak = NamedKey("1", (1).to_bytes(32, "little"))
    for join in (replace(JOIN, key=weak), replace(JOIN, recovery=weak)):
        with pytest.raises(InvalidInputError, match="small order"):
            Join.parse(join.data())


@pytest.mark.parametrize("data", [b"", JOIN.data(), WELCOME.data().replace(b"genesis ", b"genesis 0")])
def test_what_is_no_welcome_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Welcome.parse(data)


def test_a_member_is_admitted_with_all_its_keys(world: World) -> None:
    drafter = Drafter(world.origin, world.admins[0].id, world.clock, world.entropy)
    bodies = [draft.statement.body for draft in drafter.admit(JOIN, frozenset(Role))]
    year = NOW + 365 * 86400
    assert bodies == [
        MemberEnrol("acme", frozenset(Role)),
        KeyEnrol("acme", "1", WHO.public, Use.SIGN, year),
        KeyEnrol("acme", "recovery", SPARE.public, Use.RECOVERY, year),
    ]
    assert len(drafter.admit(replace(JOIN, recovery=None), frozenset(Role))) == 2
    with pytest.raises(ConfigError, match="for the log 'other"):
        drafter.admit(replace(JOIN, log="other.example/log"), frozenset(Role))
