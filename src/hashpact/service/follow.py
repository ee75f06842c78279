"""Follow: an index and a catalog kept level with the log, and the index saved at intervals.

The catalog decides what stands, so a check sees a revocation as soon as it is followed. The index only holds
what there may be to find: after a revocation it is settled in small steps, beside the appends.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from hashpact.domain import standing, statements
from hashpact.domain.fingerprints import Fingerprint, parse_private
from hashpact.domain.kinds import KINDS, MAX_ITEMS, AnyBody, KeyRevoke, Policy, Touches
from hashpact.domain.matching.catalog import Catalog
from hashpact.domain.ports import Index, Ledger, Log
from hashpact.domain.state import Basis, Entry, Leaf
from hashpact.errors import BehindError, CorruptError, MalformedError, UnavailableError
from hashpact.log import tree
from hashpact.log.lines import MAX_INTEGER

Frozen = TypeVar("Frozen")

_CHANGING: Final = frozenset(Touches) - {Touches.NOTHING, Touches.MADE}
"""What statements touch that change what a check answers of earlier entries."""
_OF_ENTRIES: Final = frozenset({Touches.MADE, Touches.OPINIONS, Touches.STANDING})
"""What statements touch that change nothing of members, keys and policy."""
_CHANGING_LINES, _OF_ENTRIES_LINES = (
    tuple(f"\n{statements.KIND.name} {kind}\n".encode() for kind, body in KINDS.items() if body.touches in of)
    for of in (_CHANGING, _OF_ENTRIES)
)
_BENIGN_LINE: Final = f"\nbasis {Basis.BENIGN.value}\n".encode()
_STEP: Final = 64
"""Entries that are settled while an append waits."""
_LEAF_WORK: Final = 3
"""What reading a leaf costs in a replay, in items: 25 to 35 us beside the 10 us of each of its items."""
_END_WORK: Final = 15
"""What applying a withdrawal or an annulment costs beside reading its leaf, in items."""
_CALM: Final = 1000
"""Items that may come between two looks at an index that is to be merged."""
_BESIDE: Final = 2048
"""Items of a type that are left beside its largest segment: as many as are compared one by one anyway."""
_REST: Final = 99
"""How many times as long as a merge took it is not done again."""
_QUICK: Final = 256 << 20
"""Bytes of an index that are merged and written in about two seconds."""
_PATIENCE: Final = 3.0
"""Seconds that a stop waits for a merge."""


def item_ids(entry: int, items: int = MAX_ITEMS) -> range:
    """The index ids of an entry's items: its log index in the high 56 bits, the item's number below."""
    return range(entry * MAX_ITEMS, entry * MAX_ITEMS + items)


def entry_of(item: int) -> int:
    """The log index of the entry that an index id belongs to."""
    return item // MAX_ITEMS


class Follower:
    """Brings an index and a catalog up to a ledger's head. Any thread may call it; the work is done once."""

    def __init__(self, ledger: Ledger, index: Index, catalog: Catalog, position: int = 0) -> None:
        """``index`` reflects the log's first ``position`` leaves already; ``catalog`` is of the ledger."""
        self.catalog = catalog
        self._ledger = ledger
        self._index = index
        self._lock = threading.Lock()
        self._position = position
        # Ahead of the position while a catch-up runs or after one failed: these must not be added again.
        self._added = position
        self._changes = 0
        self._work = 0
        # Members of whose entries more or fewer stand: the index from which on what they signed may have
        # changed, and the last entry that is settled.
        self._unsettled: dict[str, tuple[int, int]] = {}
        with ledger.snapshot() as view:
            charter = view.charter()
        if charter is not None:
            catalog.rule(charter.matching)
        self.texts = None if charter is None else charter.terms.texts
        """The SHA-256 of the document that explains the labels."""

    @property
    def position(self) -> int:
        """The tree size that the index reflects."""
        return self._position

    @property
    def still(self) -> int | None:
        """The position, if the index is as of exactly that one and nobody changes it now; None otherwise.

        Work that finds the same position before and after has seen the index as of that position alone.
        """
        if self._lock.locked() or self._unsettled or self._added != self._position:
            return None
        return self._position

    @property
    def changes(self) -> int:
        """How many statements about members, keys and policy were followed."""
        return self._changes

    @property
    def work(self) -> int:
        """What was followed so far, measured by what replaying it costs: an added item is 1, about 10 us."""
        return self._work

    def catch_up(self, most: int = MAX_INTEGER) -> int:
        """Apply every committed leaf that is not in the index yet, or so many; returns the new position.

        After an error it may be called again: what was added before the error stays, and is not added twice.
        Entries are added before the statements that end them are applied, which are always later.
        """
        with self._lock:
            return self._catch_up(most)

    def take(self, added: Sequence[tuple[Leaf, AnyBody | None, Sequence[Fingerprint]]]) -> None:
        """Apply leaves that this process has just committed, as `catch_up` would, without reading them again.

        They follow each other; those before them are caught up with first. One without a body has no effect.
        """
        if not added:
            return
        with self._lock:
            first = added[0][0].index
            if self._position < first or self._added != self._position:
                self._catch_up(first - self._position)
            for leaf, body, fingerprints in added:
                if leaf.index == self._position == self._added:  # else another thread was quicker
                    if fingerprints:
                        self._add(leaf.index, fingerprints, benign=_is_benign(leaf))
                    self._added = leaf.index + 1
                    self._work += _LEAF_WORK + len(fingerprints)
                    if body is not None:
                        self._apply(leaf.index, body)
                    self._changes += body is None or body.touches not in _OF_ENTRIES
                    self._position = self._added

    def _catch_up(self, most: int) -> int:
        start = self._position
        # What an earlier one has added before it failed is not added again, however little is asked for.
        stop = max(self._added, min(self._ledger.head().size, start + most))
        benign, changing, changes = set[int](), list[Leaf](), 0
        for leaf in self._ledger.leaves(start, stop):
            if _is_benign(leaf):
                benign.add(leaf.index)
            if leaf.member and any(line in leaf.data for line in _CHANGING_LINES):
                changing.append(leaf)  # of no member is what breaks a rule, in the log that a mirror copies
            changes += not any(line in leaf.data for line in _OF_ENTRIES_LINES)
        for entry, private in self._ledger.private(self._added, stop):
            self._add(entry, _fingerprints(private), benign=entry in benign)
            self._added = entry + 1
            self._work += len(private)
        for leaf in changing:
            with contextlib.suppress(MalformedError):  # it has no effect
                self._apply(leaf.index, statements.parse(leaf.data).statement.body)
        self._changes += changes
        self._work += _LEAF_WORK * (stop - start)
        self._position = self._added = stop
        return stop

    def _add(self, entry: int, fingerprints: Sequence[Fingerprint], *, benign: bool) -> None:
        self._index.add(zip(item_ids(entry), fingerprints, strict=False), benign=benign)

    def _apply(self, index: int, body: AnyBody) -> None:
        """Take in a statement that changes what a check answers of earlier entries."""
        if body.touches not in _CHANGING:
            return
        match body:
            case Policy():
                self.texts = body.texts_document
                self.catalog.rule(body.matching)
            case KeyRevoke():
                # It may undo other revocations of the member's keys, so all that these have signed counts.
                since = self.catalog.weigh(body.id, index)
                if since is not None and since < index:
                    before, _ = self._unsettled.get(body.id, (since, -1))
                    self._unsettled[body.id] = (min(since, before), -1)
            case _ if (entry := body.touched(index)) is not None:
                self.catalog.forget(entry)
                if body.touches is Touches.STANDING:
                    self._end(entry)

    def _end(self, entry: int) -> None:
        """Make the items of an entry unfindable if it stands no longer."""
        self._work += _END_WORK
        with self._ledger.snapshot() as view:
            found = view.entry(entry)
            if found is not None and not standing.entry_stands(view, found):
                self._index.remove(item_ids(entry))

    @property
    def unsettled(self) -> bool:
        """Whether entries of the index are still to be brought in line with revocations."""
        return bool(self._unsettled)

    def settle(self) -> bool:
        """Bring some entries of the index in line with revocations; False if there were none."""
        with self._lock:
            if not self._unsettled:
                return False
            member, (since, after) = next(iter(self._unsettled.items()))
            with self._ledger.snapshot() as view:
                some = [one for one in view.entries(member, after, _STEP) if one.index < self._position]
                for entry in some:
                    if max(entry.index, entry.withdrawn_index or 0) >= since:
                        self._place(entry, found=standing.entry_stands(view, entry))
            if len(some) < _STEP:
                del self._unsettled[member]
            else:
                self._unsettled[member] = (since, some[-1].index)
            return True

    def _place(self, entry: Entry, *, found: bool) -> None:
        """Make an entry's items findable, or unfindable, unless they are so already."""
        ids = item_ids(entry.index, entry.items)
        if found is not self._index.holds(ids):
            if found:
                for _, private in self._ledger.private(entry.index, entry.index + 1):
                    self._add(entry.index, _fingerprints(private), benign=entry.basis is Basis.BENIGN)
            else:
                self._index.remove(ids)

    @contextlib.contextmanager
    def paused(self) -> Iterator[int]:
        """The position, at which the index stays for the length of the block.

        Raises UnavailableError after a catch-up that failed half-way, until one succeeds, and while entries
        are to be settled.
        """
        with self._lock:
            if self._unsettled:
                msg = "entries of the index are still to be settled after a revocation"
                raise UnavailableError(msg)
            if self._added != self._position:
                msg = f"the index is between the positions {self._position} and {self._added}"
                raise UnavailableError(msg)
            yield self._position

    def replace(self, ahead: Follower, replace: Callable[[], None]) -> bool:
        """Go on with the index of another follower, which is brought level; False if it cannot be used now.

        ``ahead`` has an index and a catalog of its own, of the same ledger, and nobody else uses it. Bring it
        near the log's end before, so that no check waits long. ``replace`` puts its index in the place of
        this one's.
        """
        with self._lock:
            if self._added != self._position or ahead.position > self._position:
                return False
            ahead.catch_up(self._position - ahead.position)
            replace()
            self._unsettled = dict(ahead._unsettled)
            return True

    def reach(self, position: int) -> int:
        """The index's position, at least ``position``; BehindError if the log is shorter."""
        reached = self._position if self._position >= position else self.catch_up()
        if reached < position:
            msg = f"this server has reached position {reached}, not {position} yet; try again"
            raise BehindError(msg)
        return reached


def _is_benign(leaf: Leaf) -> bool:
    """Whether a leaf with private parts is of the negative collection: no other kind has such lines."""
    return _BENIGN_LINE in leaf.data


def _fingerprints(private: Sequence[bytes]) -> list[Fingerprint]:
    return [parse_private(part).fingerprint for part in private]


class IndexSaver(Generic[Frozen]):
    """Saves a follower's index, together with the position that it reflects.

    ``freeze`` returns the content of the index now, without delay; ``write`` stores it with a position and
    the log's root there, whole or not at all, and may take long. Any thread may call it; one saves at a time.
    """

    def __init__(
        self,
        follower: Follower,
        ledger: Log,
        freeze: Callable[[], Frozen],
        write: Callable[[Frozen, int, bytes], None],
    ) -> None:
        """The index is as it was saved, or opened, at the follower's position."""
        self._follower = follower
        self._ledger = ledger
        self._freeze = freeze
        self._write = write
        self._lock = threading.Lock()
        self._saved, self._saved_work = follower.position, follower.work

    @property
    def behind(self) -> int:
        """What a start from the saved position would have to replay, in items as `Follower.work` counts."""
        return self._follower.work - self._saved_work

    def save(self, *, again: bool = False) -> int:
        """Save the index if it has moved, or ``again`` because it lies otherwise; returns the saved position.

        Raises what ``write`` raises, and UnavailableError if the index is between two positions.
        """
        with self._lock:
            if again or self.behind:
                while self._follower.settle():
                    pass
                with self._follower.paused() as position:
                    frozen, work = self._freeze(), self._follower.work
                if position:
                    self._write(frozen, position, tree.root(self._ledger.tree.edge(position)))
                self._saved, self._saved_work = position, work
            return self._saved


class Compactor:
    """Decides when the segments of a follower's index are merged into one.

    Each segment costs every search some microseconds, but a merge rewrites the whole index. An index in use
    is merged while little is added, and not again before the merge has taken less than a hundredth of the
    time. An index that is about to be closed is merged if that is quick.

    ``merge(beside, most_bytes)`` is the index's: it yields between steps and takes next to no time itself.
    """

    def __init__(
        self,
        follower: Follower,
        merge: Callable[[int, float], Iterator[None]],
        now: Callable[[], float],
    ) -> None:
        """``now`` returns seconds that only grow."""
        self._follower = follower
        self._merge = merge
        self._now = now
        self._seen = follower.work
        self._rests_until = -math.inf

    def when_calm(self) -> Iterator[None]:
        """The steps of a merge, to be waited between; none if it is not due. Ask again every few seconds."""
        calm = self._follower.work - self._seen <= _CALM
        self._seen = self._follower.work
        start = self._now()
        if calm and start >= self._rests_until:
            yield from self._merge(_BESIDE, math.inf)
            end = self._now()
            self._rests_until = end + _REST * (end - start)

    def at_stop(self) -> Iterator[None]:
        """The steps of a merge that is small, and given up if it takes too long."""
        end = self._now() + _PATIENCE
        for _ in self._merge(0, _QUICK):
            if self._now() >= end:
                return
            yield


def check_reflects(ledger: Log, position: int, root: bytes) -> None:
    """Raise CorruptError unless the log had that root at that position; else the index is of another log."""
    if position > ledger.head().size or tree.root(ledger.tree.edge(position)) != root:
        msg = f"the saved index reflects position {position} of another log"
        raise CorruptError(msg)
