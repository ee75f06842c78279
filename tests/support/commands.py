"""The command `hashpact`, run in this process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from forking import UNMEASURED, Forked, started

from hashpact.cli import exits, main


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``command``, with the words that call it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below, (*path, *name.split()))
    else:
        yield path, command


COMMANDS = dict(leaves(main.cli))
"""Every command, by the words that call it."""

TOO_SLOW = 120.0


LAUNCH = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "hashpact", *sys.argv[1:]], stdin=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
"""Runs a command, and prints the most memory that it had, in KiB, after whatever it printed."""


@dataclass(frozen=True)
class Done:
    """What became of a command; ``peak`` is the most memory that it had, in MiB, if it was a process."""

    status: int
    out: str
    err: str
    peak: float = 0

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its output, one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> str:
        """The message of the one error that it ended with, as a line or as an object; not a wrong use."""
        assert self.out == ""
        assert self.status in range(exits.NO, exits.CORRUPT + 1)
        (line,) = self.err.splitlines()
        if line.startswith("{"):
            line = f"hashpact: {json.loads(line)['error']['message']}"
        assert line.startswith("hashpact: ")
        assert not line.endswith(" --help")
        return line.removeprefix("hashpact: ")


def here(*arguments: str | Path, **environ: str) -> Done:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with patch.dict(os.environ, environ), redirect_stdout(out), redirect_stderr(err):
        status = main.run([str(argument) for argument in arguments])
    return Done(status, out.getvalue(), err.getvalue())


def apart(*arguments: str | Path, **environ: str) -> Done:
    """Run a command in a process of its own, which is forked from one that has imported everything."""
    with tempfile.TemporaryFile() as errors:
        command = started([*map(str, arguments)], errors, {**os.environ, **UNMEASURED, **environ})
        assert command.stdout is not None
        with command.stdout as output:
            out = output.read()
        status = command.wait(TOO_SLOW)
        errors.seek(0)
        peak = command.peak / 1024 if isinstance(command, Forked) else 0
        return Done(status, out.decode(), errors.read().decode(), peak)


def process(*arguments: str | Path, **environ: str) -> Done:
    """Run a command as a process of its own, started by a small one so that the peak is the command's."""
    done = subprocess.run(  # our own command
        [sys.executable, "-I", "-S", "-c", LAUNCH, *map(str, arguments)],
        env={**os.environ, **UNMEASURED, **environ},
        capture_output=True,
        text=True,
        timeout=TOO_SLOW,
        check=False,
    )
    *out, peak = done.stdout.splitlines(keepends=True)
    return Done(done.returncode, "".join(out), done.stderr, int(peak) / 1024)
