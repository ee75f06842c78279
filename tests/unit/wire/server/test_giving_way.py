"""A check lets the serving thread go first in its turn, and not again and again while it waits for it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any, cast

from builders import fingerprint

from hashpact.domain.checks import Answer, Check, Query
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.state import Member, Role
from hashpact.service.check import Checker
from hashpact.wire import codec
from hashpact.wire.server.admission.pools import Pool
from hashpact.wire.server.admission.quotas import Quotas
from hashpact.wire.server.core.turns import Turns
from hashpact.wire.server.handlers import CheckHandler
from hashpact.wire.server.identity import CALLER

SOON = 120
LOOKS = 5


def test_a_check_that_waits_for_its_turn_gives_way_once() -> None:
    gave: list[int] = []
    looks: list[int] = []
    turns = Turns(1, 1)
    pool = Pool("check", 2, 16, 16, turns, 1, give_way=lambda: gave.append(len(looks)))

    def check(
        _: Check,
        wanted: Callable[[], bool],
        turn: Callable[[], AbstractContextManager[None]],
        __: Callable[[], None],
    ) -> Answer:
        gave.clear()
        with turn():
            assert wanted()
        return Answer((), 0)

    def is_active() -> bool:
        looks.append(1)
        if len(looks) == LOOKS:
            turns.give_back("other")
        return True

    handler = CheckHandler(cast("Checker", SimpleNamespace(check=check)), pool, Quotas(), None)
    request = codec.check_to_wire(Check((Query(fingerprint(PDQ, "1")),)))
    done: Future[Any] = Future()

    def called() -> None:
        CALLER.set(Member("acme", frozenset({Role.CHECK}), 0, None))
        try:
            done.set_result(handler.Check(request, cast("Any", SimpleNamespace(is_active=is_active))))
        except Exception as error:  # noqa: BLE001 - it is the future's
            done.set_exception(error)

    assert turns.take("other") is None
    try:
        pool.submit("acme", lambda: contextvars.Context().run(called))
        done.result(SOON)
    finally:
        pool.close()
    # Once when it has its turn, and once between two pieces of its work.
    assert gave == [LOOKS, LOOKS]
