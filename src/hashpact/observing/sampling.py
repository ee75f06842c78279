"""The gauges of a server: read from its parts once a second, whether anybody asks or not.

They are not read when Prometheus asks, because another process may be the one that answers it.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from hashpact.clock import unix_time
from hashpact.domain.checks import Lag
from hashpact.home.opening import Home
from hashpact.home.trust import ServerTrust
from hashpact.keys import certificates
from hashpact.keys.expiry import KEY_DAYS, Registry
from hashpact.observing.metrics import Metrics
from hashpact.service.follow import Follower

Loads: TypeAlias = Callable[[], Mapping[str, tuple[int, int]]]
"""Returns, for each pool, the number of calls under way and of those that wait."""

_HOUR: Final = 3600.0
_PAGE: Final = resource.getpagesize()


class SizedIndex(Protocol):
    """An index that knows how large it is."""

    def sizes(self) -> dict[str, tuple[int, int, int]]:
        """Of each type its items, its segments and its bytes of memory."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a process that its gauges are read from.

    ``loads`` returns of each pool its calls under way and those that wait (None: it answers nobody);
    ``unsaved`` what a start after a crash would replay (None: it does not save the index). ``age`` is
    how old a mirror's copy is (None: it is the log itself).
    """

    home: Home
    trust: ServerTrust
    follower: Follower
    index: SizedIndex
    loads: Loads | None
    unsaved: Callable[[], int] | None
    age: Callable[[], Lag | None] | None = None


@dataclass(slots=True)
class Sampler:
    """Sets the gauges of a process; of a server and its home only once there are ``sources``."""

    metrics: Metrics
    serving: Callable[[], bool]
    sources: Sources | None = None
    _cpu: float = field(default=0.0, init=False)
    _keys_at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        """Set what does not change."""
        self.metrics.build.set(1, version("hashpact"))
        self.metrics.started.set(time.time())

    def sample(self) -> None:
        """Read all that there is to read. What was set before an error stays."""
        self._process()
        self._calls(None if self.sources is None else self.sources.loads)
        if self.sources is not None:
            self._log(self.sources)
            self._index(self.sources)
            self._disk(self.sources.home)
            self._expiries(self.sources)

    def _process(self) -> None:
        cpu = time.process_time()
        self.metrics.cpu_seconds.inc(cpu - self._cpu)
        self._cpu = cpu
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        self.metrics.memory.set(int(pages) * _PAGE)
        self.metrics.files.set(sum(1 for _ in Path("/proc/self/fd").iterdir()))
        self.metrics.max_files.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def _calls(self, loads: Loads | None) -> None:
        # A process that answers nobody counts for none, but it is there when all others are gone.
        self.metrics.serving.set(loads is not None and self.serving())
        for pool, (under_way, queued) in ({} if loads is None else loads()).items():
            self.metrics.in_flight.set(under_way, pool)
            self.metrics.queued.set(queued, pool)

    def _log(self, sources: Sources) -> None:
        # In this order, so that what is read later is not behind only because it was read earlier.
        ledger = sources.home.ledger
        size = ledger.head().size
        latest = ledger.checkpoints.latest()
        signed = 0 if latest is None else latest.size
        position = sources.follower.position
        self.metrics.log_leaves.set(size)
        self.metrics.index_position.set(position)
        self.metrics.index_lag.set(max(size - position, 0))
        self.metrics.unsigned.set(max(size - signed, 0))
        published = sources.home.paths.log / "checkpoint"
        if published.exists():
            self.metrics.published.set(published.stat().st_mtime)
            self.metrics.unpublished.set(max(size - _size_of(published), 0))
        self.metrics.read_only.set(sources.home.full)
        lag = None if sources.age is None else sources.age()
        if lag is not None:
            self.metrics.mirror_statements.set(lag.statements)
            self.metrics.mirror_seconds.set(lag.seconds)

    def _index(self, sources: Sources) -> None:
        for kind, (items, segments, size) in sources.index.sizes().items():
            self.metrics.index_items.set(items, kind)
            self.metrics.index_segments.set(segments, kind)
            self.metrics.index_bytes.set(size, kind)
        if sources.unsaved is not None:
            self.metrics.index_unsaved.set(sources.unsaved())

    def _disk(self, home: Home) -> None:
        for name, path in (("db", home.paths.db), ("wal", Path(f"{home.paths.db}-wal"))):
            self.metrics.database.set(path.stat().st_size if path.exists() else 0, name)
        disk = os.statvfs(home.paths.home)
        self.metrics.free.set(disk.f_bavail * disk.f_frsize)

    def _expiries(self, sources: Sources) -> None:
        tls = sources.trust.tls
        for name, pem in (("server", tls.certificate), ("authority", tls.authority)):
            self.metrics.certificate.set(certificates.expires(pem), name)
        if time.monotonic() >= self._keys_at + _HOUR:
            self._keys_at = time.monotonic()
            keys = [
                key
                for one in sources.home.members()
                for key in one.keys
                if one.member.suspended_index is key.suspended_index is None
            ]
            left = [ending.days for ending in Registry(keys, unix_time()).endings()]
            for days in KEY_DAYS:
                self.metrics.keys.set(sum(one < days for one in left), str(days))


def _size_of(published: Path) -> int:
    """The size of the tree that a published checkpoint is of: its second line."""
    return int(published.read_text(encoding="utf-8").split("\n", 2)[1])
