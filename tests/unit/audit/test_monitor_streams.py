"""The monitor on random logs, interrupted anywhere: it tells and derives what one look and an audit do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from builders import NOW, FakeClock, World
from grown import Grown
from listening import EVERYTHING, Listener, look, silent
from streams import EXAMPLES, Step, draw, ordinary, spoken

from hashpact.audit.auditor import audit_whole
from hashpact.audit.monitoring.monitor import opened_monitor
from hashpact.domain.rules.replay import replay
from hashpact.errors import UnavailableError
from hashpact.storage.derived.file import DerivedFile


def watched_in_pieces(world: World, leaves: Sequence[bytes], draws: Random) -> None:
    """A monitor that looks as the log grows, fails, is opened again: as one that looks once, and an audit."""
    with TemporaryDirectory() as directory:
        once, often = Path(directory) / "once", Path(directory) / "often"
        _, wanted = look(once, Grown(world, leaves))
        source, told = Grown(world, leaves, draws.randrange(1, 9)), Listener()
        while True:
            source.torn = draws.choice((None, draws.randrange(source.size)))
            told.busy = draws.random() < 0.5
            with opened_monitor(often, EVERYTHING, FakeClock(NOW)) as monitor:
                try:
                    found = monitor.look(source, silent)
                except UnavailableError:
                    continue
                finally:
                    monitor.deliver(told)
            if source.size == len(leaves):
                break
            source.size = min(source.size + draws.randrange(1, 30), len(leaves))
        told.busy = False
        with opened_monitor(often, EVERYTHING, FakeClock(NOW)) as monitor:
            monitor.deliver(told)
        report = audit_whole(Grown(world, leaves), FakeClock(NOW), silent)
        assert (found.report.root, found.report.counts) == (report.root, report.counts)
        assert {one["id"]: one for one in told.events if "size" not in one} == {
            one["id"]: one for one in wanted if "size" not in one
        }
        states = []
        for path in (once, often):
            file = DerivedFile.open(path)
            states.append(
                [repr(record) for kind in map(type, _every(leaves)) for record in file.records(kind)]
            )
            file.close()
        assert states[0] == states[1]
        assert {*states[0]} == {repr(record) for record in replay(leaves).state.records()}


def _every(leaves: Sequence[bytes]) -> list[object]:
    """A record of each kind that there is."""
    return list({type(record): record for record in replay(leaves).state.records()}.values())


def watched_stream(steps: list[Step]) -> None:
    world, leaves = spoken(steps)
    watched_in_pieces(world, leaves, Random(len(leaves)))  # where it is interrupted


@EXAMPLES
def test_a_monitor_that_is_interrupted_tells_what_one_tells_that_is_not(examples: int) -> None:
    draw(examples, watched_stream)


def test_a_long_log_in_pieces() -> None:
    world, leaves = spoken(ordinary(7, turn) for turn in range(250))
    watched_in_pieces(world, leaves, Random(7))  # as above
