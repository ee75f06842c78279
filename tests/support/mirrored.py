"""A real mirror process over a home of its own, for tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from commands import here
from forking import UNMEASURED, started
from running import Running, ready_line

from hashpact.member.clients import Client
from hashpact.member.profile import Profile

HOST = "127.0.0.1"


class RunningMirror(Running):
    """`hashpact mirror` of the log at an address, as the member whose profile that is.

    It answers at ``socket``, and at ``port`` (HOST:PORT) with the option ``--listen``; with ``--http`` it
    takes the log at ``http`` (HOST:PORT). Its coverage is measured only if that is asked for.
    """

    def __init__(
        self, address: str, home: Path, profile: Path, *options: str, measured: bool = False
    ) -> None:
        self.home = home
        self.profile_directory = profile
        self.log_path = home.with_name(f"{home.name}.log")
        with self.log_path.open("ab") as log:
            self.process = started(
                ["mirror", address, str(home), "--profile", str(profile), "--json", *options],
                log,
                {**os.environ, **({} if measured else UNMEASURED)},
            )
        try:
            said = json.loads(ready_line(self.process, self.log_path))
        except BaseException:
            self.kill()
            raise
        self.position: int = said["position"]
        self.http: str = said["http"] or ""
        self.socket, self.port = (*said["addresses"], "")[:2]

    def profile(self, directory: Path | None = None) -> Profile:
        """A member's profile, to reach the mirror by TLS; without a directory its own, by the socket."""
        if directory is None:
            return Profile.load(self.profile_directory).at(self.socket)
        return Profile.load(directory).at(self.port, (self.home / "pki" / "ca.crt").read_bytes())

    def client(self, directory: Path | None = None, **options: Any) -> Client:  # noqa: ANN401 - of a client
        """A client of the mirror."""
        return Client(self.profile(directory), channels=1, **options)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it has logged under that name, in whole lines."""
        lines = self.log_path.read_text().rpartition("\n")[0].splitlines()
        named = (json.loads(line) for line in lines if name in line)
        return [event for event in named if event["event"] == name]


def copied(address: str, home: Path, profile: Path) -> Path:
    """The home of a mirror of the log at an address, which has copied it and which no process has open."""
    done = here("mirror", address, str(home), "--profile", str(profile), "--once")
    assert done.status == 0, done.err
    return home
