"""What the routes call."""

from __future__ import annotations

from dataclasses import dataclass

from hashpact.domain.ports import Clock
from hashpact.gateway.clearing import Clearinghouse
from hashpact.gateway.configured import MEBIBYTE, GatewayConfig
from hashpact.gateway.curating import Curator
from hashpact.gateway.hashing import Hasher
from hashpact.gateway.matching import Matcher
from hashpact.gateway.retrieving import Retriever
from hashpact.gateway.signals import Signals
from hashpact.gateway.slots import Slots


@dataclass(frozen=True, slots=True)
class GatewayUses:
    """The use cases of a gateway, and what they are configured with."""

    config: GatewayConfig
    signals: Signals
    house: Clearinghouse
    matcher: Matcher
    curator: Curator
    hasher: Hasher
    retriever: Retriever
    slots: Slots
    clock: Clock

    @property
    def max_upload(self) -> int:
        """Bytes of a file."""
        return self.config.max_upload * MEBIBYTE
