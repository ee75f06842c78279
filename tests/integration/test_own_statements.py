"""A client's checks reflect its own statements, also at a server process whose index is behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from builders import fingerprint
from clearinghouse import Caller, Clearinghouse, Connect
from linear import LinearIndex

from hashpact.domain.fingerprints import PDQ, SHA256
from hashpact.errors import NotPermittedError
from hashpact.fingerprint.content import fingerprints_of
from hashpact.lookup.catalog import EntryCatalog
from hashpact.service.check import Checker
from hashpact.service.follow import Follower

CONTENT = b"\x00removed"
(CODE,) = [one for one in fingerprints_of(CONTENT).fingerprints if one.type is SHA256]

CHECKS: dict[str, Callable[[Caller], Any]] = {
    "check": lambda caller: caller("check", [CODE]),
    "check_many": lambda caller: caller("check_many", [CODE, CODE]),
    "check_stream": lambda caller: caller("check_stream", [[CODE]]),
    "check_bytes": lambda caller: caller("check_bytes", CONTENT),
    "check_files": lambda caller: caller("check_files", [CONTENT, CONTENT]),
}


@pytest.fixture
async def behind(founded: Clearinghouse) -> Clearinghouse:
    """A server whose checks are as those of another process than the one that appends.

    Their index follows the log only when a check asks for a position.
    """
    index = LinearIndex()
    follower = Follower(founded.ledger, index, EntryCatalog(founded.ledger))
    follower.catch_up()
    founded.alter(checker=Checker(founded.ledger, index, follower))
    await founded.start()
    return founded


def matches(answers: Any) -> list[int]:  # noqa: ANN401  # one, or a list of them
    """How many matches each of the answers has."""
    return [len(one.matches) for one in (answers if isinstance(answers, list) else [answers])]


@pytest.mark.parametrize("method", CHECKS)
async def test_every_check_reflects_what_its_client_has_stated(
    behind: Clearinghouse, connect: Connect, method: str
) -> None:
    check = CHECKS[method]
    caller, other = connect(behind.profile("acme")), connect(behind.profile("bolt"))
    receipt = await caller("submit", [CODE], labels=["ncii"])
    assert set(matches(await check(other))) == {0}  # its index is behind
    assert set(matches(await check(caller))) == {1}
    await caller("withdraw", receipt.index, "removed-in-error")
    assert set(matches(await check(other))) == {1}
    assert set(matches(await check(caller))) == {0}


async def test_a_position_that_is_asked_for_wins(behind: Clearinghouse, connect: Connect) -> None:
    caller = connect(behind.profile("acme"))
    receipt = await caller("submit", [CODE], labels=["ncii"])
    answer = await caller("check", [CODE], min_position=0)
    assert (answer.matches, answer.position) == ((), receipt.tree_size - 1)
    second = await caller("submit", [fingerprint(PDQ, "two")], labels=["ncii"])
    answer = await caller("check", [CODE])
    assert (len(answer.matches), answer.position) == (1, second.tree_size)


async def test_a_refused_statement_asks_for_nothing(behind: Clearinghouse, connect: Connect) -> None:
    caller, other = connect(behind.profile("acme")), connect(behind.profile("bolt"))
    before = (await caller("check", [CODE])).position
    mine = await other("submit", [CODE], labels=["ncii"])
    with pytest.raises(NotPermittedError):
        await caller("withdraw", mine.index, "removed-in-error")
    assert (await caller("check", [CODE])).position == before
