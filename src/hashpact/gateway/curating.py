"""Banks and their contents: made, renamed, filled and emptied, in memory and on the disk.

What is added to a shared bank becomes a signed entry of the member. It is kept here before it is sent, so
that an entry whose receipt was late still comes into its bank.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from structlog.typing import FilteringBoundLogger

from hashpact.domain import statements
from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.kinds import Submit, Withdraw
from hashpact.domain.messages import EntryDetail
from hashpact.domain.ports import Clock
from hashpact.errors import (
    AlreadySharedError,
    ConflictError,
    DeadlineError,
    HashpactError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
)
from hashpact.gateway.clearing import Clearinghouse
from hashpact.gateway.configured import GatewayConfig, SharedTerms
from hashpact.gateway.keeping.banks import (
    DISABLED,
    ENABLED,
    FIRST_LISTED,
    FIRST_LOCAL,
    LISTED,
    Addition,
    Bank,
    BankKind,
    Content,
    ViewFilter,
    bank_of_row,
    check_name,
    check_not_list,
    no_content,
)
from hashpact.gateway.keeping.listing import ListedContent, ListSearch
from hashpact.gateway.keeping.store import BankStore, Unreceipted
from hashpact.gateway.matching import BankIndex
from hashpact.gateway.signals import KNOWN
from hashpact.member.pending import subject_of, subject_of_content

LONGEST: Final = 5 * 366 * 24 * 3600
"""Seconds from now for which a content may be disabled, unless it is for good."""

Result = TypeVar("Result")


@dataclass(slots=True)
class Curator:
    """Changes banks, one change after another; none waits while another asks the clearinghouse.

    Its methods raise HashpactError.
    """

    config: GatewayConfig
    store: BankStore
    index: BankIndex
    house: Clearinghouse
    lists: ListSearch
    clock: Clock
    log: FilteringBoundLogger
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _next: int = field(default=FIRST_LOCAL, init=False)
    _sharing: set[str] = field(default_factory=set, init=False)
    """What is being shared now, by its subject."""

    def load(self) -> None:
        """Read everything that the store has, and carry a number on from there. Raises CorruptError."""
        for bank in self.store.banks():
            self.index.put(bank)
        self.index.ready = self.store.has_labels()
        self.index.off.update(self.store.off())
        self._next = max(self._next, self.store.next_id())
        for contents in self.store.contents():
            self.index.load(contents)
            self._next = max(self._next, contents[-1].id + 1)

    def bank(self, name: str) -> Bank:
        """The bank of that name. Raises NotFoundError."""
        found = self.index.banks.get(name)
        if found is None:
            msg = f"bank '{name}' not found"
            raise NotFoundError(msg)
        return found

    async def make(self, name: object, ratio: float, view: ViewFilter | None = None) -> Bank:
        """A new bank: a view if it has a filter, shared if the configuration says so, else local."""
        known = check_name(name)
        kind = BankKind.LOCAL if self.config.terms(known) is None else BankKind.SHARED
        made = Bank(0, known, kind, ratio)
        if view is not None:
            made = replace(made, kind=BankKind.VIEW, view=view)
        async with self._turn:
            self._check_free(known, "Bank already exists")
            if self._is_full:
                msg = f"there are {self.config.max_banks} banks, as many as gateway.toml allows"
                raise NotPermittedError(msg)
            return await self._put(made)

    @property
    def _is_full(self) -> bool:
        return len(self.index.banks) >= self.config.max_banks

    async def change(self, name: str, new: object, ratio: float | None) -> Bank:
        """A bank with another name or ratio; None leaves it."""
        async with self._turn:
            bank = self.index.banks.get(name)
            if bank is None:
                msg = "Bank not found"
                raise NotFoundError(msg)
            check_not_list(bank)
            if new is not None and new != name:
                self._check_free(check_name(new), "Bank name already exists")
                bank = replace(bank, name=str(new))
            if ratio is not None:
                bank = replace(bank, ratio=ratio)
            return await self._put(bank)

    async def enable(self, bank: Bank, *, enabled: bool) -> Bank:
        """A view that matches, or does not."""
        async with self._turn:
            return await self._put(replace(self.bank(bank.name), enabled=enabled))

    async def delete(self, name: str) -> None:
        """Delete a bank with its contents, if there is one.

        A shared one must have no entry that stands, and nothing that waits for a receipt.
        """
        withdrawn = await self._withdrawn(name)
        async with self._turn:
            bank = self.index.banks.get(name)
            if bank is None:
                return
            check_not_list(bank)
            if any(each.bank == bank.number for each in await self._do(self.store.waits)):
                msg = f"bank '{name}' has statements without a receipt, which are sent again; try later"
                raise NotPermittedError(msg)
            if bank.kind is BankKind.SHARED and not withdrawn.issuperset(self.index.held(bank)):
                msg = (
                    f"bank '{name}' has entries that stand in the log; withdraw them first, by deleting "
                    "its contents, or with hashpact withdraw"
                )
                raise NotPermittedError(msg)
            await self._drop(bank)

    async def _withdrawn(self, name: str) -> set[int]:
        """The contents of a shared bank whose entries do not stand, up to the first one that does."""
        bank = self.index.banks.get(name)
        found: set[int] = set()
        if bank is not None and bank.kind is BankKind.SHARED:
            for number in list(self.index.held(bank)):
                with contextlib.suppress(NotFoundError):
                    if (await self.house.entry(number)).stands:
                        break
                found.add(number)
        return found

    def _check_free(self, name: str, message: str) -> None:
        if name in self.index.banks:
            raise NotPermittedError(message)
        if name.startswith(LISTED):
            msg = f"names that begin with {LISTED} are those of private lists"
            raise NotPermittedError(msg)

    async def _put(self, bank: Bank) -> Bank:
        kept = await self._do(self.store.put, bank)
        self.index.put(kept)
        return kept

    async def ensure(self, bank: Bank) -> Bank | None:
        """The bank of that name and of any kind, which is made if there is none; None if there is no room."""
        async with self._turn:
            known = self.index.banks.get(bank.name)
            if known is None and not self._is_full:
                known = await self._put(bank)
            return known

    async def drop(self, bank: Bank) -> None:
        """Drop the bank of a private list that is gone."""
        async with self._turn:
            await self._drop(bank)

    async def _drop(self, bank: Bank) -> None:
        await self._do(self.store.drop, bank)
        self.index.drop(bank)

    async def add(self, name: str, addition: Addition) -> Content:
        """A new content of a bank: of a shared one once it is an entry, which has the receipt."""
        bank = self.bank(name)
        check_not_list(bank)
        if bank.kind is BankKind.VIEW:
            msg = f"bank '{name}' is a view of the clearinghouse; nothing can be added to it"
            raise NotPermittedError(msg)
        if not addition.signals:
            msg = "No signals given"
            raise InvalidInputError(msg, field="signals")
        if bank.kind is BankKind.SHARED:
            return await self._share(bank, addition)
        async with self._turn:
            bank = self.bank(name)
            if self.index.contents >= self.config.max_contents:
                msg = f"local banks have {self.config.max_contents} contents, as many as gateway.toml allows"
                raise NotPermittedError(msg)
            content = addition.content(self._next, bank, self.clock())
            await self._do(self.store.add, content)
            self._next += 1
            self.index.add(content)
        return content

    async def _share(self, bank: Bank, addition: Addition) -> Content:
        terms = self.config.terms(bank.name)
        if terms is None:
            msg = f"bank '{bank.name}' is shared, and gateway.toml has no [[shared]] terms for it any more"
            raise NotPermittedError(msg)
        fingerprints = list(addition.signals.values())
        subject = subject_of_content(fingerprints)
        waiting = Unreceipted(subject, bank.number, addition.content(0, bank, self.clock()))
        self._sharing.add(subject)
        try:
            async with self._turn:
                self.bank(bank.name)  # it may have been deleted or renamed meanwhile
                await self._do(self.store.wait, waiting)
            return await self._shared(await self._entry_of(fingerprints, terms, subject), waiting)
        finally:
            self._sharing.discard(subject)

    async def _entry_of(self, fingerprints: list[Fingerprint], terms: SharedTerms, subject: str) -> int:
        """The entry of these fingerprints, which is made if there is none.

        A content waits for as long as the profile keeps its statement.
        """
        try:
            return (await self.house.submit(fingerprints, terms)).index
        except AlreadySharedError as error:
            # A caller that tries again, or the same content in another bank: there is one entry of it.
            if error.details.get("differs"):
                await self._do(self.store.forget, subject)
                raise
            return int(error.details["entry"])
        except DeadlineError as error:
            msg = "no answer in time from the clearinghouse; the statement is kept, and sent again later"
            raise DeadlineError(msg) from error
        except HashpactError:
            if not await self.house.keeps(subject):  # else it may have arrived, or is sent again
                await self._do(self.store.forget, subject)
            raise

    async def _shared(self, entry: int, waiting: Unreceipted) -> Content:
        """The content of a shared bank that an entry is, kept unless a bank has it already."""
        async with self._turn:
            known = await self._do(self.store.content, entry)
            if known is not None and self.index.bank_of(entry) is not None:
                await self._do(self.store.forget, waiting.subject)
                if known.bank != waiting.bank:
                    msg = f"entry {entry} has the same content in another bank"
                    raise ConflictError(msg)
                return known
            content = replace(waiting.content, id=entry, bank=waiting.bank)
            await self._do(self.store.add, content, waiting.subject)
            if known is not None:  # of a bank that is gone
                self.index.remove(entry)
            self.index.add(content)
        return content

    async def resume(self) -> None:
        """Send what has no receipt yet, and do in the banks what it stands for.

        What has become an entry comes into its bank, and what is withdrawn leaves it.
        """
        kept = await self._do(self.store.waits)
        waiting = {each.subject: each for each in kept if each.subject not in self._sharing}
        async for submission, receipt in self.house.resume():
            match statements.parse(submission.statement).statement.body:
                case Withdraw(entry):
                    async with self._turn:
                        await self._forget_content(entry)
                case Submit():
                    found = waiting.pop(subject_of(submission) or "", None)
                    if found is not None:
                        await self._shared(receipt.index, found)
        for subject, each in waiting.items():
            if subject in self._sharing:  # again, meanwhile
                continue
            # Sent and answered before this process was killed: the profile knows its entries.
            fingerprints = _fingerprints(each.content)
            entries = await asyncio.to_thread(self.house.client.profile.shared, fingerprints)
            if entries:
                with contextlib.suppress(ConflictError):  # it is in another bank
                    await self._shared(max(entries), each)
            elif not await self.house.keeps(subject):  # else it was sent again, meanwhile
                async with self._turn:
                    if subject not in self._sharing:
                        await self._do(self.store.forget, subject)

    async def content(self, number: int) -> Content | ListedContent | EntryDetail:
        """A content by its id: what is kept of it here, else the entry. Raises NotFoundError."""
        if bank_of_row(number) is not None:
            bank = self.index.bank_of(number)
            if bank is None or bank.kind is not BankKind.LIST:
                raise no_content(number)
            return await self.lists.content(bank, number)
        kept = await self._do(self.store.content, number)
        if kept is not None:
            return kept
        if number >= FIRST_LOCAL:
            raise no_content(number)
        try:
            return await self.house.checks.entry(number)
        except NotFoundError as error:
            raise no_content(number) from error

    def _check_not_row(self, number: int) -> None:
        bank = self.index.bank_of(number)
        if bank is not None:
            check_not_list(bank)

    async def switch(self, number: int, until: int) -> None:
        """Disable a content, until a time in Unix seconds or for good (0), or enable it (1)."""
        if until not in {DISABLED, ENABLED} and not 0 < until <= self.clock() + LONGEST:
            msg = "disable_until_ts is 0, 1 or a time within 5 years"
            raise InvalidInputError(msg, field="disable_until_ts")
        self._check_not_row(number)
        async with self._turn:
            kept = await self._do(self.store.content, number) is not None
            await self._do(lambda: self.store.switch(number, until, kept=kept))
            if until == ENABLED:
                self.index.off.pop(number, None)
            else:
                self.index.off[number] = until

    async def remove(self, number: int) -> int:
        """Remove a content, and return how many were removed (0 or 1). An entry of the member is withdrawn.

        What is kept of an entry here is removed even if the entry was withdrawn before.
        """
        self._check_not_row(number)
        withdrawn = number < FIRST_LISTED and await self._withdraw(number)
        async with self._turn:
            kept = await self._do(self.store.content, number) is not None
            if kept or withdrawn:
                await self._forget_content(number)
        return int(kept or withdrawn)

    async def _forget_content(self, number: int) -> None:
        await self._do(self.store.remove, number)
        self.index.remove(number)

    async def _withdraw(self, number: int) -> bool:
        """Withdraw an entry of the member; False if there is nothing to withdraw."""
        try:
            found = await self.house.entry(number)
        except NotFoundError:
            return False
        owner = found.entry.member
        if owner != self.house.member:
            msg = f"entry {number} is {owner}'s; disable it here, or dispute it"
            raise NotPermittedError(msg)
        if not found.stands:
            return False
        try:
            await self.house.withdraw(number)
        except ConflictError:  # another request has just withdrawn it, or it is refused
            if (await self.house.entry(number)).stands:
                raise
            return False
        return True

    async def _do(self, work: Callable[..., Result], *values: object) -> Result:
        """What the store returns, without letting the other callers wait for the disk.

        A change that was begun is finished even if its caller has gone.
        """
        return await asyncio.shield(asyncio.to_thread(work, *values))


def _fingerprints(content: Content) -> list[Fingerprint]:
    return [Fingerprint(KNOWN[name].kind, bytes.fromhex(value)) for name, value in content.signals.items()]
