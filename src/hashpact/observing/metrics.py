"""Every metric of a server, in one registry. docs/operations/metrics.md lists them.

None has a member, a fingerprint, a label of content or anything else of a call in its labels: each label has
a few values, which are known beforehand.

Several processes may share their metrics: if PROMETHEUS_MULTIPROC_DIR names a directory before this module is
imported, each process keeps its values in files there, and any of them answers for all.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4

_CALLS: Final = (
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
)  # fmt: skip
_DISK: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_WORK: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)

_AGAIN: Final = (0.01, 0.1, 1.0)
"""Seconds after which files that other processes write are read again."""

ALARMS: Final = (
    ("error", "a process ended and is replaced"),
    ("error", "append failed"),
    ("error", "cannot copy"),
    ("error", "cannot load the certificates; the old ones are still in use"),
    ("error", "http request failed"),
    ("error", "rpc crashed"),
    ("error", "rpc failed"),
    ("error", "the disk is full"),
    ("error", "the source is not believed"),
    ("warning", "cannot follow the log"),
    ("warning", "cannot save the index"),
    ("warning", "cannot seal the log"),
)
"""Level and name of the events that are counted from 0 on: Prometheus does not see a counter's first step."""

# A series more for each metric, which nothing here reads.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types


class Durations(Histogram):
    """A histogram of seconds that takes in many at a time."""

    def take_in(self, seconds: Sequence[float]) -> None:
        """Observe all of them: a step for each bucket, and not for each of them."""
        self._sum.inc(sum(seconds))
        for bucket, count in Tally(bisect_left(self._upper_bounds, each) for each in seconds).items():
            self._buckets[bucket].inc(count)


class Level:
    """A gauge that is not there before it has a value: 0 would be one, and the smallest of all processes."""

    def __init__(self, make: Callable[[], Gauge]) -> None:
        self._make = make
        self._gauge: Gauge | None = None

    def set(self, value: float, *labels: str) -> None:
        """Set the value, of a gauge with labels that for these. One thread sets."""
        if self._gauge is None:
            self._gauge = self._make()
        (self._gauge.labels(*labels) if labels else self._gauge).set(value)


class Metrics:
    """The metrics of this process; ``labels`` are the names of each one's labels, by its name."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.labels: dict[str, tuple[str, ...]] = {}
        durations, counter, gauge = self._durations, self._counter, self._gauge
        self.rpc_seconds = durations(
            "rpc_duration", "how long calls took, from the whole request to the answer", _CALLS, "rpc code"
        )
        self.refused = counter("refused_calls", "calls that ended with an error", "reason caller")
        self.events = counter("events", "events of the log from level info on", "level event")
        self.commit_seconds = durations("commit_duration", "how long commits took, fsync included", _DISK)
        self.merge_seconds = durations("index_merge_duration", "how long merges of the index took", _WORK)
        self.save_seconds = durations("index_save_duration", "how long saves of the index took", _WORK)
        self.cpu_seconds = counter("cpu_seconds", "processor time that the server has used")

        self.build = gauge("build_info", "1; the version is a label", "version", mode="livemax")
        self.serving = gauge("serving", "processes that serve", mode="livesum")
        self.started = gauge(
            "start_time_seconds", "when the oldest process started, in Unix time", mode="livemin"
        )
        self.read_only = gauge(
            "read_only", "1 if the disk was full at the start, so that nothing is appended"
        )
        self.in_flight = gauge("calls_in_flight", "calls under way", "pool", mode="livesum")
        self.queued = gauge("calls_queued", "calls that wait for a thread", "pool", mode="livesum")
        self.memory = gauge("resident_memory_bytes", "memory of the server", mode="livesum")
        self.files = gauge("open_files", "open files of the process that has most, connections included")
        self.max_files = gauge("open_files_limit", "how many files a process may open", mode="livemin")

        self.log_leaves = gauge("log_leaves", "leaves of the log")
        self.index_position = gauge("index_position", "leaves that the index reflects", mode="livemin")
        self.index_lag = gauge("index_lag_leaves", "leaves that the index does not reflect yet")
        self.index_items = gauge("index_items", "fingerprints in the index", "type")
        self.index_segments = gauge("index_segments", "segments of the index", "type")
        self.index_bytes = gauge("index_bytes", "memory that the index takes", "type")
        self.index_unsaved = gauge("index_unsaved_items", "what a start after a crash would replay")
        self.unsigned = gauge("unsigned_leaves", "leaves that no kept checkpoint covers", mode="livemin")
        self.published = gauge("checkpoint_time_seconds", "when the checkpoint was published, in Unix time")
        self.unpublished = gauge("unpublished_leaves", "leaves that the published checkpoint does not cover")
        self.database = gauge("database_bytes", "size of the ledger's files", "file")
        self.free = gauge("disk_free_bytes", "space that is left on the disk of the home", mode="livemin")
        self.mirror_statements = gauge(
            "mirror_lag_statements", "statements of the log that a mirror has heard of and not copied yet"
        )
        self.mirror_seconds = gauge(
            "mirror_lag_seconds", "how long ago a mirror's copy was last level with the log"
        )
        self.certificate = gauge(
            "certificate_expiry_time_seconds", "when a certificate of the home expires, in Unix time",
            "certificate", mode="livemin",
        )  # fmt: skip
        self.keys = gauge(
            "member_keys_ending", "members' keys in use that expire within so many days", "days"
        )
        for level, event in ALARMS:
            self.events.labels(level, event)

    def seen(self, event: Any) -> None:  # noqa: ANN401  # an event of the log, a mapping
        """Count an event, and take in how long it says that it took."""
        self.events.labels(event["level"], event["event"]).inc()
        took = {"merged the index": self.merge_seconds, "saved the index": self.save_seconds}.get(
            event["event"]
        )
        if took is not None and "seconds" in event:
            took.observe(event["seconds"])

    def exposed(self) -> bytes:
        """All metrics in Prometheus' text format, those of every process that shares them.

        The file of a process that starts is there for a moment before it has anything in it, and one that
        ends takes files away: what cannot be read is read again.
        """
        for pause in _AGAIN:
            with contextlib.suppress(struct.error, FileNotFoundError):
                return self._exposed()
            time.sleep(pause)
        return self._exposed()

    def _exposed(self) -> bytes:
        shared = CollectorRegistry() if DIRECTORY in os.environ else None
        if shared is not None:
            multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # it has no types
        return prometheus_client.generate_latest(self.registry if shared is None else shared)

    @staticmethod
    def forget(process: int) -> None:
        """Leave out the gauges of a process that has ended; what it has counted stays."""
        if DIRECTORY in os.environ:
            multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]  # it has no types

    def _durations(self, name: str, what: str, bounds: Iterable[float], labels: str = "") -> Durations:
        name, what, names = self._named(f"{name}_seconds", what, labels)
        return Durations(name, what, names, registry=self.registry, buckets=tuple(bounds))

    def _counter(self, name: str, what: str, labels: str = "") -> Counter:
        name, what, names = self._named(f"{name}_total", what, labels)
        return Counter(name, what, names, registry=self.registry)

    def _gauge(self, name: str, what: str, labels: str = "", mode: Any = "livemax") -> Level:  # noqa: ANN401  # a literal
        """``mode`` is how the values of live processes become one."""
        name, what, names = self._named(name, what, labels)
        return Level(lambda: Gauge(name, what, names, registry=self.registry, multiprocess_mode=mode))

    def _named(self, name: str, what: str, labels: str) -> tuple[str, str, tuple[str, ...]]:
        names = tuple(labels.split())
        self.labels[f"hashpact_{name}"] = names
        return f"hashpact_{name}", f"{what[0].upper()}{what[1:]}.", names
