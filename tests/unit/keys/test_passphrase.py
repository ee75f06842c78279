"""Passphrases: the environment goes before a person, and nobody is asked twice for the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest

from hashpact.errors import ConfigError
from hashpact.keys.passphrase import Passphrases

SECRET = "correct horse battery"  # noqa: S105  # it opens nothing


class Person:
    """Somebody at a terminal, who types these one after the other."""

    def __init__(self, *typed: str) -> None:
        self.typed = list(typed)
        self.questions: list[tuple[str, bool]] = []

    def __call__(self, text: str, twice: bool) -> str:  # noqa: FBT001  # as Passphrases asks
        """What is typed next."""
        self.questions.append((text, twice))
        return self.typed.pop(0)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_environment_goes_before_a_person(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "passphrase"
    file.write_text(SECRET + ending, newline="")
    for environ in ({"HASHPACT_PASSPHRASE": SECRET}, {"HASHPACT_PASSPHRASE_FILE": str(file)}):
        person = Person()
        passphrases = Passphrases(environ, person)
        assert list(passphrases("a.key")) == [SECRET.encode()]
        assert passphrases.for_new_keys(unencrypted=False) == SECRET.encode()
        assert person.questions == []
        assert SECRET not in repr(passphrases)


def test_a_person_is_asked_three_times_and_never_again_for_what_opened_a_file() -> None:
    person = Person("wrong", SECRET, "second file", "x", "y", "z")
    passphrases = Passphrases({}, person)
    first = passphrases("a.key")
    assert [next(first), next(first)] == [b"wrong", SECRET.encode()]
    second = passphrases("b.key")
    assert [next(second), next(second)] == [SECRET.encode(), b"second file"]
    third = passphrases("c.key")
    assert list(third) == [SECRET.encode(), b"second file", b"x", b"y", b"z"]
    assert person.questions[0] == ("Passphrase of a.key", False)
    assert len(person.questions) == 6


def test_new_keys_are_asked_for_twice_and_then_open() -> None:
    person = Person(SECRET)
    passphrases = Passphrases({}, person)
    assert passphrases.for_new_keys(unencrypted=False) == SECRET.encode()
    assert person.questions == [("Passphrase for the new keys", True)]
    assert next(passphrases("a.key")) == SECRET.encode()
    assert passphrases.for_new_keys(unencrypted=True) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "say --unencrypted"),
        ({"HASHPACT_PASSPHRASE": ""}, "say --unencrypted"),
        ({"HASHPACT_PASSPHRASE": "eleven byte"}, "at least 12"),
        ({"HASHPACT_PASSPHRASE": SECRET, "HASHPACT_PASSPHRASE_FILE": "x"}, "both set"),
        ({"HASHPACT_PASSPHRASE_FILE": "/nowhere/passphrase"}, "cannot read /nowhere/passphrase"),
    ],
)
def test_no_key_is_written_without_a_good_passphrase(environ: Mapping[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Passphrases(environ).for_new_keys(unencrypted=False)


def test_an_encrypted_file_that_nobody_can_open_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match=r"a\.key is encrypted; set HASHPACT_PASSPHRASE_FILE"):
        list(Passphrases({})("a.key"))


def test_stumble_10_one_passphrase_has_one_spelling_and_the_one_that_was_typed_comes_second() -> None:
    decomposed = unicodedata.normalize("NFD", "mật khẩu bí mật")
    composed = unicodedata.normalize("NFC", decomposed)
    passphrases = Passphrases({"HASHPACT_PASSPHRASE": decomposed}, None)
    assert list(passphrases("a.key")) == [composed.encode(), decomposed.encode()]
    assert passphrases.for_new_keys(unencrypted=False) == composed.encode()
    typed = Passphrases({}, lambda *_: decomposed)
    opening = typed("b.key")
    assert [next(opening), next(opening)] == [composed.encode(), decomposed.encode()]
    assert list(Passphrases({"HASHPACT_PASSPHRASE": "\udcff" * 12}, None)("a.key")) == [b"\xff" * 12]
