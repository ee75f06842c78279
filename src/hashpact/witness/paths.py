"""Where the files of a witness are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WitnessPaths:
    """The files of a witness, all in one directory. docs/operations/witness.md describes them."""

    directory: Path

    @property
    def config(self) -> Path:
        """The configuration, in TOML."""
        return self.directory / "witness.toml"

    @property
    def key(self) -> Path:
        """The private key that cosigns."""
        return self.directory / "witness.key"

    @property
    def db(self) -> Path:
        """What it has cosigned, and the evidence that it keeps."""
        return self.directory / "witness.db"
