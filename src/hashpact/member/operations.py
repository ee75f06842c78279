"""Operations: statements and the log, for both clients. Requests become calls and work on the profile."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from hashpact.domain import statements
from hashpact.domain.kinds import GiveOpinion, Withdraw
from hashpact.domain.messages import (
    MAX_PAGE,
    Appended,
    EntryDetail,
    LeafDetail,
    Page,
    PageRequest,
    Submission,
)
from hashpact.domain.pinned import MAX_AGE
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.state import Charter, Receipt, Stance
from hashpact.errors import (
    AlreadySharedError,
    ClockSkewError,
    ConfigError,
    ConflictError,
    CorruptError,
    HashpactError,
    InvalidInputError,
    LogKeyError,
    NotFoundError,
    NotPermittedError,
    ProofError,
    QuorumError,
)
from hashpact.governance.drafts import Draft
from hashpact.log import checkpoint
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.member.author import Author, Paper, Reason, chosen
from hashpact.member.checking.checks import Fingerprintable, adopted
from hashpact.member.checking.reached import Reached
from hashpact.member.checking.steps import Local, Steps
from hashpact.member.memory import LogMemory
from hashpact.member.paths import ProfilePaths
from hashpact.member.pending import (
    Outbox,
    says_the_same,
    subject_of,
    subject_of_content,
    subject_of_entry,
)
from hashpact.member.profile import Profile, ProfileWarning
from hashpact.member.trusting.contradiction import Contradiction
from hashpact.member.trusting.proving import EntryProver
from hashpact.member.trusting.roots import RootChain, check_included
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call

Outcome = TypeVar("Outcome")

REFUSALS: Final = (InvalidInputError, NotPermittedError, NotFoundError, ConflictError)
"""The errors by which a server refuses a statement that it has examined."""

_TERMS: Final = ("labels", "basis", "authority", "article", "jurisdictions")
"""The fields of an entry, and of the statement that makes it, on whose terms content is shared."""


class Operations:
    """Turns a caller's requests into calls, for both clients."""

    def __init__(self, profile: Profile, clock: Clock, entropy: Entropy) -> None:
        self.author = Author(profile.origin, profile.member, profile.key, profile.signer, clock, entropy)
        self.profile = profile
        self.reached = Reached()
        self.memory = LogMemory(None if profile.directory is None else ProfilePaths(profile.directory), clock)
        self._clock = clock

    def submit(
        self, items: Iterable[Fingerprintable], reason: Reason, removed: int | None, *, again: bool
    ) -> Steps[Receipt]:
        """The steps of sharing these fingerprints. Raises AlreadySharedError, unless ``again``."""
        fingerprints = [adopted(item) for item in items]
        fresh = self.author.submit(fingerprints, reason, removed)
        subject = subject_of_content(fingerprints)
        return self._once(subject, fresh, again=again, removed=removed is not None)

    def withdraw(self, entry: int, reason: str) -> Steps[Receipt]:
        """The steps of withdrawing an entry."""
        return self._once(subject_of_entry(Withdraw, entry), self.author.withdraw(entry, reason))

    def opinion(
        self, entry: int, stance: Stance | str, reason: str | None, *, replace: bool
    ) -> Steps[Receipt]:
        """The steps of giving an opinion."""
        given = chosen(Stance, stance, "stance")
        opinion = self.author.opinion(entry, given, reason, replace=replace)
        return self._once(subject_of_entry(GiveOpinion, entry), opinion)

    def file(self, paper: Paper) -> Steps[Receipt]:
        """The steps of stating something of the code of conduct."""
        fresh = self.author.file(paper)
        subject = subject_of(fresh)
        assert subject is not None  # noqa: S101  # every such kind has one
        return self._once(subject, fresh)

    def _once(
        self, subject: str, fresh: Submission, *, again: bool = True, removed: bool = False
    ) -> Steps[Receipt]:
        """The steps that get a statement into the log once, whatever the outcome of earlier tries.

        A statement of the same subject that is still pending is finished first; if it states
        the same, its receipt is the result. A statement that cannot be kept is sent with a ProfileWarning.
        """
        outbox = self.profile.outbox
        if outbox is None:
            return (yield from self.append(fresh, subject))
        finished = None
        while True:
            kept = yield Local(partial(outbox.find, subject))
            if kept is not None and kept != finished:
                receipt = yield from self.finish(subject, kept)
                if receipt is not None and says_the_same(kept, fresh, removed=removed):
                    return receipt
                finished = kept
                continue
            known = yield Local(partial(outbox.shared, subject))
            if not again:
                already = already_shared((yield from self._standing(known)), fresh)
                if already is not None:
                    raise already
            if kept is not None:  # it cannot be removed, and is in the way
                return (yield from self.append(fresh, subject))
            if (yield Local(partial(_kept, outbox, subject, fresh, known))):
                receipt = yield from self.finish(subject, fresh, fresh=True)
                if receipt is not None:
                    return receipt

    def pending(self) -> list[tuple[str, Submission]]:
        """The profile's pending statements with their subjects, the oldest first."""
        return [] if self.profile.outbox is None else list(self.profile.outbox.all())

    def finish(self, subject: str, kept: Submission, *, fresh: bool = False) -> Steps[Receipt | None]:
        """The steps of sending a pending statement, ``fresh`` if it was never sent, and of forgetting it.

        One that has become too old is signed anew: the server reports that only if the log does not have it.
        None if another process finished it meanwhile.
        """
        outbox = self.profile.outbox
        assert outbox is not None  # noqa: S101 - it is pending there
        try:
            receipt: Receipt = yield from self.append(kept, subject)
        except ClockSkewError:
            if fresh:
                yield Local(partial(_forgotten, outbox, subject, kept))
                raise
            found = yield Local(partial(outbox.exchange, subject, kept, self.author.again(kept)))
            return None if found is None else (yield from self.finish(subject, found, fresh=True))
        except REFUSALS as error:
            # A suspended member is refused before the log is searched, which may have the statement.
            if fresh or not isinstance(error, NotPermittedError):
                yield Local(partial(_forgotten, outbox, subject, kept))
            raise
        yield Local(partial(_forgotten, outbox, subject, kept))
        return receipt

    def duplicates(self, entry: int) -> Steps[tuple[int, ...]]:
        """The steps of finding other standing entries by which this profile has shared the same content."""
        outbox, detail = self.profile.outbox, (yield calls.entry(entry))
        subject = subject_of(Submission(detail.statement, detail.private))
        if outbox is None or subject is None:
            return ()
        known = yield Local(partial(outbox.shared, subject))
        others = yield from self._standing(tuple(index for index in known if index != entry))
        return tuple(detail.entry.index for detail in others)

    def _standing(self, entries: tuple[int, ...]) -> Steps[tuple[EntryDetail, ...]]:
        """The steps of getting those of these entries that stand."""
        found = []
        for entry in entries:
            with contextlib.suppress(NotFoundError):
                detail: EntryDetail = yield calls.entry(entry)
                if detail.stands:
                    found.append(detail)
        return tuple(found)

    def leaf(self, leaf: LeafDetail) -> LeafDetail:
        """The leaf. Raises ProofError if it is leaf 0 and not the one that the profile pins."""
        if leaf.index == 0 and hashlib.sha256(leaf.statement).digest() != self.profile.genesis:
            msg = "the log's leaf 0 is not the genesis that profile.toml names: it is another log"
            raise ProofError(msg)
        return leaf

    def append(self, submission: Submission, subject: str | None = None) -> Steps[Receipt]:
        """The steps of appending a statement, verifying its receipt and keeping it in the profile.

        ``subject`` is the statement's subject, if the caller has derived it already.
        """
        try:
            receipt = yield from self.believed(lambda: calls.append(submission, self.profile.log))
        except LogKeyError:
            receipt = yield from self._append_again(submission)
        self.reached.note(receipt)
        yield Local(partial(self.profile.keep, submission, receipt, subject))
        yield from self._remember(receipt)
        return receipt

    def propose(
        self, proposal: Sequence[Draft], documents: Sequence[bytes] = ()
    ) -> Steps[tuple[Appended, ...]]:
        """The steps of proposing administrators' statements; empty if they wait for signatures."""
        found = yield from self.believed(lambda: calls.propose(proposal, self.profile.log, documents))
        for one in found:
            self.reached.note(one.receipt)
            yield Local(partial(self.profile.keep, Submission(one.statement), one.receipt))
        if found:
            yield from self._remember(found[-1].receipt)
        return found

    def believed(self, make: Callable[[], Call[Outcome]]) -> Steps[Outcome]:
        """The steps of a call, made anew if root statements show that the log's keys or witnesses are others.

        A profile that has not followed them yet does so first. If the log has signed nothing yet that can be
        believed, it does so after its first call, which has to hold then too.
        """
        if not self.profile.followed and (yield calls.roots(0)):
            with contextlib.suppress(QuorumError):
                yield from self._follow()
        known = self.profile.log
        result: Outcome
        try:
            result = yield make()
        except (LogKeyError, QuorumError):
            yield from self._follow()
            result = yield make()
        if not self.profile.followed:
            yield from self._follow()
            if replace(self.profile.log, attestation_keys=known.attestation_keys) != known:
                result = yield make()
        return result

    def _follow(self) -> Steps[None]:
        """The steps of learning from root statements what the log's keys and witnesses are."""
        chain = yield from self.roots()
        self.profile = yield Local(partial(self.profile.recognising, chain.pinned(), chain.data()))

    def checkpoint(self, max_age: int) -> Steps[SignedCheckpoint]:
        """The steps of getting the newest checkpoint, which extends every one before it.

        Raises ForkError if it does not, QuorumError if witnesses cosigned it over ``max_age`` seconds ago.
        """
        newest = yield Local(self.memory.newest)
        signed: SignedCheckpoint = yield from self.believed(self.newest)
        self.profile.log.check_fresh(signed, self._clock(), max_age)
        if newest is not None and signed.checkpoint.size < newest.checkpoint.size:
            what = f"the log had {newest.checkpoint.size} leaves, and shows {signed.checkpoint.size} now"
            raise (yield Local(partial(self.memory.accuse, Contradiction(signed, newest), what)))
        yield from self._hold(signed)
        return signed

    def _hold(self, signed: SignedCheckpoint) -> Steps[None]:
        """The steps of holding a verified checkpoint against the remembered one, and against newer roots.

        Those are looked for as often as a proof is due: witnesses may be named that have to vouch for it too.
        """
        due = yield Local(partial(self.memory.is_due, signed))
        if due and (yield calls.roots(self.profile.log.since + 1)):
            yield from self._follow()
            if signed.checkpoint.size > self.profile.log.since:
                self.profile.log.open(signed.data)
        yield from self.memory.agrees(signed)

    def _remember(self, receipt: Receipt) -> Steps[None]:
        """The steps of holding a verified receipt's checkpoint against the remembered one.

        The statement is in the log, so a server that does not answer now is asked the next time.
        """
        try:
            yield from self._hold(checkpoint.parse(receipt.checkpoint))
        except CorruptError:
            raise
        except HashpactError:
            return

    def _append_again(self, submission: Submission) -> Steps[Receipt]:
        """The calls for a receipt of a statement whose first one is by a key that the log has replaced.

        The new receipt is verified like the first, in the newest tree.
        """
        index = (yield calls.append(submission, None)).index
        signed = yield self.newest()
        size, root = signed.checkpoint.size, signed.checkpoint.root
        leaf_hash, proof = yield calls.inclusion(index, size)
        receipt = Receipt(index, leaf_hash, size, root, proof, signed.data)
        self.profile.log.check_receipt(submission.statement, receipt)
        return receipt

    def newest(self, old: Checkpoint | None = None) -> Call[SignedCheckpoint]:
        """The call for the newest checkpoint. Raises ProofError if it is smaller than the ``old`` one."""
        asked, log = calls.checkpoint(), self.profile.log

        def read(data: bytes) -> SignedCheckpoint:
            signed = log.open(asked.read(data))
            if old is not None and signed.checkpoint.size < old.size:
                msg = f"the log had {old.size} leaves, and signs {signed.checkpoint.size} now"
                raise ProofError(msg)
            return signed

        return Call(asked.method, asked.request, read)

    def charter(self) -> Steps[Charter]:
        """The calls for who governs the log. Offices are proved; the policy is as the server states it."""
        chain, policy = (yield from self.roots()), (yield calls.policy())
        return replace(
            chain.charter(),
            policy_version=policy.version,
            labels=policy.labels,
            key_delay=policy.key_delay,
            allowed=policy.allowed,
            private_quota=policy.private_quota,
            rates=policy.rates,
        )

    def roots(self) -> Steps[RootChain]:
        """The calls by which a client follows the root statements, as to a log key that it does not know.

        They are verified from the pinned genesis on, and are included in a tree that one of the keys which
        the last one names has signed. Raises ProofError.
        """
        chain = RootChain(self.profile.log, self.profile.genesis)
        at = 0
        while found := (yield calls.roots(at)):
            for leaf in found:
                chain.add(leaf)
            at = found[-1].index + 1
        signed = self.profile.demanding(chain.pinned()).read((yield calls.checkpoint()))
        for leaf in chain.leaves:
            if leaf.index >= signed.size:
                msg = f"leaf {leaf.index}, a root statement, is not in the log of size {signed.size}"
                raise ProofError(msg)
            _, proof = yield calls.inclusion(leaf.index, signed.size)
            check_included(leaf, signed, proof)
        return chain

    def prover(self) -> EntryProver:
        """What proves entries, in the newest tree."""
        return EntryProver(lambda: self.checkpoint(MAX_AGE), self.roots)

    def page(self, before: Page | None) -> Call[Page] | None:
        """The call for the page after ``before``; None if that was the last."""
        if before is None:
            return calls.members(PageRequest(size=MAX_PAGE))
        if not before.next_token:
            return None
        return calls.members(PageRequest(before.next_token, MAX_PAGE), before.members[-1].member.id)


def already_shared(standing: Collection[EntryDetail], fresh: Submission) -> AlreadySharedError | None:
    """The error for a submission whose content these standing entries share; None if there are none.

    It names the newest entry on the same terms, or else the newest one and the terms that differ.
    """
    if not standing:
        return None
    body = statements.parse(fresh.statement).statement.body
    found = [
        (
            ", ".join(term for term in _TERMS if getattr(each.entry, term) != getattr(body, term)),
            each.entry.index,
        )
        for each in standing
    ]
    differs, index = max(found, key=lambda each: (not each[0], each[1]))
    msg = f"already entry {index}: this member shares the same fingerprints"
    if not differs:
        return AlreadySharedError(msg, entry=str(index))
    msg += f" with other {differs}; withdraw it first, or share them once more (again)"
    return AlreadySharedError(msg, entry=str(index), differs=differs)


def _kept(outbox: Outbox, subject: str, fresh: Submission, known: tuple[int, ...]) -> bool:
    """As `Outbox.put`, but warns if the file cannot be written."""
    try:
        return outbox.put(subject, fresh, known)
    except (ConfigError, OSError) as error:
        msg = f"a statement is sent without being kept, so do not repeat it blindly: {error}"
        warnings.warn(msg, ProfileWarning, stacklevel=3)
        return True


def _forgotten(outbox: Outbox, subject: str, done: Submission) -> None:
    """As `Outbox.forget`, but warns if the file cannot be removed; its statement is then sent once more."""
    try:
        outbox.forget(subject, done)
    except (ConfigError, OSError) as error:
        warnings.warn(f"a pending statement is still there: {error}", ProfileWarning, stacklevel=3)
