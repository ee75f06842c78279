"""The command monitor while it follows: what it complains of, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import World
from grown import Grown

from hashpact.audit import leaves
from hashpact.cli.main import run


class Ended(BaseException):
    """Ends a command that would go on."""


def test_it_looks_again_complains_once_and_tells_each_event_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    source = Grown(world, world.founding("acme"))
    gone = iter((False, True, True, False, None))

    class Opened:
        """A place that is there, gone, or the end."""

        def __enter__(self) -> Grown:
            now = next(gone)
            if now is None:
                raise Ended
            source.gone = now
            return source

        def __exit__(self, *_: object) -> None:
            """Nothing is to be closed."""

    monkeypatch.setattr(leaves, "open_source", lambda *_: Opened())
    state = str(tmp_path / "state")
    with pytest.raises(Ended):
        run(["monitor", "somewhere", "--state", state, "--member", "acme", "--every", "0.1", "--history"])
    printed = capsys.readouterr()
    assert printed.err == "hashpact: the server is gone; it looks again every 0.1 s\n"
    lines = printed.out.splitlines()
    assert len(lines) == len(set(lines))
    assert " governance.changed leaf 0: " in lines[0]
    assert " log.audited: " in lines[-1]
