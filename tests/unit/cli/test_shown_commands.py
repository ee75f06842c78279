"""What the helps and the pages show is typed where nothing is: each command says so in one line."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import COMMANDS, here

from hashpact.log.cosignature import Witness

ROOT = Path(__file__).resolve().parents[3]
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "code-of-conduct.md",
    *sorted((ROOT / "docs" / "operations").glob("*.md")),
)

# What stands for something that only its user knows.
KEY = "ab" * 32
KNOWN = {
    "9c1f...": KEY,
    "PUBLIC": KEY,
    "MLDSA-KEY": Witness.mldsa("example.org/hashpact", bytes(1312)).key,
    "SERIAL": "5e" * 20,
    "HOME": "/srv/hashpact",
    "VERIFIER-KEY": "$(cat log.key.txt)",
}
ENDS = {"#", "|", "||", "&", "&&"}


def words(line: str) -> list[str]:
    """The arguments of a command, without what a shell or a reader takes from the line."""
    shown = shlex.split(re.sub(r"\s\(.*\)$", "", line), comments=True)[1:]
    end = next((number for number, word in enumerate(shown) if word in ENDS), len(shown))
    return [re.sub("|".join(map(re.escape, KNOWN)), lambda one: KNOWN[one[0]], word) for word in shown[:end]]


def shown() -> Iterator[tuple[str, list[str]]]:
    """Where a command is shown, and its arguments."""
    for path, command in COMMANDS.items():
        for line in (command.epilog or "").splitlines():
            if line.startswith("  hashpact "):
                yield " ".join(path), words(line)
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"^(?: {4,})?(hashpact [a-z].*)", text, re.MULTILINE):
            yield page.name, words(line)
        for line in re.findall(r"`(hashpact [a-z-]+ [^`]*)`", text):
            yield page.name, words(line)


def unknown(*_: object, **__: object) -> None:
    """Instead of `socket.getaddrinfo`, which asks a network that may take its time to say so."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


SHOWN = [(place, arguments) for place, arguments in shown() if arguments[0] != "demo"]


def test_the_pages_show_commands_of_every_sort() -> None:
    assert len(SHOWN) > 100
    missing = {
        path for path in COMMANDS if not any(arguments[: len(path)] == [*path] for _, arguments in SHOWN)
    }
    assert missing == {("demo",)}


@pytest.mark.parametrize(("place", "arguments"), SHOWN)
def test_what_is_shown_is_a_command_and_complains_in_one_line(
    place: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirror" / "example.org").mkdir(parents=True)
    monkeypatch.setenv("HASHPACT_PROFILE", "lotus-forum")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("HASHPACT_PASSPHRASE", "HASHPACT_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    done = here(*(f"{tmp_path}{word}" if word.startswith("/") else word for word in arguments))
    assert done.error, place
