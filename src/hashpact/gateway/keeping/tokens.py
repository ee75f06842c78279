"""Tokens that authenticate callers of other machines. The file has their SHA-256, never a token.

Each line has a name, the SHA-256 of the token in hex, and when it was made, in Unix seconds.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hashpact.durable import alone, read_private, write_private
from hashpact.errors import ConfigError, InvalidInputError, NotFoundError

MAX_TOKENS: Final = 1000

_SIZE: Final = 32
_MAX_FILE: Final = 256 * 1024
_LINE: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,63}) ([0-9a-f]{64}) ([0-9]{1,12})", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its name, the SHA-256 of its text, and when it was made."""

    name: str
    digest: str
    made: int


class TokenFile:
    """The file of tokens, which is read again once it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], dict[str, Token]] = ((0, 0), {})

    def all(self) -> list[Token]:
        """Every token, by name. Raises ConfigError."""
        return sorted(self._current().values(), key=lambda one: one.name)

    def finds(self, text: str, name: str | None = None) -> bool:
        """Whether that is the text of a token, of that name if one is given. Raises ConfigError."""
        # Looked up by digest, so the time it takes reveals nothing about other tokens.
        found = self._current().get(_digest(text))
        return found is not None and name in {None, found.name}

    def make(self, name: str, now: int) -> str:
        """The text of a new token, which is kept nowhere. Raises InvalidInputError, ConfigError."""
        if _NAME.fullmatch(name) is None:
            msg = "a token's name has 1 to 64 of the characters a-z, 0-9 and -, the first none of -"
            raise InvalidInputError(msg, field="name")
        text = secrets.token_urlsafe(_SIZE)
        with alone(self._path.parent, wait=True):
            known = self.all()
            if any(each.name == name for each in known):
                msg = f"there is a token {name} already; remove it first"
                raise InvalidInputError(msg, field="name")
            if len(known) >= MAX_TOKENS:
                msg = f"there are {MAX_TOKENS} tokens already; remove one first"
                raise InvalidInputError(msg, field="name")
            self._write([*known, Token(name, _digest(text), now)])
        return text

    def remove(self, name: str) -> None:
        """Refuse a token from now on. Raises NotFoundError, ConfigError."""
        with alone(self._path.parent, wait=True):
            known = self.all()
            left = [each for each in known if each.name != name]
            if left == known:
                msg = f"there is no token {name}"
                raise NotFoundError(msg, token=name)
            self._write(left)

    def _current(self) -> dict[str, Token]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            msg = f"cannot read {self._path}: {error.strerror}"
            raise ConfigError(msg) from error
        version = (found.st_mtime_ns, found.st_ino)
        if version != self._read[0]:
            lines = read_private(self._path, _MAX_FILE).decode("ascii", "replace").splitlines()
            self._read = (version, {one.digest: one for one in map(self._parse, lines)})
        return self._read[1]

    def _parse(self, line: str) -> Token:
        found = _LINE.fullmatch(line)
        if found is None:
            msg = f"{self._path} has a line that is no token; move it away, and make new ones"
            raise ConfigError(msg)
        return Token(found[1], found[2], int(found[3]))

    def _write(self, tokens: list[Token]) -> None:
        text = "".join(f"{each.name} {each.digest} {each.made}\n" for each in tokens)
        write_private(self._path, text.encode("ascii"), replace=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
