"""The upkeep of a gateway: banks for new labels and private lists, and statements that have no receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from hashpact.errors import HashpactError
from hashpact.gateway.curating import Curator
from hashpact.gateway.keeping.banks import Bank, BankKind, ViewFilter, label_bank, list_bank


@dataclass(frozen=True, slots=True)
class GatewayUpkeep:
    """What a gateway does again and again; each step raises HashpactError."""

    curator: Curator
    log: FilteringBoundLogger
    _warned: set[str] = field(default_factory=set, init=False)

    async def keep_up(self) -> None:
        """A round: every step, whether the others fail or not; the next round tries again."""
        for step in (self.learn_lists, self.learn_labels, self.curator.resume):
            await self._try(step)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except HashpactError as error:
            self.log.debug("a step of a round failed", code=error.code)
        except Exception as error:  # noqa: BLE001 - the disk's and SQLite's errors too pass with a later round
            self.log.warning("a round failed", reason=type(error).__name__)

    async def learn_labels(self) -> None:
        """Make the view of each label of the policy that has had none yet, once there is room for it."""
        store = self.curator.store
        for label in await self.curator.house.checks.labels():
            if await asyncio.to_thread(store.is_new, label):
                view = ViewFilter(labels=frozenset({label}))
                if await self._ensure(Bank(0, label_bank(label), BankKind.VIEW, view=view)):
                    await asyncio.to_thread(store.seen, label)
        self.curator.index.ready = True

    async def learn_lists(self) -> None:
        """Make the bank of each private list that is new, and drop the banks of those that are gone."""
        names = {list_bank(name) for name in await self.curator.lists.refresh()}
        for bank in list(self.curator.index.banks.values()):
            if bank.kind is BankKind.LIST and bank.name not in names:
                await self.curator.drop(bank)
        for name in sorted(names):
            await self._ensure(Bank(0, name, BankKind.LIST))

    async def _ensure(self, bank: Bank) -> bool:
        """Make a bank that no caller asks for; False if there is no room. Logs once what is in the way."""
        known = await self.curator.ensure(bank)
        if known is None:
            self._warn("there is no room for the bank of a label or a list")
        elif known.kind is not bank.kind:
            self._warn("another bank has the name of that of a label or a list")
        return known is not None

    def _warn(self, event: str) -> None:
        if event not in self._warned:
            self._warned.add(event)
            self.log.warning(event)
