"""The vectors as files: every group as JSON, checked against the fold of `hashpact.domain.rules`."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from hashpact.domain.rules.replay import replay
from hashpact.errors import HashpactError
from vectoring import (
    appealing,
    attesting,
    deriving,
    enrolling,
    entries,
    founding,
    lasting,
    lines,
    noticing,
    quantum,
    reporting,
    spelling,
    timing,
    witnessing,
)
from vectoring import signing as ed25519
from vectoring.writing import Group, Trial, Written

FORMAT: Final = "hashpact/vectors/v1"
GROUPS: Final = (
    founding.genesis,
    founding.roots,
    founding.policies,
    witnessing.witnesses,
    attesting.attestations,
    quantum.quantum,
    enrolling.members,
    enrolling.keys,
    enrolling.requests,
    lasting.rotations,
    lasting.revocations,
    timing.times,
    entries.entries,
    noticing.notices,
    appealing.appeals,
    reporting.reports,
    spelling.grammar,
    lines.lines,
    ed25519.ed25519,
)


class WrongVerdictError(Exception):
    """The fold judges a leaf otherwise than its author expects."""


def files() -> dict[str, str]:
    """The text of each file by its name. Raises WrongVerdictError."""
    return {f"{made.name}.json": text(made) for made in (make() for make in GROUPS)}


def text(made: Group) -> str:
    """A group as JSON."""
    value = {
        "format": FORMAT,
        "group": made.name,
        "says": made.says,
        "prelude": [_leaf(each) for each in made.prelude],
        "vectors": [_vector(trial, len(made.prelude)) for trial in made.trials],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _vector(trial: Trial, shared: int) -> dict[str, Any]:
    leaves = [each.leaf for each in trial.written]
    folded = replay(leaves)
    refused = {fault.index: fault.error for fault in folded.faults}
    for index, each in enumerate(trial.written):
        if each.valid is (index in refused):
            msg = f"{trial.name}, leaf {index}, {each.why!r}: {refused.get(index, 'no rule is broken')}"
            raise WrongVerdictError(msg)
    return {
        "name": trial.name,
        "says": trial.says,
        "leaves": [
            _judged(each, refused.get(index)) for index, each in enumerate(trial.written[shared:], shared)
        ],
        "state": deriving.derived(folded, leaves),
    }


def _judged(each: Written, error: HashpactError | None) -> dict[str, str]:
    code = {} if error is None else {"code": error.code}
    why = {"why": each.why} if each.why else {}
    return {"verdict": "refused" if error else "valid", **code, **why, **_leaf(each)}


def _leaf(each: Written) -> dict[str, str]:
    """The bytes of a leaf: as text, or in base64 if they are no UTF-8."""
    try:
        return {"leaf": each.leaf.decode()}
    except UnicodeDecodeError:
        return {"leaf_base64": base64.b64encode(each.leaf).decode()}
