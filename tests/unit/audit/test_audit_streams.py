"""Random streams over all kinds, in a log whose operator lets anything in: the auditor names what is wrong.

For logs that keep the rules, `check_log` has an auditor agree after every test that writes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from builders import FakeClock, World
from streams import EXAMPLES, Step, draw, ordinary, spoken
from trees import Oracle

from hashpact.audit.auditor import audit_whole
from hashpact.audit.source import EVERY_KIND, ReportedLeaf
from hashpact.domain import standing, statements
from hashpact.domain.rules.replay import replay
from hashpact.domain.state import Charter, Filing, Head, RecentTimes, Record
from hashpact.log import checkpoint, tiles, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.tiles import Tile


class Careless:
    """A source whose operator has appended and signed whatever came, and tells the state that it leads to."""

    reports = EVERY_KIND
    only_standing = False
    only_published = False

    def __init__(self, world: World, leaves: Sequence[bytes]) -> None:
        self._world = world
        self._leaves = leaves
        self._tree = Oracle([tree.leaf_hash(leaf) for leaf in leaves])

    def checkpoints(self) -> Iterator[bytes]:
        """One of the whole log."""
        size, key = len(self._leaves), self._world.log_key
        signed = Checkpoint(key.origin, size, self._tree.root(0, size))
        yield checkpoint.sign(signed, key.public, key.signer.sign)

    def head(self) -> Head | None:
        """Only what is signed."""
        return None

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """All of them."""
        return (ReportedLeaf(index, self._leaves[index]) for index in range(start, stop))

    def tile(self, tile: Tile) -> bytes:
        """By the definition of the tree."""
        return tiles.hashes(tile, self._tree.node)

    def document(self, _digest: bytes) -> bytes | None:
        """None: it keeps no documents."""
        return None

    def records(self, _stop: int, _entries: Sequence[int] | None = None) -> Iterator[Record]:
        """Every one."""
        return replay(self._leaves).state.records()


class Serving(Careless):
    """The same, but as a server tells its state: no charters or filings, only opinions that stand."""

    reports = EVERY_KIND - {Charter, Filing, RecentTimes}
    only_standing = True

    def records(self, _stop: int, entries: Sequence[int] | None = None) -> Iterator[Record]:
        """What members see."""
        state = replay(self._leaves).state
        yield from state.members.values()
        yield from state.registry.values()
        for index in sorted(state.entries) if entries is None else entries:
            yield state.entries[index]
            yield from standing.opinions(state, index)


class Forgetful(Careless):
    """The same, with other times of signers."""

    times: RecentTimes | None = None

    def records(self, stop: int, entries: Sequence[int] | None = None) -> Iterator[Record]:
        """All records but the times, and the false ones if there are any."""
        yield from (each for each in super().records(stop, entries) if not isinstance(each, RecentTimes))
        if self.times is not None:
            yield self.times


def compare(source: Careless, leaves: Sequence[bytes]) -> int:
    """Fail unless the auditor finds exactly the leaves that break a rule; how many they are.

    It finds each document that another leaf is the first to name, too: these sources keep none.
    """
    report = audit_whole(source, FakeClock(), lambda _done, _total: None)
    faults = {fault.index for fault in replay(leaves).faults}
    wanted, named = [], set[bytes]()
    for index, leaf in enumerate(leaves):
        new = () if index in faults else statements.parse(leaf).statement.body.documents()
        wanted += [("leaf", index)] if index in faults else [("document", index)] * len({*new} - named)
        named.update(new)
    assert [(finding.topic, finding.index) for finding in report.findings] == wanted
    assert report.size == len(leaves)
    return len(faults)


def compare_both(steps: list[Step]) -> None:
    world, leaves = spoken(steps)
    for kind in (Careless, Serving):
        compare(kind(world, leaves), leaves)


@EXAMPLES
def test_an_auditor_names_every_leaf_that_breaks_a_rule_and_no_other(examples: int) -> None:
    draw(examples, compare_both)


def test_the_streams_have_leaves_of_both_sorts() -> None:
    world, leaves = spoken(ordinary(1, turn) for turn in range(300))
    assert 50 < compare(Serving(world, leaves), leaves) < 290


def test_times_of_signers_that_are_told_otherwise_are_found() -> None:
    world = World()
    source = Forgetful(world, world.founding("acme"))
    for times, message in ((None, "is missing"), (RecentTimes(), "is reported with another signers")):
        source.times = times
        (found,) = audit_whole(source, FakeClock(), lambda _done, _total: None).findings
        assert (found.topic, found.index, found.message) == ("state", None, f"the record times {message}")
