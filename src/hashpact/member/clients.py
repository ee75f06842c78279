"""The client that blocks. `awaiting.AsyncClient` has the same methods, to be awaited."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

from hashpact.clock import unix_time
from hashpact.domain.checks import DEFAULT_LIMIT, Answer, Filter, Query
from hashpact.domain.matching.batches import DEFAULT_EACH
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import DERIVED, PictureView
from hashpact.domain.messages import (
    Appended,
    EntriesRequest,
    EntryDetail,
    LeafDetail,
    LeavesRequest,
    MemberDetail,
    PolicyDetail,
    Submission,
)
from hashpact.domain.pinned import check_extends
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.renewal import MAX_DAYS
from hashpact.domain.state import Basis, Charter, Receipt, Stance
from hashpact.errors import HashpactError
from hashpact.fingerprint.source import Content
from hashpact.governance.drafts import Draft
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.member.author import reason_of
from hashpact.member.operations import Fingerprintable, Local, Operations, Steps
from hashpact.member.profile import Profile
from hashpact.wire.client import calls, feeds, flow
from hashpact.wire.client.attempts import Pace, checked_timeout
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import Connection
from hashpact.wire.client.flow import IN_FLIGHT
from hashpact.wire.codec import EVERYTHING

TIMEOUT: Final = 10.0
"""Seconds that a call may take, over all its tries."""

PACE: Final = Pace(time.monotonic, random.random)
"""The clock and the jitter of retries; jitter only has to differ between clients."""

Result = TypeVar("Result")


class Client:
    """A member's blocking client. Any number of threads may share one; close it, or use ``with``.

    ``profile`` is a Profile or its directory. ``timeout`` is in seconds, above 0 and at most a day, over all
    tries of a call. A call whose outcome was lost is repeated with the same signed bytes. A statement is kept
    in the profile until its receipt has arrived. If the same submission is requested again after a crash, the
    kept bytes are sent instead of newly signed ones, so nothing is submitted twice.

    ``channels`` spreads calls over several connections. With ``proxy`` off, a proxy that the environment
    names (``https_proxy`` and the like) is not used. With ``retry_refused`` off, a call fails at once when
    the connection is refused, instead of waiting for a server that is starting again.

    In a process that was forked a client connects anew. If a call was under way during the fork, or an
    AsyncClient was open, gRPC cannot be used there, and every call raises UnavailableError.

    Every method raises a HashpactError: InvalidInputError before anything is sent, CertificateError if the
    channel is refused, UnavailableError or DeadlineError when the time is over, and the server's own errors.
    ``author`` signs the member's statements, for `append`. A log key that the profile does not pin is
    accepted if root statements lead to it from the pinned genesis; the profile then pins it.
    """

    def __init__(  # noqa: PLR0913  # the settings of a client
        self,
        profile: Profile | Path | str,
        *,
        timeout: float = TIMEOUT,
        channels: int = 1,
        proxy: bool = True,
        retry_refused: bool = True,
        clock: Clock = unix_time,
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self.timeout = checked_timeout(timeout)
        self._operations = Operations(loaded(profile), clock, entropy)
        self.author = self._operations.author
        endpoint = replace(self.profile.endpoint, proxy=proxy)
        self._connection = Connection(endpoint, replace(PACE, retry_refused=retry_refused), channels)

    @property
    def profile(self) -> Profile:
        """The member's profile, with the log's keys that are known so far."""
        return self._operations.profile

    def check(  # noqa: PLR0913  # what narrows a check
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        timeout: float | None = None,
    ) -> Answer:
        """The entries near 1 to 64 fingerprints, nearest first. A match is a signal, never a verdict.

        A Query sets a threshold of its own. ``min_position``, the tree_size of a receipt, makes the answer
        reflect that statement. Matches weaker than ``strength`` are left out.
        """
        call = self._operations.check(fingerprints, filter, limit, min_position, strength)
        return self._run(call, timeout)

    def check_many(  # noqa: PLR0913  # what narrows a check
        self,
        fingerprints: Iterable[Fingerprintable | Query],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_EACH,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        timeout: float | None = None,
    ) -> Iterator[Answer]:
        """The answers to any number of fingerprints, each of which is looked for by itself, in their order.

        They are read and sent as their answers are asked for, up to 4096 in a call. ``limit`` is of each, at
        most 64, and ``timeout`` of each call. `check` takes sets (winnow/1, parts/1), which are
        InvalidInputError here.
        """
        for call in self._operations.check_many(fingerprints, filter, limit, min_position, strength):
            yield from self._run(call, timeout)

    def check_stream(  # noqa: PLR0913  # what narrows a check
        self,
        uploads: Iterable[Iterable[Fingerprintable | Query]],
        *,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        in_flight: int = IN_FLIGHT,
        timeout: float | None = None,
    ) -> Iterator[Answer | HashpactError]:
        """The answer to each of a flow of uploads, in their order: as `check`, at a fraction of its cost.

        Another thread reads ``uploads``, each of which is what `check` takes; at most ``in_flight`` wait for
        their answers. An upload that cannot be checked has its InvalidInputError in place of an answer, and
        the others go on. When a connection is lost, what has no answer is asked for again; ``timeout`` is how
        long answers may stay away. Close the iterator to leave early.
        """
        operations, rest = self._operations, (filter, limit, min_position, strength)
        asked = (flow.asked(partial(operations.check, upload, *rest)) for upload in uploads)
        seconds = self.timeout if timeout is None else checked_timeout(timeout)
        return self._connection.flow(asked, in_flight, seconds)

    def check_file(  # noqa: PLR0913  # what narrows a check
        self,
        content: Content,
        *,
        types: Sequence[str] | None = None,
        views: Collection[PictureView | str] = DERIVED,
        filter: Filter = EVERYTHING,  # noqa: A002  # the word of the API
        limit: int = DEFAULT_LIMIT,
        min_position: int = 0,
        strength: Strength | str = Strength.POSSIBLE,
        timeout: float | None = None,
    ) -> Answer:
        """The entries that a file, or bytes, may be a copy of: as `check`, of its fingerprints and ``views``.

        ``types`` and the errors are those of `hashpact.fingerprints_of`. A match names the view that it is
        of.
        """
        rest = (filter, limit, min_position, strength)
        return self._through(self._operations.check_file(content, types, views, rest), timeout)

    def submit(  # noqa: PLR0913  # the fields of a submission
        self,
        fingerprints: Iterable[Fingerprintable],
        *,
        labels: Iterable[str],
        basis: Basis | str = Basis.GUIDELINE,
        authority: str | None = None,
        article: str | None = None,
        jurisdictions: Iterable[str] = (),
        removed: int | None = None,
        again: bool = False,
        timeout: float | None = None,
    ) -> Receipt:
        """Share 1 to 256 fingerprints of one piece of removed content, and get the receipt.

        Basis ``law`` names its authority and article. ``removed`` is when, in Unix seconds (now). Raises
        AlreadySharedError if this profile has shared the same fingerprints, and that entry stands; ``again``
        makes another one.
        """
        reason = reason_of(labels, basis, authority, article, jurisdictions)
        return self._through(self._operations.submit(fingerprints, reason, removed, again=again), timeout)

    def withdraw(self, entry: int, reason: str, *, timeout: float | None = None) -> Receipt:
        """Take back the member's own entry; it stops matching and stays in the log."""
        return self._through(self._operations.withdraw(entry, reason), timeout)

    def opinion(
        self,
        entry: int,
        stance: Stance | str,
        reason: str | None = None,
        *,
        replace: bool = False,
        timeout: float | None = None,
    ) -> Receipt:
        """Endorse or dispute another member's entry, or state that its content was seen.

        ``reason`` is a slug that is public. The stance seen takes back the member's endorsement or
        dispute only with ``replace``; without it, that is a ConflictError.
        """
        steps = self._operations.opinion(entry, stance, reason, replace=replace)
        return self._through(steps, timeout)

    def append(self, submission: Submission, *, timeout: float | None = None) -> Receipt:
        """Append a statement that was signed elsewhere or earlier; the same bytes get the same receipt.

        The receipt is verified, and kept in the profile as docs/formats/home.md says; a failed write is
        only a ProfileWarning, because the statement is in the log.
        """
        return self._through(self._operations.append(submission), timeout)

    def propose(self, proposal: Sequence[Draft], *, timeout: float | None = None) -> tuple[Appended, ...]:
        """Append administrators' statements, all or none, and get each with its receipt, in order.

        Empty if not all who must sign have signed: the statements then wait at the server for the others'
        signatures, and the same statements proposed by them are appended with all. For administrators only.
        """
        return self._through(self._operations.propose(proposal), timeout)

    def charter(self) -> Charter:
        """Who governs the log. The offices are proved; the policy is as the server states it."""
        return self._through(self._operations.charter())

    def proposals(self) -> tuple[list[Draft], ...]:
        """The proposals that wait for signatures. For administrators only."""
        return self._run(calls.waiting())

    def resume(self, *, timeout: float | None = None) -> Iterator[tuple[Submission, Receipt]]:
        """Send every statement of the profile whose answer was lost, and get each with its receipt.

        A statement that is refused is forgotten and its error raised; the next call goes on with the others.
        """
        for subject, kept in self._operations.pending():
            receipt = self._through(self._operations.finish(subject, kept), timeout)
            if receipt is not None:
                yield kept, receipt

    def duplicates(self, entry: int) -> tuple[int, ...]:
        """The other entries of the same content that this profile has shared and that stand."""
        return self._through(self._operations.duplicates(entry))

    def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and the opinions of members on it."""
        return self._run(calls.entry(index))

    def entries(self, start: int = 0, stop: int = 0) -> Iterator[EntryDetail]:
        """The entries from log index ``start`` up to ``stop`` (0: all), read as they are asked for."""
        yield from self._connection.stream(feeds.entries(EntriesRequest(start, stop)), self.timeout)

    def policy(self) -> PolicyDetail:
        """The policy in force: the labels that entries may have."""
        return self._run(calls.policy())

    def members(self) -> Iterator[MemberDetail]:
        """Every member with its keys, in the order of their ids; asks for a page when it needs one."""
        call = self._operations.page(None)
        while call is not None:
            page = self._run(call)
            yield from page.members
            call = self._operations.page(page)

    def checkpoint(self) -> SignedCheckpoint:
        """The newest signed checkpoint, by a key of the log. Raises ProofError."""
        return self._through(self._operations.believed(self._operations.newest))

    def consistency(self, old: Checkpoint) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend an ``old`` one. Raises ProofError."""
        new = self._through(self._operations.believed(lambda: self._operations.newest(old)))
        proof = self._run(calls.consistency(old.size, new.checkpoint.size))
        check_extends(old, new.checkpoint, proof)
        return new

    def leaves(self, start: int = 0, stop: int = 0, *, private: bool = False) -> Iterator[LeafDetail]:
        """The signed leaves from ``start`` up to ``stop`` (0: all there are), read as they are asked for.

        ``private`` asks for their private parts too. Leaf 0 must be the one that the profile pins; an
        audit verifies that the others belong to a checkpoint. Gives up after ``timeout`` without a leaf.
        """
        feed = feeds.leaves(LeavesRequest(start, stop, private))
        yield from map(self._operations.leaf, self._connection.stream(feed, self.timeout))

    def certificate(self, request: bytes, days: int = MAX_DAYS, *, check_only: bool = False) -> bytes:
        """A new certificate for the member's channel, for the key of a certificate request; both in PEM.

        It is valid for so many ``days``, at most 30. The member's statement key vouches for the request. With
        ``check_only`` the certificate is good for checks and nothing else. `hashpact.member.keys` writes the
        profile.
        """
        return self._run(calls.renew(self.author.renewal(request, days, check_only=check_only)))

    def certificate_uses(self) -> dict[bytes, int]:
        """The serials of the member's certificates that were used in the last 31 days.

        Each has the day of its last use, in days since 1970 in UTC.
        """
        return self._run(calls.uses())

    def close(self) -> None:
        """Close the channel."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _through(self, steps: Steps[Result], timeout: float | None = None) -> Result:
        """Run the steps in order and return their outcome. Each call has ``timeout`` seconds."""
        try:
            step = next(steps)
            while True:
                try:
                    result = step.do() if isinstance(step, Local) else self._run(step, timeout)
                except HashpactError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            outcome: Result = end.value
            return outcome

    def _run(self, call: Call[Result], timeout: float | None = None) -> Result:
        return self._connection.run(call, self.timeout if timeout is None else checked_timeout(timeout))


def loaded(profile: Profile | Path | str) -> Profile:
    """The profile, read from its directory if that is given."""
    return profile if isinstance(profile, Profile) else Profile.load(profile)
