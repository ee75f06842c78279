"""Passphrases of private keys: from the environment, or from a person at a terminal.

HASHPACT_PASSPHRASE is the passphrase itself; HASHPACT_PASSPHRASE_FILE names a file that holds it, such as a
systemd credential or a mounted secret, and is better: a process's environment can be read by its children.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hashpact.durable import read_bytes
from hashpact.errors import ConfigError

VALUE: Final = "HASHPACT_PASSPHRASE"
FILE: Final = "HASHPACT_PASSPHRASE_FILE"
MIN_SIZE: Final = 12
"""Bytes of a passphrase for a new key, at least."""

_MAX_SIZE: Final = 1024
_TRIES: Final = 3


@dataclass(slots=True)
class Passphrases:
    """Where passphrases come from: ``environ``, else ``prompt``, if there is somebody to ask.

    ``prompt`` asks with a text; with True it asks twice and takes only what was typed the same both times.
    What has opened one file, ``known``, is tried on the next before anybody is asked again.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    prompt: Callable[[str, bool], str] | None = None
    known: list[bytes] = field(default_factory=list, repr=False)

    def __call__(self, file: str) -> Iterator[bytes]:
        """The passphrases to try on that file (`pkcs8.Passphrases`): each in NFC, then as it was given."""
        given = self._given()
        if given is not None:
            yield from _spellings(given)
            return
        yield from tuple(self.known)
        if self.prompt is None:
            msg = f"{file} is encrypted; set {FILE} or {VALUE}, or run at a terminal"
            raise ConfigError(msg)
        for _ in range(_TRIES):
            typed = self.prompt(f"Passphrase of {file}", False).encode()  # noqa: FBT003 - named by the class
            for spelling in _spellings(typed):
                self.known.append(spelling)
                yield spelling
                self.known.remove(spelling)  # asked for another: it was wrong

    def for_new_keys(self, *, unencrypted: bool, as_before: bool = False) -> bytes | None:
        """The passphrase under which to write new keys; None only if they are wanted ``unencrypted``.

        ``as_before``: the passphrase that has just opened a key is used again, without asking.

        Raises ConfigError if there is none, or it is shorter than 12 bytes.
        """
        if unencrypted:
            return None
        given = self._given()
        passphrase = None if given is None else _composed(given)
        if passphrase is None and as_before and self.known:
            passphrase = self.known[-1]
        if passphrase is None:
            if self.prompt is None:
                msg = f"no passphrase for new keys: set {FILE} or {VALUE}, or say --unencrypted"
                raise ConfigError(msg)
            passphrase = _composed(self.prompt("Passphrase for the new keys", True).encode())  # noqa: FBT003 - as above
        if len(passphrase) < MIN_SIZE:
            msg = f"a passphrase has at least {MIN_SIZE} characters"
            raise ConfigError(msg)
        self.known.append(passphrase)
        return passphrase

    def _given(self) -> bytes | None:
        value, file = self.environ.get(VALUE), self.environ.get(FILE)
        if value and file:
            msg = f"{VALUE} and {FILE} are both set; unset one"
            raise ConfigError(msg)
        if file:
            return read_bytes(Path(file), _MAX_SIZE).removesuffix(b"\n").removesuffix(b"\r")
        return os.fsencode(value) if value else None


def _composed(passphrase: bytes) -> bytes:
    """The passphrase in NFC: one spelling for what keyboards and systems write in several."""
    try:
        return unicodedata.normalize("NFC", passphrase.decode()).encode()
    except UnicodeDecodeError:
        return passphrase


def _spellings(passphrase: bytes) -> Iterator[bytes]:
    """The NFC spelling, then the one that was given: keys may have been written under that."""
    composed = _composed(passphrase)
    yield composed
    if composed != passphrase:
        yield passphrase
