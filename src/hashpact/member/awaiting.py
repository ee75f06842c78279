"""The client that awaits: each method of `clients.Client` is a method here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence

from hashpact.domain.checks import Match, Query
from hashpact.domain.conduct.answers import (
    EVERY,
    AppealDetail,
    ContactDetail,
    FiledDetail,
    Matters,
    MattersRequest,
    NoticeChange,
    NoticeDetail,
    ReplyDetail,
    following,
)
from hashpact.domain.conduct.watching import NOTHING, WatchPlace
from hashpact.domain.messages import (
    DEFAULT_CHANGES,
    Appended,
    ChangedEntries,
    ChangesRequest,
    EntriesRequest,
    EntryDetail,
    LeafDetail,
    LeavesRequest,
    MemberDetail,
    PolicyDetail,
    Submission,
)
from hashpact.domain.pinned import MAX_AGE, check_extends
from hashpact.domain.renewal import MAX_DAYS
from hashpact.domain.state import Basis, Charter, Receipt, Stance
from hashpact.errors import HashpactError
from hashpact.governance.drafts import Draft
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.member import proving
from hashpact.member.author import Paper, reason_of
from hashpact.member.checking.awaiting import AsyncCheckClient
from hashpact.member.checking.checks import Fingerprintable
from hashpact.member.operations import REFUSALS
from hashpact.member.trusting.proving import ProvedEntry
from hashpact.wire.client import calls, desk, feeds


class AsyncClient(AsyncCheckClient):
    """A member's client that awaits; otherwise as `Client`. It serves one event loop after another."""

    async def submit(  # noqa: PLR0913  # the fields of a submission
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
        timeout: float | None = None,  # noqa: ASYNC109  # it is over all tries
    ) -> Receipt:
        """Share fingerprints of one piece of removed content, as `Client.submit`."""
        reason = reason_of(labels, basis, authority, article, jurisdictions)
        return await self._through(
            self._operations.submit(fingerprints, reason, removed, again=again), timeout
        )

    async def withdraw(self, entry: int, reason: str, *, timeout: float | None = None) -> Receipt:  # noqa: ASYNC109  # as above
        """Take back the member's own entry; it stops matching and stays in the log."""
        return await self._through(self._operations.withdraw(entry, reason), timeout)

    async def opinion(
        self,
        entry: int,
        stance: Stance | str,
        reason: str | None = None,
        *,
        replace: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> Receipt:
        """Give an opinion on another member's entry, as `Client.opinion`."""
        steps = self._operations.opinion(entry, stance, reason, replace=replace)
        return await self._through(steps, timeout)

    async def append(self, submission: Submission, *, timeout: float | None = None) -> Receipt:  # noqa: ASYNC109  # as above
        """Append a statement that was signed elsewhere, or before, as `Client.append`."""
        return await self._through(self._operations.append(submission), timeout)

    async def propose(
        self,
        proposal: Sequence[Draft],
        *,
        documents: Sequence[bytes] = (),
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> tuple[Appended, ...]:
        """Append administrators' statements, or let them wait for signatures, as `Client.propose`."""
        return await self._through(self._operations.propose(proposal, documents), timeout)

    async def charter(self) -> Charter:
        """Who governs the log, as `Client.charter`."""
        return await self._through(self._operations.charter())

    async def proposals(self) -> tuple[list[Draft], ...]:
        """The proposals that wait for signatures. For administrators only."""
        return await self._run(calls.waiting())

    async def resume(
        self,
        *,
        on_refused: Callable[[HashpactError], object] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> AsyncIterator[tuple[Submission, Receipt]]:
        """Send every statement of the profile whose answer was lost, as `Client.resume`."""
        for subject, kept in await asyncio.to_thread(self._operations.pending):
            try:
                receipt = await self._through(self._operations.finish(subject, kept), timeout)
            except REFUSALS as error:
                if on_refused is None:
                    raise
                on_refused(error)
                continue
            if receipt is not None:
                yield kept, receipt

    async def duplicates(self, entry: int) -> tuple[int, ...]:
        """The other entries of the same content that this profile has shared and that stand."""
        return await self._through(self._operations.duplicates(entry))

    async def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and what members say of it."""
        return await self._run(calls.entry(index))

    async def prove(self, entry: int, *, timeout: float | None = None) -> ProvedEntry:  # noqa: ASYNC109  # as above
        """An entry with what proves it, as `Client.prove`."""
        return await self._through(self._operations.prover().prove(entry), timeout)

    async def prove_matches(
        self,
        matches: Sequence[Match],
        queries: Sequence[Query],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as above
    ) -> tuple[ProvedEntry, ...]:
        """The proved entries of these matches, as `Client.prove_matches`."""
        return await self._through(self._operations.prover().matches(matches, queries), timeout)

    async def entries(self, start: int = 0, stop: int = 0) -> AsyncIterator[EntryDetail]:
        """The entries from log index ``start`` up to ``stop``, as `Client.entries`."""
        async for detail in self._connection.stream(feeds.entries(EntriesRequest(start, stop)), self.timeout):
            yield detail

    async def changes(
        self, since: int = 0, *, after: int | None = None, private: bool = False, size: int = DEFAULT_CHANGES
    ) -> AsyncGenerator[ChangedEntries, None]:
        """What has changed about entries since the tree had that size, as `Client.changes`."""
        asked = ChangesRequest(since, after, size, private)
        page: ChangedEntries | None = None
        while page is None or not page.last:
            page = await self._run(calls.changes(asked))
            asked = page.following(asked)
            yield page

    async def policy(self) -> PolicyDetail:
        """The policy in force: the labels that entries may have."""
        return await self._run(calls.policy())

    async def members(self) -> AsyncIterator[MemberDetail]:
        """Every member with its keys, in the order of their ids; asks for a page when it needs one."""
        call = self._operations.page(None)
        while call is not None:
            page = await self._run(call)
            for member in page.members:
                yield member
            call = self._operations.page(page)

    async def checkpoint(self, max_age: int = MAX_AGE) -> SignedCheckpoint:
        """The newest signed checkpoint, as `Client.checkpoint`."""
        return await self._through(self._operations.checkpoint(max_age))

    async def consistency(self, old: Checkpoint) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend an ``old`` one. Raises ProofError."""
        new = await self._through(self._operations.believed(lambda: self._operations.newest(old)))
        proof = await self._run(calls.consistency(old.size, new.checkpoint.size))
        check_extends(old, new.checkpoint, proof)
        return new

    async def compare(self, one: bytes, other: bytes) -> tuple[SignedCheckpoint, SignedCheckpoint]:
        """Two signed checkpoints, the smaller first, once the log has shown that it has one history of both.

        Raises ProofError if one is not the log's, and ForkError if the log does not show it.
        """
        return await self._through(proving.compare(self._operations, one, other))

    async def bundle(self, indexes: Iterable[int], *, private: bool = False) -> bytes:
        """A bundle of these leaves and of the root statements, as docs/formats/bundle.md has it, verified.

        Each leaf is one whose receipt the profile keeps, or an entry. With ``private`` it has the
        fingerprints, which every holder of the file can read.
        """
        return await self._through(proving.make_bundle(self._operations, indexes, private=private))

    async def leaves(
        self, start: int = 0, stop: int = 0, *, private: bool = False
    ) -> AsyncIterator[LeafDetail]:
        """The signed leaves from ``start`` up to ``stop`` (0: all there are), read as they are asked for.

        ``private`` asks for their private parts too. Leaf 0 must be the one that the profile pins; whether
        the others are those of a checkpoint is for an audit to say. Gives up after ``timeout`` without any.
        """
        feed = feeds.leaves(LeavesRequest(start, stop, private))
        async for leaf in self._connection.stream(feed, self.timeout):
            yield self._operations.leaf(leaf)

    async def state(self, paper: Paper, *, timeout: float | None = None) -> Receipt:  # noqa: ASYNC109  # as above
        """State something of the code of conduct, such as a notice or a decision; `hashpact.papers` makes it.

        Words and documents go with it. The receipt is verified and kept as with a submission.
        """
        return await self._through(self._operations.file(paper), timeout)

    async def contacts(self) -> AsyncIterator[ContactDetail]:
        """The contact points of all members, by member and what they are for."""
        after: str | None = ""
        while after is not None:
            page = await self._run(desk.contacts(after))
            for contact in page.contacts:
                yield contact
            after = page.next_after

    async def notices(self, asked: MattersRequest = EVERY) -> AsyncIterator[NoticeDetail]:
        """The notices that concern the member, as they stand for each addressee, in the order of the log."""
        page: Matters[NoticeDetail] | None = None
        while page is None or page.next_after is not None:
            page = await self._run(desk.notices(following(asked, page)))
            for matter in page.matters:
                yield matter

    async def watch_notices(
        self, seen: WatchPlace = NOTHING, *, follow: bool = True
    ) -> AsyncGenerator[NoticeChange, None]:
        """The notices to the member that wait, then each change of one as it happens, without end.

        As `Client.watch_notices`.
        """
        patience = self.timeout
        while True:
            stream = self._connection.stream(desk.changes(seen), patience)
            async with contextlib.aclosing(stream) as changes:
                async for change in changes:
                    seen = change.seen
                    yield change
                    if change.detail is None and not follow:
                        return
                    if change.detail is None and patience < desk.WATCHED:
                        break
            patience = max(self.timeout, desk.WATCHED)

    async def appeals(self, asked: MattersRequest = EVERY) -> AsyncIterator[AppealDetail]:
        """The appeals as they stand, in the order of the log."""
        page: Matters[AppealDetail] | None = None
        while page is None or page.next_after is not None:
            page = await self._run(desk.appeals(following(asked, page)))
            for matter in page.matters:
                yield matter

    async def replies(self, asked: MattersRequest = EVERY) -> AsyncIterator[ReplyDetail]:
        """The replies that are awaited from authorities, or were given, in the order of the log."""
        page: Matters[ReplyDetail] | None = None
        while page is None or page.next_after is not None:
            page = await self._run(desk.replies(following(asked, page)))
            for matter in page.matters:
                yield matter

    async def filings(self, kind: str, asked: MattersRequest = EVERY) -> AsyncIterator[FiledDetail]:
        """What members have reported to all: statements of a kind such as training, practice or review."""
        page: Matters[FiledDetail] | None = None
        while page is None or page.next_after is not None:
            page = await self._run(desk.filings(kind, following(asked, page)))
            for matter in page.matters:
                yield matter

    async def document(self, digest: bytes) -> bytes:
        """The document with that SHA-256, which a statement names."""
        return await self._run(desk.document(digest))

    async def certificate(self, request: bytes, days: int = MAX_DAYS, *, check_only: bool = False) -> bytes:
        """A new certificate for the member's channel, for a certificate request's key; both in PEM.

        It is valid for so many ``days``, at most 30. The member's statement key vouches for the request. With
        ``check_only`` the certificate is good for checks and nothing else. `hashpact.member.keys` writes the
        profile.
        """
        return await self._run(calls.renew(self.author.renewal(request, days, check_only=check_only)))

    async def certificate_uses(self) -> dict[bytes, int]:
        """The serials of the member's certificates with the days of their last uses, as those of `Client`."""
        return await self._run(calls.uses())
