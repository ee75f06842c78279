"""Each side's log asks the other side's witness for cosignatures; it runs in our environment."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from interoperation.theirs import Case
from interoperation.verdicts import Count, Verdicts

from hashpact.config import log_key
from hashpact.http.client import WitnessClient
from hashpact.log import checkpoint, note
from hashpact.log.cosignature import Witness
from hashpact.service.cosign import WitnessLink
from hashpact.witness.directory import create_witness

FEEDING: Final = Path(__file__).with_name("feeding.py")
CLEAN: Final = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(FEEDING.parents[1])}
"""Their Python must not find our packages, only these scripts."""
START: Final = 20.0


def ask(python: Path, directory: Path, count: Count) -> None:
    """Print and count the verdicts."""
    probe = [str(python), "-c", "import aics_witness"]
    if subprocess.run(probe, env=CLEAN, capture_output=True, check=False).returncode:  # noqa: S603 - fixed arguments
        count.miss("aics_witness")
        return
    case = Case(directory)
    with _theirs(python, directory, case.key("log")) as (url, witness):
        _ask_theirs(case, url, witness, count)
    with _ours(directory, case.key("log")) as (url, key):
        count.run([str(python), str(FEEDING), str(directory), url, key], CLEAN)


def _ask_theirs(case: Case, url: str, witness: Witness, count: Count) -> None:
    known = {(old, new): tuple(nodes) for old, _, new, _, nodes in case.consistency()}
    verdicts = Verdicts("ours asks aics_witness", count.take)
    asked = WitnessLink(witness, WitnessClient(url))

    def cosign(path: str) -> bytes:
        signed = checkpoint.parse(case.read(path))
        return asked.cosign(signed, lambda old: known[old, signed.checkpoint.size])

    for size in sorted({new for _, new in known}):
        verdicts.accepts(f"checkpoint of {size}", cosign, f"checkpoints/{size}")
    forgetful = WitnessLink(witness, WitnessClient(url))
    last = checkpoint.parse(case.read("checkpoint"))
    verdicts.accepts("the same by one that forgot the size", forgetful.cosign, last, lambda _old: ())
    verdicts.refuses("a fork", cosign, "fork")


@contextmanager
def _theirs(python: Path, directory: Path, log: str) -> Iterator[tuple[str, Witness]]:
    """Their witness, serving: its URL, name and key."""
    place = directory / "theirs"
    place.mkdir()
    port = _free_port()
    command = [str(python), "-m", "aics_witness"]
    config = ["--config", str(place / "witness.json")]
    named = ["--name", "interop.example/theirs", "--listen", f"127.0.0.1:{port}"]
    made = _said([*command, "init", *config, *named])
    _said([*command, "add-log", *config, "--origin", log.partition("+")[0], "--vkey", log])
    name, _, public = note.parse_verifier_key(made.strip())
    with _running([*command, "serve", *config], port, CLEAN):
        yield f"http://127.0.0.1:{port}", Witness(name, public)


def _said(command: list[str]) -> str:
    run = subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=True)  # noqa: S603 - fixed arguments
    return run.stdout


@contextmanager
def _ours(directory: Path, log: str) -> Iterator[tuple[str, str]]:
    """Our witness, serving: its URL and verifier key."""
    place = directory / "ours"
    port = _free_port()
    logs = (log_key("log", log),)
    key = create_witness(place, "interop.example/ours", f"127.0.0.1:{port}", logs, None).key
    with _running([sys.executable, "-m", "hashpact", "witness", "serve", str(place)], port, None):
        yield f"http://127.0.0.1:{port}", key


@contextmanager
def _running(command: list[str], port: int, environ: dict[str, str] | None) -> Iterator[None]:
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environ, stdout=silent, stderr=silent, stdin=silent)  # noqa: S603 - as above
    try:
        end = time.monotonic() + START
        while process.poll() is None and time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(START)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
