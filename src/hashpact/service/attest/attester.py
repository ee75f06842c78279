"""Attest: answers to checks that are of one position exactly, and the signed notes over them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from hashpact.domain.attestation import Attestation
from hashpact.domain.checks import Answer, Check
from hashpact.domain.keys import Signer
from hashpact.domain.matching.catalog import Catalog
from hashpact.domain.ports import Clock, Ledger, Log
from hashpact.domain.state import View
from hashpact.errors import ConflictError, UnavailableError
from hashpact.log import tree
from hashpact.service.attest.past import checker_at
from hashpact.service.check import Checker

_TRIES: Final = 3
"""Times that an answer is sought while the log does not grow, before it is sought in a view of the log."""


@dataclass(frozen=True, slots=True)
class AttestationKey:
    """The key that attests the answers of the log ``origin``."""

    origin: str
    public: bytes
    signer: Signer = field(repr=False)


class Attester:
    """Answers checks with attestations. Any thread may call it.

    A wrong attestation is evidence against its signer, so its answer must be that of one position: of the
    index and of the entries' standing as of the same leaf. Without a ``key`` there are no attestations.
    ``catalogs`` makes the catalog of a ledger.
    """

    def __init__(
        self,
        checker: Checker,
        log: Log,
        key: AttestationKey | None,
        clock: Clock,
        catalogs: Callable[[Ledger], Catalog],
    ) -> None:
        self._checker = checker
        self._catalogs = catalogs
        self._log = log
        self._key = key
        self._clock = clock
        # Each of these is replaced in one piece, because several threads ask.
        self._tree = (0, b"")
        self._named = (-1, False)
        self._level = -1

    def check(
        self,
        check: Check,
        wanted: Callable[[], bool] = lambda: True,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
        waits: Callable[[], None] = lambda: None,
        between: Callable[[Callable[[], bool]], Callable[[], bool]] = lambda wanted: wanted,
    ) -> Answer:
        """The answer as of one position; the arguments and the errors are those of `Checker.check`.

        ``between`` makes of ``wanted`` one that may pause when it is asked; it is not used while the index is
        kept from changing, for which appends wait. Raises ConflictError first if nothing can be attested
        here, and UnavailableError while entries are to be settled after a revocation.
        """
        self._check_key()
        follower = self._checker.follower
        for _ in range(_TRIES):
            before = follower.still
            answer = self._checker.check(check, between(wanted), turn, waits)
            if before == answer.position == follower.still:
                if self._is_level(answer.position):
                    return answer
                waits()
                follower.catch_up()
        waits()
        with turn(), self._paused() as (view, position):
            private = self._checker.ledger.private
            return checker_at(view, position, self._checker.index, self._catalogs, private).check(
                check, wanted
            )

    def attest(self, request: bytes, answer: bytes, position: int) -> bytes:
        """The note over the bytes of a request and its answer, which `check` has given, at that position."""
        key = self._key
        assert key is not None  # noqa: S101 - `check` has raised
        digests = hashlib.sha256(request).digest(), hashlib.sha256(answer).digest()
        stated = Attestation(key.origin, *digests, position, self._root_at(position), self._clock())
        return stated.sign(key.public, key.signer)

    def _is_level(self, position: int) -> bool:
        """Whether the catalog knows nothing from behind a position that the index is at.

        It reads entries as they are in the ledger, which another process may have changed already. What it
        has read up to now is from no later than the head now; if it reads nothing else, that stays so.
        """
        reads = self._checker.follower.catalog.reads
        if reads == self._level:
            return True
        if self._log.head().size != position:
            return False
        self._level = reads
        return True

    @contextmanager
    def _paused(self) -> Iterator[tuple[View, int]]:
        """A view of the log, and the index at its position, while neither changes."""
        for _ in range(_TRIES):
            self._checker.follower.catch_up()
            with self._checker.follower.paused() as position, self._log.snapshot() as view:
                if self._log.head().size == position:
                    # The view was taken no earlier than the index was there, and no later than the head.
                    yield view, position
                    return
        msg = "the log grows too fast to attest an answer of one position; try again"
        raise UnavailableError(msg)

    def _root_at(self, position: int) -> bytes:
        """The root of the tree of so many leaves, derived once for each position that is attested."""
        known = self._tree
        if known[0] != position:
            self._tree = known = (position, tree.root(self._log.tree.edge(position)))
        return known[1]

    def _check_key(self) -> None:
        """Raise ConflictError unless the charter names the key at hand."""
        key = self._key
        if key is None:
            msg = "this clearinghouse attests no answers: it has no attestation key; ask without attest"
            raise ConflictError(msg)
        changes, named = self._named
        if changes != self._checker.follower.changes:
            changes = self._checker.follower.changes
            with self._log.snapshot() as view:
                charter = view.charter()
            named = charter is not None and key.public in charter.attestation_keys
            self._named = (changes, named)
        if not named:
            msg = (
                "this clearinghouse attests no answers now: pki/attestation.key is not a key that the last "
                "root statement names"
            )
            raise ConflictError(msg)
