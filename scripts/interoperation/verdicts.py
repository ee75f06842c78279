"""Verdicts: what somebody says of a file, from the processes that ask to the one that counts and prints.

Between processes a verdict is a line of JSON. Nothing but the standard library is imported here: this runs in
the environments of others, too.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What somebody says of a thing, which is as our log wrote it or ``tampered`` with."""

    by: str
    what: str
    tampered: bool
    accepted: bool
    reason: str = ""

    @property
    def surprise(self) -> bool:
        """Whether a thing was refused that is as it was written, or a tampered one accepted."""
        return self.accepted is self.tampered

    def told(self) -> str:
        """The verdict in a line for people."""
        said = "accepted" if self.accepted else "refused"
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.by}: {self.what}: {said}{reason}{'   <- SURPRISE' if self.surprise else ''}"


def printed(verdict: Verdict) -> None:
    """Print a verdict for the process that counts."""
    print(json.dumps(asdict(verdict)), flush=True)


def absent(by: str) -> None:
    """Print that somebody is not here to be asked."""
    print(json.dumps({"by": by, "absent": True}), flush=True)


@dataclass
class Verdicts:
    """Asks one package, and tells what it says."""

    package: str
    tell: Callable[[Verdict], None] = printed

    def accepts(self, what: str, call: Callable[..., object], *args: object) -> None:
        """The call must neither raise nor return False."""
        self._ask(what, call, args, tampered=False)

    def refuses(self, what: str, call: Callable[..., object], *args: object) -> None:
        """The call must raise or return False."""
        self._ask(what, call, args, tampered=True)

    def _ask(
        self, what: str, call: Callable[..., object], args: tuple[object, ...], *, tampered: bool
    ) -> None:
        accepted, reason = False, ""
        try:
            accepted = call(*args) is not False
        except Exception as error:  # noqa: BLE001 - however they refuse, it is a refusal
            reason = type(error).__name__
        self.tell(Verdict(self.package, what, tampered, accepted, reason))


@dataclass
class Count:
    """Prints verdicts and counts them: for people, or with ``as_json`` as a line of JSON each."""

    as_json: bool = False
    accepted: int = 0
    """Things as our log wrote them that were accepted."""
    refused: int = 0
    """Tampered things that were refused."""
    surprises: int = 0
    """The others, and processes that failed or said nothing."""

    def begin(self, size: int, kinds: Mapping[str, int]) -> None:
        """Print what the log has: its leaves, and the index of the first statement of each kind."""
        told = f"a log of {size} leaves, with {len(kinds)} kinds of statements: {', '.join(sorted(kinds))}"
        self._print({"size": size, "kinds": kinds}, told)

    def take(self, verdict: Verdict) -> None:
        """Print and count a verdict."""
        self.accepted += verdict.accepted and not verdict.surprise
        self.refused += not verdict.accepted and not verdict.surprise
        self.surprises += verdict.surprise
        self._print({**asdict(verdict), "surprise": verdict.surprise}, verdict.told())

    def miss(self, by: str) -> None:
        """Print that somebody was not asked."""
        self._print({"by": by, "absent": True}, f"{by}: not installed, not asked")

    def run(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Take the verdicts that a process prints; one that fails, or says nothing, is a surprise."""
        said = 0
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own code
            for line in process.stdout or ():
                values = json.loads(line)
                said += 1
                if values.get("absent"):
                    self.miss(values["by"])
                else:
                    self.take(Verdict(**values))
        if process.returncode or not said:
            self.surprises += 1
            name = f"{command[0]} ... {command[-1]}"
            failure = {"by": name, "exit": process.returncode, "verdicts": said, "surprise": True}
            told = f"{name}: exit status {process.returncode} after {said} verdicts   <- SURPRISE"
            self._print(failure, told)

    def close(self) -> int:
        """Print the sums; returns the exit status, which is 1 if there was a surprise, or no verdict."""
        sums = {"accepted": self.accepted, "refused": self.refused, "surprises": self.surprises}
        told = f"{self.accepted} accepted, {self.refused} tampered and refused, {self.surprises} surprises"
        self._print(sums, told)
        return 1 if self.surprises or not self.refused else 0

    def _print(self, values: Mapping[str, Any], told: str) -> None:
        print(json.dumps(values) if self.as_json else told, flush=True)
