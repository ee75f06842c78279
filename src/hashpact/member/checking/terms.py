"""A profile's matching.toml: the terms of its member on the matches that it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hashpact.config import MAX_SIZE
from hashpact.domain.kinds import LABELS
from hashpact.domain.matching.own import OwnTerms
from hashpact.domain.statements import MEMBER
from hashpact.durable import read_bytes
from hashpact.errors import ConfigError
from hashpact.settings import checked_values, load_table

MAX_MEMBERS: Final = 1000
"""Members of a list, and labels with a ratio of their own, at most."""
MAX_SEED: Final = 64

_FILE: Final = "matching.toml"
_LISTS: Final = frozenset({"always", "never"})
_RATIO: Final = "enabled_ratio"
_LABELS: Final = "label_ratios"


def read_terms(path: Path) -> OwnTerms:
    """The terms in a file; those that hold nothing back if there is none. Raises ConfigError."""
    if not path.exists():
        return OwnTerms()
    return parse_terms(read_bytes(path, MAX_SIZE).decode("utf-8", "replace"))


def parse_terms(text: str) -> OwnTerms:
    """The terms in the text of a matching.toml. Raises ConfigError, which names the value."""
    loaded = load_table(_FILE, text)
    ratio = _ratio(_RATIO, loaded.pop(_RATIO, 1.0))
    by_label = loaded.pop(_LABELS, {})
    if not isinstance(by_label, dict) or len(by_label) > MAX_MEMBERS:
        msg = f"{_FILE}: {_LABELS} is a table of at most {MAX_MEMBERS} labels, each with a ratio"
        raise ConfigError(msg, field=_LABELS)
    ratios: Mapping[str, float] = {
        _spelt(_LABELS, LABELS.spelling.read, label): _ratio(f"{_LABELS}.{label}", value)
        for label, value in by_label.items()
    }
    values = checked_values(_FILE, loaded, _LISTS | {"seed"}, (), lists=_LISTS)
    seed = str(values.pop("seed", ""))
    if len(seed) > MAX_SEED or not seed.isprintable():
        msg = f"{_FILE}: seed is one line of at most {MAX_SEED} characters"
        raise ConfigError(msg, field="seed")
    always, never = (_members(name, values.get(name, [])) for name in ("always", "never"))
    if both := always & never:
        msg = f"{_FILE}: {min(both)} is in always and in never"
        raise ConfigError(msg, field="never")
    terms = OwnTerms(always, never, seed, ratio, ratios)
    if not seed and any(each < 1 for each in (ratio, *ratios.values())):
        msg = f'{_FILE}: a ratio below 1 needs a seed, such as seed = "2027-q1"'
        raise ConfigError(msg, field="seed")
    return terms


def _members(name: str, given: object) -> frozenset[str]:
    assert isinstance(given, list)  # noqa: S101  # `checked_values` has seen to it
    if len(given) > MAX_MEMBERS:
        msg = f"{_FILE}: {name} has at most {MAX_MEMBERS} members, not {len(given)}"
        raise ConfigError(msg, field=name)
    return frozenset(_spelt(name, MEMBER.spelling.read, one) for one in given)


def _ratio(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        msg = f"{_FILE}: {name} is a number from 0 to 1, not {value!r}"
        raise ConfigError(msg, field=name)
    return float(value)


def _spelt(field: str, read: Callable[[str], str], text: str) -> str:
    """A text that is spelt as it must be. Raises ConfigError."""
    try:
        return read(text)
    except ValueError as error:
        msg = f"{_FILE}: {field}: {error}, not {text!r}"
        raise ConfigError(msg, field=field) from error
