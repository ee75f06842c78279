"""The monitor: an audit that keeps its state in a file, goes on from there, and reports what is new.

What a look at the log has derived is saved only if its newest checkpoint is signed, has the tree's root, and
extends what was saved before; the events that follow are saved with it, in the same transaction. They are
delivered afterwards, and removed once they were accepted. So whenever the monitor crashes, each event is
delivered at least once, and under the same ``id`` each time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from hashpact.audit.auditor import Auditor
from hashpact.audit.deriving.fold import Fold, Folded
from hashpact.audit.findings import Finding, Progress, Report
from hashpact.audit.monitoring.news import LASTING, Event, Interest, found, kind_of, line_of, named, news
from hashpact.audit.source import Source
from hashpact.audit.vouching import unvouched
from hashpact.domain import keys
from hashpact.domain.kinds import moment
from hashpact.domain.ports import Clock
from hashpact.errors import BadSignatureError, ConfigError, MalformedError, UnavailableError
from hashpact.log import checkpoint
from hashpact.log.policy import WitnessPolicy
from hashpact.storage.derived.file import DerivedFile
from hashpact.storage.derived.guarded import StateFileError

_UNSAVED: Final = LASTING - {"freshness"}
"""Faults that leave open what the log has: nothing that was derived with them is saved."""
_AGAIN: Final = "remove it, and the log is audited from its beginning"


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """What a monitor watches for, and what it knows beforehand.

    ``genesis`` is the SHA-256 of leaf 0 that is pinned, None to accept any the first time. ``max_age``
    and ``demands`` are as for an audit. With ``history`` the leaves of the first audit make events too.
    """

    watched: Interest = field(default_factory=Interest)
    genesis: bytes | None = None
    max_age: int | None = None
    demands: WitnessPolicy | None = None
    history: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the log has led to: the audit's report, and how many events of leaves.

    ``alerts`` are the kinds of faults; ``fresh`` is whether one of them is new.
    """

    report: Report
    alerts: frozenset[str]
    news: int
    fresh: bool


class Recipient(Protocol):
    """A receiver of events."""

    def tell(self, event: Event) -> None:
        """Accept an event, or queue it for delivery."""
        ...

    def room(self) -> bool:
        """Whether it can accept another event now."""
        ...

    def taken(self) -> bool:
        """Whether each event that it was given was accepted, or given up."""
        ...


class Monitor:
    """Watches one log for one member. Make one with `opened_monitor`; only one process can use a file.

    Raises ConfigError when the file cannot be used.
    """

    def __init__(self, path: Path, file: DerivedFile, settings: MonitorSettings, clock: Clock) -> None:
        self._path = path
        self._file = file
        self._settings = settings
        self._clock = clock
        self._given = 0
        self._fold = Fold(file)
        self._check()

    @property
    def size(self) -> int:
        """Leaves that were audited."""
        return self._fold.size

    def look(self, source: Source, progress: Progress) -> Look:
        """Audit what is new, and save what it leads to, with its events.

        Raises UnavailableError if the log cannot be read now; then the next look begins where this one did,
        or in a first audit without history, where it has come to.
        """
        verified = self._file.kept("verified")
        first = verified is None
        told = 0

        def seen(leaf: Folded) -> None:
            nonlocal told
            for event in () if first and not self._settings.history else self._news(leaf):
                self._queue(event)
                told += 1

        auditor = Auditor(
            source,
            self._clock,
            progress,
            self._fold,
            genesis=self._settings.genesis,
            audited=verified,
            max_age=self._settings.max_age,
            demands=self._settings.demands,
            seen=seen,
            # Events are only of leaves that a checkpoint has; without any, a long audit is saved on its way.
            saved=self._fold.save if first and not self._settings.history else lambda: None,
        )
        try:
            report = auditor.run()
        except BaseException as error:
            self._fold.forget()
            if isinstance(error, UnavailableError) and verified is not None:
                self._missed(verified)
            raise
        findings = report.findings
        if report.checkpoint is None or any(one.topic in _UNSAVED for one in findings):
            self._forget(first=first)
            told = 0
            # What else is wrong may not be the log's, and after a fork follows from that.
            forks = tuple(one for one in findings if one.fork)
            findings = forks or tuple(one for one in findings if one.topic in LASTING)
        else:
            self._file.keep("verified", report.checkpoint)
            if first:
                self._queue({"type": "log.audited", "time": self._clock(), **_place(report)})
        fresh = self._alert(findings, report.size)
        self._fold.save()
        return Look(report, frozenset(map(kind_of, findings)), told, fresh)

    def deliver(self, recipient: Recipient) -> bool:
        """Deliver the events that wait, and remove those that were accepted; whether any still wait.

        This process delivers an event once; the next one delivers it again if it was not accepted before this
        one ended.
        """
        waiting = self._file.queued()
        for number, line in waiting:
            if number > self._given and recipient.room():
                recipient.tell(json.loads(line))
                self._given = number
        if not waiting or not recipient.taken():
            return bool(waiting)
        self._file.delivered(self._given)
        self._file.commit()
        return waiting[-1][0] > self._given

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _news(self, leaf: Folded) -> Iterator[Event]:
        return news(leaf, self._settings.watched, self._file.state)

    def _queue(self, event: Event) -> None:
        """Queue an event; one that no leaf has made is named by its kind and its place in the queue."""
        number = int(self._file.kept("number") or b"0") + 1
        self._file.keep("number", b"%d" % number)
        self._file.queue(number, line_of({"id": f"{event['type']}/{number}"} | event))

    def _alert(self, findings: Sequence[Finding], size: int, *, over: bool = True) -> bool:
        """Queue an event for each fault that is new, and for each that was there and is ``over``.

        Returns whether any is new. A leaf that breaks a rule stays in the log, and is reported once.
        """
        before = set(json.loads(self._file.kept("alerts") or b"[]"))
        now = {named(one): one for one in reversed(findings)}  # the first of each name
        for name in sorted(now.keys() - before):
            self._queue({**found(now[name], size), "alert": name, "time": self._clock()})
        gone = before - now.keys() if over else set()
        for name in sorted(gone):
            self._queue({"type": "log.recovered", "alert": name, "time": self._clock()})
        lasting = {name for name, one in now.items() if one.topic in LASTING} | (before - gone)
        self._file.keep("alerts", json.dumps(sorted(lasting)).encode("ascii"))
        return bool(now.keys() - before)

    def _missed(self, verified: bytes) -> None:
        """Queue an alert if the log cannot be read, and what is known of it has become too old."""
        state, limit, demands = self._file.state, self._settings.max_age, self._settings.demands
        charter, finding, now = state.charter(), None, self._clock()
        if charter is not None and (charter.witnesses or demands):
            finding = unvouched(charter, checkpoint.parse(verified), demands, now, limit)
        elif limit is not None and now - moment.newest(state.times()) > limit:
            age = now - moment.newest(state.times())
            finding = Finding("freshness", self._fold.size - 1, f"the newest known statement is {age} s old")
        if finding is not None:
            told = replace(finding, message=f"the log cannot be reached: {finding.message}")
            self._alert((told,), self._fold.size, over=False)
            self._fold.save()

    def _forget(self, *, first: bool) -> None:
        """Go back to what was saved last. A first audit that was saved on the way may have been misled."""
        self._fold.forget()
        if first and self._fold.size:
            self._file.close()
            self._path.unlink()
            self._file = DerivedFile.create(self._path)
            self._fold = Fold(self._file)

    def _check(self) -> None:
        """Refuse a file that is of another log, or does not fit to the checkpoint that it was saved with."""
        pinned, verified = self._settings.genesis, self._file.kept("verified")
        if self._fold.size and pinned not in {None, self._fold.genesis}:
            msg = (
                f"{self._path} is the state of another log, with the genesis {self._fold.genesis.hex()}; "
                "name another file"
            )
            raise ConfigError(msg)
        if verified is None:
            return
        charter = self._file.state.charter()
        try:
            signed = checkpoint.parse(verified)
            if charter is None or signed.checkpoint.size != self._fold.size:
                msg = "it does not end with its checkpoint"
                raise StateFileError(msg)
            mldsa = charter.log_mldsa_keys
            checkpoint.verify(signed, charter.origin, charter.log_keys, keys.verify, mldsa)
        except (MalformedError, BadSignatureError) as error:
            raise StateFileError(error.message) from error
        if signed.checkpoint.root != self._fold.root:
            msg = "its tree is not that of its checkpoint"
            raise StateFileError(msg)


def _place(report: Report) -> Event:
    return {
        "log": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "genesis": report.genesis.hex(),
    }


@contextlib.contextmanager
def opened_monitor(path: Path, settings: MonitorSettings, clock: Clock) -> Iterator[Monitor]:
    """The monitor whose state is in that file, which is made if there is none, for the length of the block.

    Raises ConfigError if the file is of another log, or is not as a monitor has left it.
    """
    try:
        file = DerivedFile.open(path) if path.exists() else DerivedFile.create(path)
        try:
            monitor = Monitor(path, file, settings, clock)
        except BaseException:
            file.close()
            raise
        with contextlib.closing(monitor):
            yield monitor
    except StateFileError as error:
        if isinstance(error.__cause__, UnavailableError):  # the disk is full, or another process has the file
            raise error.__cause__ from error
        msg = f"{path} is damaged, or was changed by something else ({error}): {_AGAIN}"
        raise ConfigError(msg) from error
