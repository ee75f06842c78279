"""The stage of the demonstration: the removed content, and a clearinghouse that really runs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hashpact.config import HomeConfig
from hashpact.demo import pictures, texts
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH
from hashpact.domain.state import Role
from hashpact.errors import UnavailableError, UnusableContentError
from hashpact.fingerprint.content import fingerprints_of
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home
from hashpact.member.clients import Client

ORIGIN: Final = "demo.example/hashpact"
BOTH: Final = frozenset({Role.CHECK, Role.CONTRIBUTE})
MEMBERS: Final = {"acme-video": BOTH, "lotus-forum": BOTH, "river-social": frozenset({Role.CHECK})}
"""acme-video shares pictures, lotus-forum texts; river-social checks its uploads."""

_DRAWN: Final = (("hills", 1), ("terraces", 1), ("harbour", 1), ("town", 1))
_UNRELATED: Final = {
    "lanterns": ("lanterns", 1),
    "a forest": ("forest", 1),
    "another harbour": ("harbour", 2),
    "another town": ("town", 2),
}

_START: Final = 60.0
"""Seconds that the server may take to start."""
_STOP: Final = 20.0
"""Seconds that it may take to stop."""


@dataclass(slots=True)
class Original:
    """Removed content: who removed it, its altered copies, and its entry once it is shared."""

    name: str
    path: Path
    owner: str
    label: str
    copies: list[tuple[str, Path]]
    entry: int = -1

    @property
    def neighbour(self) -> str:
        """Another member that contributes."""
        return "lotus-forum" if self.owner == "acme-video" else "acme-video"


def own_originals(directory: Path) -> list[Original]:
    """The drawn pictures and the written texts, with their copies, as files in ``directory``."""
    originals = []
    for kind, seed in _DRAWN:
        picture = pictures.draw(kind, seed)
        path = pictures.write_original(picture, directory / f"{kind}.jpg")
        originals.append(_picture(kind, path, pictures.write_copies(picture, path.with_suffix(""))))
    for number, text in enumerate(texts.ORIGINALS, 1):
        path = _write(directory / f"text-{number}.txt", text.original)
        originals.append(_text(text.name, path, texts.copies(text.original, text.reworded)))
    return originals


def given_originals(directory: Path, files: Sequence[Path]) -> list[Original]:
    """The pictures and texts in ``files``, with copies of them as files in ``directory``.

    Raises UnusableContentError for a file that has no perceptual fingerprint.
    """
    originals = []
    for number, path in enumerate(files, 1):
        types = {each.type for each in fingerprints_of(path).fingerprints}
        if types & {PDQ, PHASH}:
            copies = pictures.write_copies(pictures.load(path), directory / f"given-{number}")
            originals.append(_picture(path.name, path, copies))
        elif MINHASH in types:
            copy = directory / f"given-{number}.txt"
            original = _text(path.name, copy, texts.copies(path.read_text("utf-8"), None))
            originals.append(replace(original, path=path))
        else:
            msg = f"{str(path)!r}: neither a picture nor a text, so there are no altered copies to find"
            raise UnusableContentError(msg, field="content")
    return originals


def unrelated(directory: Path) -> Iterator[tuple[str, Path]]:
    """Pictures and texts that are no copies of anything shared: what each is, and its file."""
    for name, (kind, seed) in _UNRELATED.items():
        path = directory / f"unrelated-{kind}.jpg"
        yield f"picture of {name}", pictures.write_original(pictures.draw(kind, seed), path)
    for number, (name, text) in enumerate(texts.UNRELATED.items(), 1):
        yield f"text: {name}", _write(directory / f"unrelated-{number}.txt", text)


@contextlib.contextmanager
def clearinghouse(directory: Path) -> Iterator[dict[str, Client]]:
    """A home below ``directory``, its server in a process of its own, and a client of each member.

    The members are enrolled while the server runs. No key is encrypted: all of them are gone with the
    temporary directory. Raises UnavailableError if it does not start.
    """
    home = directory / "home"
    create_home(home, HomeConfig(ORIGIN, "127.0.0.1:0"), admins=2, threshold=2, passphrase=None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_serving(home, directory / "server.log"))
        clients = {}
        with open_home(home) as opened:
            for member, roles in MEMBERS.items():
                enrol_member(opened, member, roles, directory / member, None)
                clients[member] = stack.enter_context(Client(directory / member))
        yield clients


@contextlib.contextmanager
def _serving(home: Path, log: Path) -> Iterator[str]:
    """`hashpact serve` of a home; gives the HOST:PORT at which it answers."""
    command = [sys.executable, "-m", "hashpact", "serve", str(home), "--workers", "1"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,  # noqa: S603 - our own command
    ):
        watch = threading.Timer(_START, process.kill)
        watch.start()
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe, as asked for above
            line = process.stdout.readline()
            watch.cancel()
            if not line:
                last = log.read_text(errors="replace").strip().rpartition("\n")[2]
                msg = f"the server did not start: {last or 'it gave no reason'}"
                raise UnavailableError(msg)
            yield line.split()[-1]
        finally:
            watch.cancel()
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP)
            process.kill()


def _picture(name: str, path: Path, copies: list[tuple[str, Path]]) -> Original:
    return Original(name, path, "acme-video", "other", copies)


def _text(name: str, path: Path, copies: list[tuple[str, str]]) -> Original:
    written = [
        (what, _write(path.with_name(f"{path.stem}-{number}.txt"), copy))
        for number, (what, copy) in enumerate(copies, 1)
    ]
    return Original(name, path, "lotus-forum", "fraud", written)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path
