"""One mutant against the vectors, in a process of its own."""

from __future__ import annotations

import copy
import importlib
import importlib.abc
import importlib.machinery
import json
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519
from vectoring.reading import VectorFile

from mutating.sites import SOURCE, Mutant, source

SECONDS: Final = 60
"""After so long a mutant counts as caught: it does not end."""


_KEPT: Final = {f"hashpact.domain.{name}" for name in ("keys", "grammar", "fingerprints")}
"""Modules that import no other of the domain."""


def prepare() -> None:
    """Let `hashpact` be imported without its clients, and signatures be remembered."""
    package = types.ModuleType("hashpact")
    package.__path__ = [str(SOURCE / "hashpact")]
    sys.modules["hashpact"] = package
    ed25519.Ed25519PublicKey = RememberedKey  # type: ignore[assignment,misc]  # it stands for the class


def first_difference(files: Sequence[VectorFile]) -> str:
    """The first vector that the fold, as it is imported now, judges otherwise; "" if there is none."""
    replaying = importlib.import_module("hashpact.domain.rules.replay")
    deriving = importlib.import_module("vectoring.deriving")
    for file in files:
        begun = replaying.replay(file.prelude)
        if begun.faults:
            return f"{file.name}: prelude"
        for vector in file.vectors:
            folded = copy.deepcopy(begun)
            for one in vector.leaves:
                folded.apply(one.leaf)
                fault = folded.faults[-1] if folded.faults else None
                code = fault.error.code if fault and fault.index == folded.size - 1 else ""
                if code != one.code:
                    return f"{file.name}: {vector.name}, leaf {folded.size - 1}"
            made = deriving.derived(folded, [*file.prelude, *(one.leaf for one in vector.leaves)])
            if json.loads(json.dumps(made)) != vector.state:
                return f"{file.name}: {vector.name}, the state"
    return ""


def attempt(mutant: Mutant | None, files: Sequence[VectorFile]) -> str:
    """The first vector that sees the mutant, or how it fails; "" if none does.

    Imports the fold anew, with the mutant's source in it: to be called in a process of its own.
    """
    if mutant is not None:
        finder = _Finder(mutant)
        sys.meta_path.insert(0, finder)
        kept = _KEPT - {finder.name}  # what is kept remembers which keys are good
        for name in [each for each in sys.modules if each.startswith(("hashpact.domain", "vectoring"))]:
            if name not in kept:
                del sys.modules[name]
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(SECONDS)
    try:
        return first_difference(files)
    except Exception as error:  # noqa: BLE001 - whatever a mutant raises, a vector has made it
        return f"{type(error).__name__}: {error}"[:80]
    finally:
        signal.alarm(0)


def _late(*_: object) -> None:
    msg = f"not done after {SECONDS} seconds"
    raise TimeoutError(msg)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module that a mutant changes, and gives it the mutant's source."""

    def __init__(self, mutant: Mutant) -> None:
        parts = Path(mutant.path).with_suffix("").parts
        self._package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self._package else parts)
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module, if it is the one."""
        del path, target
        if fullname != self.name:
            return None
        file = str(SOURCE / self._mutant.path)
        spec = importlib.machinery.ModuleSpec(fullname, _Loader(source(self._mutant), file), origin=file)
        if self._package:
            spec.submodule_search_locations = [str(Path(file).parent)]
        return spec


class _Loader(importlib.abc.Loader):
    """Runs a source in a new module."""

    def __init__(self, text: str, file: str) -> None:
        self._code = compile(text, file, "exec")

    def exec_module(self, module: types.ModuleType) -> None:
        """Run it."""
        exec(self._code, module.__dict__)  # noqa: S102 - a mutant of our own source


class RememberedKey:
    """An Ed25519 public key whose verdicts are remembered: mutants verify the same signatures again."""

    known: Final[dict[tuple[bytes, bytes, bytes], bool]] = {}

    def __init__(self, public: bytes) -> None:
        self._public = public
        self._key = _REAL.from_public_bytes(public)

    @classmethod
    def from_public_bytes(cls, public: bytes) -> RememberedKey:
        """As the class that it stands for."""
        return cls(public)

    def verify(self, signature: bytes, data: bytes) -> None:
        """As the class that it stands for."""
        asked = (self._public, signature, data)
        if asked not in self.known:
            try:
                self._key.verify(signature, data)
            except InvalidSignature:
                self.known[asked] = False
            else:
                self.known[asked] = True
        if not self.known[asked]:
            raise InvalidSignature


_REAL: Final = ed25519.Ed25519PublicKey
