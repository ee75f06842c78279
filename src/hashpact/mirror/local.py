"""A mirror in a program of one's own: checks that are answered in this process, from the copy of a log."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from hashpact.clock import unix_time
from hashpact.domain.checks import Answer, Check, Filter, Lag, Query
from hashpact.domain.matching.batches import Batch, Packing
from hashpact.domain.messages import EntryDetail
from hashpact.errors import BehindError, ConflictError, CorruptError, HashpactError
from hashpact.keys.passphrase import Passphrases
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.directory import IndexDirectory, IndexManifest
from hashpact.lookup.native import NativeIndex
from hashpact.member.checking.attesting import Keeps
from hashpact.member.checking.blocking import BlockingChecks
from hashpact.member.checking.checks import Checks
from hashpact.member.checking.either import TIMEOUT
from hashpact.member.checking.options import OnUnavailable
from hashpact.member.checking.reached import Reached
from hashpact.member.checking.steps import Local
from hashpact.mirror.alarms import Alarm
from hashpact.mirror.copying import Copying
from hashpact.mirror.flooding.keeping import describe, open_quarantine
from hashpact.mirror.freshness import Freshness
from hashpact.mirror.home import MirrorHome, open_mirror
from hashpact.mirror.retro.matching import RetroMatch, RetroRun
from hashpact.mirror.retro.opening import open_retro, open_window
from hashpact.mirror.retro.telling import telling
from hashpact.mirror.threads.beside import beside
from hashpact.service.check import Checker
from hashpact.service.follow import Follower, IndexSaver
from hashpact.service.read import Reader
from hashpact.serving.adopting import Adopter, saved_index
from hashpact.wire.client.attempts import checked_timeout
from hashpact.wire.client.calls import Call

_POLL: Final = 0.05
"""Seconds between two looks at what another process has copied, and at what is to be settled."""
_ADOPTS: Final = 40
"""Looks between two times that the saved index is taken over, or saved."""
_FAR: Final = 200_000
"""What a start would have to replay at most, in items, before the index is saved: 2.5 seconds' work."""


_ABOUT: Final = {"retro": "the mirror's window", "flood": "the mirror's quarantine"}


class MirrorWarning(UserWarning):
    """The source of a mirror is not believed, the copying has ended, or an entry was put into quarantine.

    Checks are answered all the same.
    """


@dataclass(frozen=True, slots=True)
class DirectChecks:
    """Answers checks by a checker of this process."""

    checker: Checker

    def check(self, asked: Check, /) -> Local[Answer]:
        """The step of a check."""
        return Local(partial(self.checker.check, asked))

    def check_many(
        self, queries: Sequence[Query], narrow: Filter, limit: int, min_position: int, /
    ) -> Local[list[Answer]]:
        """The step of looking for each of many queries by itself."""
        packing = Packing.of(queries)
        batch = Batch(packing.packed, narrow, limit, min_position)
        return Local(lambda: packing.answers(self.checker.check_batch(batch)))


class NoAttestation:
    """A mirror signs nothing."""

    def ask(self, check: Check, keep: Keeps | None, /) -> NoReturn:
        """Raises ConflictError."""
        del check, keep
        msg = "a mirror attests no answers; ask the clearinghouse for one"
        raise ConflictError(msg)


class Mirror(BlockingChecks):
    """The copy of a log in a mirror's home, answered from in this process. Close it, or use ``with``.

    Its checks are those of `Client`, without a server, and any number of threads may make them. What they ask
    is kept nowhere, unless mirror.toml says so. Each answer has its ``lag``. From a copy that is older than
    ``max_lag`` of mirror.toml nothing is answered: that raises LaggingError, or with
    ``on_unavailable="open"`` gives a result that is not ``checked``.

    If no other process copies the log into this home, such as `hashpact mirror`, a thread of this one does.
    It warns (`MirrorWarning`) of a source that it does not believe; ``on_alarm`` is called instead, if it is
    given: in that thread, or, about uploads and floods, in one that checks. What it raises is dropped. A
    check with a ``min_position`` waits for that, at most ``timeout`` seconds.

    With a [retro] table in mirror.toml what is checked is kept in the home, encrypted, and ``on_retro`` is
    called with each upload that is near an entry which arrived after its check (`RetroMatch`), in another
    thread; after a crash some are passed again. It must not raise.

    ``passphrases`` open the keys of the profile (None: from the environment). Raises ConfigError for a
    directory that is no mirror's home, and CorruptError.
    """

    def __init__(  # noqa: PLR0913  # the settings of a mirror
        self,
        home: Path | str,
        *,
        timeout: float = TIMEOUT,
        on_unavailable: OnUnavailable | str = OnUnavailable.CLOSED,
        on_alarm: Callable[[Alarm], object] | None = None,
        on_retro: Callable[[RetroMatch], object] | None = None,
        passphrases: Passphrases | None = None,
    ) -> None:
        self.timeout = checked_timeout(timeout)
        with ExitStack() as stack:
            self._home = stack.enter_context(open_mirror(Path(home).expanduser(), passphrases))
            raised = partial(_raised, on_alarm or _warn)
            self._copy = _Copy(self._home, raised)
            copy = self._copy
            failed, flooded = partial(_say, raised, "retro"), partial(_say, raised, "flood")
            window = stack.enter_context(open_window(self._home, lambda error: failed(error.message)))
            counter = stack.enter_context(
                open_quarantine(
                    self._home,
                    lambda flood: flooded(describe(flood)),
                    lambda error: flooded(error.message),
                )
            )
            checker = Checker(
                self._home.served.ledger,
                copy.index,
                copy.follower,
                lag=copy.freshness.lag,
                keep=None if window is None else window.keep,
                counter=counter,
            )
            self._asks = DirectChecks(checker)
            profile = self._home.profile()
            self._checks = Checks(
                self._home.config.genesis,
                nullcontext,
                on_unavailable,
                Reached(),
                NoAttestation(),
                lists=profile.lists,
                own=profile.own,
                asks=self._asks,
                mirror=True,
            )
            stack.enter_context(copy.running())
            if on_retro is not None:
                stack.enter_context(telling(open_retro(self._home, copy.index), on_retro, failed))
            self._open = stack.pop_all()

    @property
    def position(self) -> int:
        """The tree size that answers reflect."""
        return self._copy.follower.position

    @property
    def lag(self) -> Lag | None:
        """How old the copy is; None if it has never been level with the log."""
        return self._copy.freshness.age(self.position)

    @property
    def trouble(self) -> str | None:
        """What is wrong with the source at present, in a line."""
        return self._copy.freshness.state.trouble or None

    @property
    def copies(self) -> bool:
        """Whether this process copies the log; otherwise it reads what another one copies."""
        return self._copy.copying.copies

    def entry(self, index: int) -> EntryDetail:
        """The entry at that log index, with its private parts and opinions. Raises NotFoundError."""
        return Reader(self._home.served.ledger).entry(index)

    def answer(self, check: Check, *, timeout: float | None = None) -> Answer:
        """The answer of the log alone, as a server gives it: without private lists, and not graded."""
        answer = self._perform(self._asks.check(check), self._seconds(timeout))
        assert isinstance(answer, Answer)  # noqa: S101  # it is the step of a check
        return answer

    def labels(self) -> tuple[str, ...]:
        """The labels of the policy in force, as the copy has it."""
        charter = self._home.charter()
        return () if charter is None else charter.labels

    def retro(
        self,
        tell: Callable[[RetroMatch], object],
        told: Callable[[], object] = lambda: None,
        since: int | None = None,
    ) -> RetroRun:
        """Report the uploads of the window that are near new entries, now, as `Retro.run`.

        Raises ConfigError if mirror.toml has no [retro] table, or another process is at it.
        """
        return open_retro(self._home, self._copy.index).run(tell, told, since)

    def first_at(self, time: int) -> int:
        """The log index of the first leaf whose statement has that time, in Unix seconds, or a later one.

        The tree size if there is none. Leaves are in the order of the log, not of their times.
        """
        ledger = self._home.served.ledger
        size = ledger.head().size
        return next((leaf.index for leaf in ledger.leaves(0, size) if leaf.time >= time), size)

    def close(self) -> None:
        """End the copying, and close the files."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seconds(self, timeout: float | None) -> float:
        return self.timeout if timeout is None else checked_timeout(timeout)

    def _perform(self, step: Call[Any] | Local[Any], seconds: float) -> object:
        assert isinstance(step, Local)  # noqa: S101  # nothing here is asked of a server
        try:
            return step.do()
        except BehindError:
            return self._waited(step, seconds)

    def _waited(self, step: Local[Any], seconds: float) -> object:
        """The result of a step once the copy has what it asks for. Raises BehindError after ``seconds``."""
        ends = time.monotonic() + seconds
        moved = self._copy.copying.moved
        with moved:
            while (left := ends - time.monotonic()) > 0:
                moved.wait(left)
                with contextlib.suppress(BehindError):
                    return step.do()
        return step.do()


class _Copy:
    """The index over a copy, and what keeps both level with the log."""

    def __init__(self, home: MirrorHome, on_alarm: Callable[[Alarm], object]) -> None:
        ledger = home.served.ledger
        self._ledger = ledger
        self._files = IndexDirectory(home.paths.segments, ledger.indexes)
        self.index, saved = self._opened()
        self.follower = Follower(
            ledger, self.index, EntryCatalog(ledger), 0 if saved is None else saved.position
        )
        self._saver = IndexSaver(self.follower, ledger, self.index.freeze, self._files.save)
        self._adopter = Adopter(ledger, self._files, self.index, self.follower, saved)
        self.freshness = Freshness(home.paths.copied, unix_time, home.config.max_lag)
        self.copying = Copying(
            home,
            self.follower,
            self.freshness,
            on_alarm,
            lambda error, _: _raised(_warn, Alarm("fault", error.message, unix_time())),
        )
        self.follower.catch_up()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep both level for the length of the block."""
        try:
            with beside(self._follow, "hashpact-following"), self.copying.running():
                yield
        finally:
            with contextlib.suppress(HashpactError, OSError):  # the next start takes longer, that is all
                self._save(0)
            self._files.close()

    def _opened(self) -> tuple[NativeIndex, IndexManifest | None]:
        with contextlib.suppress(CorruptError, OSError):  # then it is made again from the log
            found = saved_index(self._ledger, self._files)
            if found is not None:
                return found
        return NativeIndex(), None

    def _follow(self, stop: threading.Event) -> None:
        looks = 0
        while not stop.wait(_POLL):
            looks += 1
            with contextlib.suppress(HashpactError, OSError):  # the next look tries again
                if self._ledger.head().size != self.follower.position:
                    self.follower.catch_up()
                while self.follower.settle() and not stop.is_set():
                    pass
                if looks % _ADOPTS == 0:
                    if self.copying.copies:
                        self._save(_FAR)
                    else:
                        self._adopter.adopt(lambda: not stop.is_set())

    def _save(self, far: int) -> None:
        """Save the index if it has moved so far, and this process is the one that copies."""
        if self.copying.copies and self._saver.behind > far and self._files.claim():
            self._saver.save()


def _say(on_alarm: Callable[[Alarm], object], kind: str, message: str) -> None:
    """Raise an alarm about what the mirror keeps or has noticed."""
    on_alarm(Alarm(kind, message, unix_time()))


def _raised(on_alarm: Callable[[Alarm], object], alarm: Alarm) -> None:
    """Pass an alarm on. What that raises ends neither the copying nor a check."""
    with contextlib.suppress(Exception):
        on_alarm(alarm)


def _warn(alarm: Alarm) -> None:
    about = _ABOUT.get(alarm.kind, "the mirror's source")
    warnings.warn(f"{about}: {alarm.message}", MirrorWarning, stacklevel=2)
