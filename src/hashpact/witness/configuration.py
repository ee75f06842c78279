"""The configuration of a witness: witness.toml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from hashpact.config import MLDSA_KEY, log_key, mldsa_key, mldsa_line, witness_key
from hashpact.log import note
from hashpact.log.cosignature import Witness
from hashpact.settings import checked_values, load_table, split_address


@dataclass(frozen=True, slots=True)
class WitnessConfig:
    """What a witness needs to know: its name and keys, where it listens, each log's origin and key.

    ``also`` is its ML-DSA-44 key, by which it cosigns too.
    """

    witness: Witness
    listen: str
    logs: tuple[tuple[str, bytes], ...]
    also: Witness | None = None

    def __post_init__(self) -> None:
        """Refuse an address without host or port, with ConfigError."""
        split_address("listen", self.listen)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The file's values. Raises ConfigError."""
        known = {"key", "listen", "logs"}
        values = checked_values(
            "witness.toml", load_table("witness.toml", text), {*known, MLDSA_KEY}, known, lists={"logs"}
        )
        logs = tuple(log_key("witness.toml: logs", key) for key in values.pop("logs"))
        witness = witness_key("witness.toml", str(values["key"]))
        return cls(witness, str(values["listen"]), logs, mldsa_key("witness.toml", values, witness))

    @property
    def key(self) -> str:
        """The verifier key by which logs and their readers know it."""
        return self.witness.key

    def to_toml(self) -> str:
        """The file's text."""
        logs = "".join(f'  "{note.verifier_key(origin, public)}",\n' for origin, public in self.logs)
        return (
            "# A witness. It cosigns the checkpoints of the logs below, and of no others.\n"
            f'key = "{self.key}"  # the public half of witness.key, with its name; do not change\n'
            f"{mldsa_line(self.also)}"
            f'listen = "{self.listen}"  # where it binds; put a proxy with TLS before it\n'
            f"logs = [  # the verifier key of each log; several while a log changes its key\n{logs}]\n"
        )
