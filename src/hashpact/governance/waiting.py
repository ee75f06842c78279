"""Files of statements that wait for signatures, in a directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.durable import private_directory, read_bytes, sync_directory, write_public
from hashpact.errors import ConfigError
from hashpact.governance.drafts import MAX_FILE

_ENDING: Final = ".note"


@dataclass(frozen=True, slots=True)
class WaitingFiles:
    """Files in ``directory``, which is made with the first.

    ``hashpact.domain.ports.Waiting`` is the contract.
    """

    directory: Path

    def all(self) -> Mapping[str, bytes]:
        """Every file, in the order of their names."""
        found = sorted(self.directory.glob(f"*{_ENDING}"))
        return {path.name.removesuffix(_ENDING): read_bytes(path, MAX_FILE) for path in found}

    def put(self, name: str, data: bytes) -> None:
        """Keep a file, in the place of an earlier one of that name."""
        private_directory(self.directory)
        write_public(self._path(name), data, replace=True)

    def drop(self, name: str) -> None:
        """Remove the file of that name, if it is there."""
        try:
            self._path(name).unlink()
            sync_directory(self.directory)
        except FileNotFoundError:
            return
        except OSError as error:
            msg = f"cannot remove {self._path(name)}: {error.strerror}"
            raise ConfigError(msg) from error

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}{_ENDING}"
