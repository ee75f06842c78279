"""What the two clients share: a caller's words made into statements and calls."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from hashpact.domain.checks import Answer, Check, Filter, Query
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.messages import MAX_PAGE, LeafDetail, Page, PageRequest, Submission
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.ports import Clock, Entropy
from hashpact.domain.state import Basis, Receipt, Stance
from hashpact.errors import InvalidInputError, ProofError
from hashpact.log.checkpoint import Checkpoint, SignedCheckpoint
from hashpact.member.author import Author, Reason
from hashpact.member.profile import Profile
from hashpact.member.roots import RootChain, check_included
from hashpact.wire.client import calls
from hashpact.wire.client.calls import Call

if TYPE_CHECKING:
    from datasketch import MinHash  # type: ignore[import-untyped]  # ships no type information
    from imagehash import ImageHash

Fingerprintable: TypeAlias = "Fingerprint | ImageHash | MinHash"
"""A fingerprint, or an object of a library that a platform makes its own with."""

Choice = TypeVar("Choice", bound=enum.Enum)
Outcome = TypeVar("Outcome")

Steps: TypeAlias = Generator[Call[Any], Any, Outcome]
"""Calls one after another, each of which is sent its result, and what comes of them."""


class Operations:
    """Turns what a caller says into calls: all that the two clients share."""

    def __init__(self, profile: Profile, clock: Clock, entropy: Entropy) -> None:
        self.author = Author(profile.origin, profile.member, profile.key, profile.signer, clock, entropy)
        self.profile = profile

    def check(
        self, items: Iterable[Fingerprintable | Query], narrow: Filter, limit: int, min_position: int
    ) -> Call[Answer]:
        """The call that asks for the entries near these."""
        queries = tuple(item if isinstance(item, Query) else Query(_adopt(item)) for item in items)
        return calls.check(Check(queries, narrow, limit, min_position))

    def submit(self, items: Iterable[Fingerprintable], reason: Reason, removed: int | None) -> Submission:
        """The signed submission of these fingerprints."""
        return self.author.submit([_adopt(item) for item in items], reason, removed)

    def opinion(self, entry: int, stance: Stance | str, reason: str | None, *, replace: bool) -> Submission:
        """The signed opinion."""
        return self.author.opinion(entry, _chosen(Stance, stance, "stance"), reason, replace=replace)

    def leaf(self, leaf: LeafDetail) -> LeafDetail:
        """The leaf. Raises ProofError if it is leaf 0 and not the one that the profile pins."""
        if leaf.index == 0 and hashlib.sha256(leaf.statement).digest() != self.profile.genesis:
            msg = "the log's leaf 0 is not the genesis that profile.toml names: it is another log"
            raise ProofError(msg)
        return leaf

    def append(self, submission: Submission) -> Call[Receipt]:
        """The call that appends a statement, and believes a receipt under the keys that are pinned now."""
        return calls.append(submission, self.profile.log)

    def append_again(self, submission: Submission) -> Steps[Receipt]:
        """The calls for a receipt of a statement whose first one is by a key that the log has replaced.

        It is verified as that would be, and in the newest tree.
        """
        index = (yield calls.append(submission, None)).index
        signed = yield self.newest()
        size, root = signed.checkpoint.size, signed.checkpoint.root
        leaf_hash, proof = yield calls.inclusion(index, size)
        receipt = Receipt(index, leaf_hash, size, root, proof, signed.data)
        self.profile.log.check_receipt(submission.statement, receipt)
        return receipt

    def newest(self, old: Checkpoint | None = None) -> Call[SignedCheckpoint]:
        """The call for the newest checkpoint; a ProofError if it is smaller than the ``old`` one."""
        asked, log = calls.checkpoint(), self.profile.log

        def read(data: bytes) -> SignedCheckpoint:
            signed = log.open(asked.read(data))
            if old is not None and signed.checkpoint.size < old.size:
                msg = f"the log had {old.size} leaves, and signs {signed.checkpoint.size} now"
                raise ProofError(msg)
            return signed

        return Call(asked.method, asked.request, read)

    def roots(self) -> Steps[tuple[PinnedLog, bytes]]:
        """The calls by which a client that does not know the log's key follows its root statements.

        Returns what the log is recognised by now, with the statements that say
        so: verified from the pinned genesis on, and in the tree that the log has signed by one of those keys.
        Raises ProofError.
        """
        chain = RootChain(self.profile.log, self.profile.genesis)
        at = 0
        while found := (yield calls.roots(at)):
            for leaf in found:
                chain.add(leaf)
            at = found[-1].index + 1
        log = chain.pinned()
        signed = log.read((yield calls.checkpoint()))
        for leaf in chain.leaves:
            if leaf.index >= signed.size:
                msg = f"leaf {leaf.index}, a root statement, is not in the log of size {signed.size}"
                raise ProofError(msg)
            _, proof = yield calls.inclusion(leaf.index, signed.size)
            check_included(leaf, signed, proof)
        return log, chain.data()

    def page(self, before: Page | None) -> Call[Page] | None:
        """The call for the page after ``before``; None if that was the last."""
        if before is None:
            return calls.members(PageRequest(size=MAX_PAGE))
        if not before.next_token:
            return None
        return calls.members(PageRequest(before.next_token, MAX_PAGE), before.members[-1].member.id)


def _adopt(item: Fingerprintable) -> Fingerprint:
    if isinstance(item, Fingerprint):
        return item
    from hashpact.fingerprint.adopt import adopt  # noqa: PLC0415  # only who brings such an object pays for it

    return adopt(item)


def reason_of(
    labels: Iterable[str],
    basis: Basis | str,
    authority: str | None,
    article: str | None,
    jurisdictions: Iterable[str],
) -> Reason:
    """The reason in the words of a caller. Raises InvalidInputError for a basis that there is not."""
    return Reason(_names(labels), _chosen(Basis, basis, "basis"), authority, article, _names(jurisdictions))


def _names(values: Iterable[str]) -> frozenset[str]:
    """The names in an iterable; a string is one name, not its letters."""
    return frozenset((values,) if isinstance(values, str) else values)


def _chosen(choices: type[Choice], value: Choice | str, field: str) -> Choice:
    try:
        return choices(value)
    except ValueError:
        msg = f"{field} is one of {', '.join(each.value for each in choices)}"
        raise InvalidInputError(msg, field=field) from None
