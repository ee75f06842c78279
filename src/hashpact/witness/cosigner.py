"""Witness: cosigns checkpoints of known logs, each only if it extends the one before (`extending`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashpact.domain.keys import Signer
from hashpact.domain.ports import Clock, Cosigned
from hashpact.log import cosignature
from hashpact.log.cosignature import Witness
from hashpact.witness.extending import Extender


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness. ``logs`` are the public keys of each log by its origin. Any thread may call it.

    ``also`` is another key by which it cosigns, with what signs.
    """

    witness: Witness
    signer: Signer = field(repr=False)
    logs: Mapping[str, tuple[bytes, ...]]
    cosigned: Cosigned
    clock: Clock
    also: tuple[Witness, Signer] | None = field(default=None, repr=False)

    def add(self, body: bytes) -> bytes:
        """The cosignature lines for the checkpoint in a request, one for each key.

        Raises as `Extender.take`.
        """
        known = Extender(lambda signed: self.logs.get(signed.checkpoint.origin), self.cosigned)
        text, time = known.take(body).note.text, self.clock()
        pairs = [(self.witness, self.signer), *([] if self.also is None else [self.also])]
        return b"".join(cosignature.sign(text, named, time, signer.sign) for named, signer in pairs)
