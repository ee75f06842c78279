"""A child: how it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from running import found

from hashpact.serving import child
from hashpact.serving.child import Child, Order
from hashpact.serving.duty import Duty


@pytest.mark.parametrize(("hangs", "status"), [(False, 0), (True, -signal.SIGKILL)])
async def test_a_child_that_does_not_end_when_it_is_told_to_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, hangs: bool, status: int
) -> None:
    keeper = Duty(answers=False, name="keeper")
    one = Child(Order(found(tmp_path, {}), "127.0.0.1:0", keeper, ()))
    await one.settled()
    assert one.ready.is_set()
    assert one.pid is not None
    if hangs:
        monkeypatch.setattr(child, "PATIENCE", 0.0)
        os.kill(one.pid, signal.SIGSTOP)  # it gets SIGTERM when it goes on, which it does not
    one.stop()
    await one.ended.wait()
    assert one.status == status
    one.stop()
