"""The client that blocks. `awaiting.AsyncClient` has the same methods, to be awaited."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

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
from hashpact.member.checking.blocking import CheckClient
from hashpact.member.checking.checks import Fingerprintable
from hashpact.member.operations import REFUSALS
from hashpact.member.trusting.proving import ProvedEntry
from hashpact.wire.client import calls, desk, feeds


class Client(CheckClient):
    """A member's blocking client. Any number of threads may share one; close it, or use ``with``.

    ``profile`` is a Profile or its directory. ``timeout`` is in seconds, above 0 and at most a day, over all
    tries of a call. A call whose outcome was lost is repeated with the same signed bytes. A statement is kept
    in the profile until its receipt has arrived. If the same submission is requested again after a crash, the
    kept bytes are sent instead of newly signed ones, so nothing is submitted twice.

    A check reflects what the same client has stated before, whichever process of the server answers it. A
    check that the server does not answer in time raises UnavailableError. With ``on_unavailable="open"``,
    for the client or for one call, it returns a result that is not ``checked`` and has the ``error`` instead.
    After as many such checks in a row as there are channels, and at least three, ``circuit`` opens: checks
    end at once, and now and then one of them is sent, until one is answered; `Circuit` has the states.
    Statements are always sent.

    ``channels`` spreads calls over several connections, and so over the processes of one server; a call goes
    to another one if the connection of the first fails. With ``proxy`` off, a proxy that the environment
    names (``https_proxy`` and the like) is not used. With ``lists`` off, checks do not search the profile's
    private lists. With ``retry_refused`` off, a call fails at once when
    the connection is refused, instead of waiting for a server that is starting again.

    In a process that was forked a client connects anew. If a call was under way during the fork, or an
    AsyncClient was open, gRPC cannot be used there, and every call raises UnavailableError.

    Every method raises a HashpactError: InvalidInputError before anything is sent, CertificateError if the
    channel is refused, UnavailableError or DeadlineError when the time is over, and the server's own errors.
    ``author`` signs the member's statements, for `append`. A log key that the profile does not pin is
    accepted if root statements lead to it from the pinned genesis; the profile then pins it.
    """

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

    def propose(
        self,
        proposal: Sequence[Draft],
        *,
        documents: Sequence[bytes] = (),
        timeout: float | None = None,
    ) -> tuple[Appended, ...]:
        """Append administrators' statements, all or none, and get each with its receipt, in order.

        Empty if not all who must sign have signed: the statements then wait at the server for the others'
        signatures, and the same statements proposed by them are appended with all. The ``documents`` that the
        statements name are needed with the last signature. For administrators only.
        """
        return self._through(self._operations.propose(proposal, documents), timeout)

    def charter(self) -> Charter:
        """Who governs the log. The offices are proved; the policy is as the server states it."""
        return self._through(self._operations.charter())

    def proposals(self) -> tuple[list[Draft], ...]:
        """The proposals that wait for signatures. For administrators only."""
        return self._run(calls.waiting())

    def resume(
        self,
        *,
        on_refused: Callable[[HashpactError], object] | None = None,
        timeout: float | None = None,
    ) -> Iterator[tuple[Submission, Receipt]]:
        """Send every statement of the profile whose answer was lost, and get each with its receipt.

        A statement that is refused is forgotten, unless the member may not state anything now
        (NotPermittedError). ``on_refused`` is called with the error, and the others are sent; without it the
        error is raised, and the next call goes on with the others.
        """
        for subject, kept in self._operations.pending():
            try:
                receipt = self._through(self._operations.finish(subject, kept), timeout)
            except REFUSALS as error:
                if on_refused is None:
                    raise
                on_refused(error)
                continue
            if receipt is not None:
                yield kept, receipt

    def duplicates(self, entry: int) -> tuple[int, ...]:
        """The other entries of the same content that this profile has shared and that stand."""
        return self._through(self._operations.duplicates(entry))

    def entry(self, index: int) -> EntryDetail:
        """An entry with its statement, its private parts and the opinions of members on it."""
        return self._run(calls.entry(index))

    def prove(self, entry: int, *, timeout: float | None = None) -> ProvedEntry:
        """An entry with what proves it: that its member signed it, and that it is in the log's signed tree.

        Its fingerprints are those that the statement commits to. Raises ProofError if it is not proved.
        """
        return self._through(self._operations.prover().prove(entry), timeout)

    def prove_matches(
        self, matches: Sequence[Match], queries: Sequence[Query], *, timeout: float | None = None
    ) -> tuple[ProvedEntry, ...]:
        """The proved entries of these matches, which say what the entries do, and truly how near they are.

        ``queries`` are those that were checked. Raises ProofError for the first match that is not proved.
        """
        return self._through(self._operations.prover().matches(matches, queries), timeout)

    def entries(self, start: int = 0, stop: int = 0) -> Iterator[EntryDetail]:
        """The entries from log index ``start`` up to ``stop`` (0: all), read as they are asked for."""
        yield from self._connection.stream(feeds.entries(EntriesRequest(start, stop)), self.timeout)

    def changes(
        self, since: int = 0, *, after: int | None = None, private: bool = False, size: int = DEFAULT_CHANGES
    ) -> Iterator[ChangedEntries]:
        """What has changed about entries since the tree had that size, a page at a time, up to the present.

        Each page has entries as they stand at its ``position``; an entry may come again in a later page.
        What is known of the first ``since`` leaves, with that, is known of all leaves below the ``next`` of
        the page: ask from there later, with its ``next_after`` as ``after``. ``private`` asks for the private
        parts of the entries that stand. A page has ``size`` entries at most, of 1 to 1000.
        """
        asked = ChangesRequest(since, after, size, private)
        page: ChangedEntries | None = None
        while page is None or not page.last:
            page = self._run(calls.changes(asked))
            asked = page.following(asked)
            yield page

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

    def checkpoint(self, max_age: int = MAX_AGE) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend those before it as `LogMemory` has it.

        Raises ForkError if the log has shown another history, QuorumError if its witnesses have not cosigned
        it, or over ``max_age`` seconds ago, and ProofError if it is not the log's.
        """
        return self._through(self._operations.checkpoint(max_age))

    def consistency(self, old: Checkpoint) -> SignedCheckpoint:
        """The newest signed checkpoint, proved to extend an ``old`` one. Raises ProofError."""
        new = self._through(self._operations.believed(lambda: self._operations.newest(old)))
        proof = self._run(calls.consistency(old.size, new.checkpoint.size))
        check_extends(old, new.checkpoint, proof)
        return new

    def compare(self, one: bytes, other: bytes) -> tuple[SignedCheckpoint, SignedCheckpoint]:
        """Two signed checkpoints, the smaller first, once the log has shown that it has one history of both.

        Raises ProofError if one is not the log's, and ForkError if the log does not show it.
        """
        return self._through(proving.compare(self._operations, one, other))

    def bundle(self, indexes: Iterable[int], *, private: bool = False) -> bytes:
        """A bundle of these leaves and of the root statements, as docs/formats/bundle.md has it, verified.

        Each leaf is one whose receipt the profile keeps, or an entry. With ``private`` it has the
        fingerprints, which every holder of the file can read.
        """
        return self._through(proving.make_bundle(self._operations, indexes, private=private))

    def leaves(self, start: int = 0, stop: int = 0, *, private: bool = False) -> Iterator[LeafDetail]:
        """The signed leaves from ``start`` up to ``stop`` (0: all there are), read as they are asked for.

        ``private`` asks for their private parts too. Leaf 0 must be the one that the profile pins; an
        audit verifies that the others belong to a checkpoint. Gives up after ``timeout`` without a leaf.
        """
        feed = feeds.leaves(LeavesRequest(start, stop, private))
        yield from map(self._operations.leaf, self._connection.stream(feed, self.timeout))

    def state(self, paper: Paper, *, timeout: float | None = None) -> Receipt:
        """State something of the code of conduct, such as a notice or a decision; `hashpact.papers` makes it.

        Words and documents go with it. The receipt is verified and kept as with a submission.
        """
        return self._through(self._operations.file(paper), timeout)

    def contacts(self) -> Iterator[ContactDetail]:
        """The contact points of all members, by member and what they are for."""
        after: str | None = ""
        while after is not None:
            page = self._run(desk.contacts(after))
            yield from page.contacts
            after = page.next_after

    def notices(self, asked: MattersRequest = EVERY) -> Iterator[NoticeDetail]:
        """The notices that concern the member, as they stand for each addressee, in the order of the log."""
        page: Matters[NoticeDetail] | None = None
        while page is None or page.next_after is not None:
            page = self._run(desk.notices(following(asked, page)))
            yield from page.matters

    def watch_notices(
        self, seen: WatchPlace = NOTHING, *, follow: bool = True
    ) -> Generator[NoticeChange, None, None]:
        """The notices to the member that wait, then each change of one as it happens, without end.

        Those with priority come first. When that is all for now, and every few seconds after that, comes one
        without a ``detail``, after the first of which it ends unless it is to ``follow``. Goes on from what
        was ``seen``, which each change has: some may come again then, none is left out. Once the server has
        answered, it raises UnavailableError only after 5 minutes of silence.
        """
        patience = self.timeout
        while True:
            with contextlib.closing(self._connection.stream(desk.changes(seen), patience)) as changes:
                for change in changes:
                    seen = change.seen
                    yield change
                    if change.detail is None and not follow:
                        return
                    if change.detail is None and patience < desk.WATCHED:
                        break
            patience = max(self.timeout, desk.WATCHED)

    def appeals(self, asked: MattersRequest = EVERY) -> Iterator[AppealDetail]:
        """The appeals as they stand, in the order of the log."""
        page: Matters[AppealDetail] | None = None
        while page is None or page.next_after is not None:
            page = self._run(desk.appeals(following(asked, page)))
            yield from page.matters

    def replies(self, asked: MattersRequest = EVERY) -> Iterator[ReplyDetail]:
        """The replies that are awaited from authorities, or were given, in the order of the log."""
        page: Matters[ReplyDetail] | None = None
        while page is None or page.next_after is not None:
            page = self._run(desk.replies(following(asked, page)))
            yield from page.matters

    def filings(self, kind: str, asked: MattersRequest = EVERY) -> Iterator[FiledDetail]:
        """What members have reported to all: statements of a kind such as training, practice or review."""
        page: Matters[FiledDetail] | None = None
        while page is None or page.next_after is not None:
            page = self._run(desk.filings(kind, following(asked, page)))
            yield from page.matters

    def document(self, digest: bytes) -> bytes:
        """The document with that SHA-256, which a statement names."""
        return self._run(desk.document(digest))

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
