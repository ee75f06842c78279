"""The error tree: one base, stable and distinct codes, and the drawing in the docstring is the tree."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from hashpact import errors
from hashpact.errors import HashpactError

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, Exception)]


def test_every_class_has_its_own_code() -> None:
    codes = [vars(one)["code"] for one in CLASSES]
    assert len(set(codes)) == len(codes) > 20
    assert all(re.fullmatch("[A-Z_]{3,}", code) for code in codes)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_class_is_of_the_tree_and_named_so(error: type[HashpactError]) -> None:
    assert issubclass(error, HashpactError)
    assert error.__name__.endswith("Error")


def test_the_drawing_shows_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        name = re.search(r"\w+Error\b", line)
        if name is None or not line.startswith("    "):
            continue
        depth = (name.start() - 4) // 4
        path[depth:] = [name[0]]
        drawn[name[0]] = path[depth - 1] if depth else "Exception"
    assert drawn == {one.__name__: one.__base__.__name__ for one in CLASSES if one.__base__}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda error: error.__name__)
def test_an_error_carries_its_message_and_details_over_processes(kind: type[HashpactError]) -> None:
    error = kind("what is wrong", field="label", line="3")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes, a line above
    assert type(copy) is kind
    assert (str(copy), copy.message, copy.details) == (
        "what is wrong",
        "what is wrong",
        {"field": "label", "line": "3"},
    )
