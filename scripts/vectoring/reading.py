"""The vectors as they are read back from docs/vectors."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = Path(__file__).resolve().parents[2] / "docs" / "vectors"


@dataclass(frozen=True)
class Judged:
    """A leaf, why it is there, and its verdict: the code of its refusal, "" if it keeps the rules."""

    leaf: bytes
    code: str
    why: str

    @property
    def valid(self) -> bool:
        """Whether it keeps the rules."""
        return not self.code


@dataclass(frozen=True)
class Vector:
    """A log: the leaves after its group's prelude, and the state that all of them add up to."""

    name: str
    leaves: list[Judged]
    state: dict[str, Any]


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors. Every leaf of the prelude keeps the rules."""

    name: str
    prelude: list[bytes]
    vectors: list[Vector]


def load(directory: Path = DIRECTORY) -> list[VectorFile]:
    """Every file, in the order of the names."""
    return [
        _file(path.stem, json.loads(path.read_text("utf-8"))) for path in sorted(directory.glob("*.json"))
    ]


def _file(name: str, value: dict[str, Any]) -> VectorFile:
    vectors = [
        Vector(
            one["name"],
            [Judged(_bytes(leaf), leaf.get("code", ""), leaf.get("why", "")) for leaf in one["leaves"]],
            one["state"],
        )
        for one in value["vectors"]
    ]
    return VectorFile(name, [_bytes(leaf) for leaf in value["prelude"]], vectors)


def _bytes(leaf: dict[str, str]) -> bytes:
    return leaf["leaf"].encode() if "leaf" in leaf else base64.b64decode(leaf["leaf_base64"])
