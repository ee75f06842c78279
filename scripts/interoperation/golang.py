"""Go's golang.org/x/mod, as Debian packages it; nothing is installed or fetched here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

GOPATH: Final = Path("/usr/share/gocode")
"""Where Debian puts the sources of Go packages."""
SOURCES: Final = Path(__file__).with_name("xmod")
INSTALL: Final = "apt-get install golang-go golang-golang-x-mod-dev"


def lacking() -> str:
    """What is not here; empty if Go and x/mod are."""
    if shutil.which("go") is None:
        return "Go"
    x_mod = GOPATH / "src" / "golang.org" / "x" / "mod" / "sumdb" / "tlog"
    return "" if x_mod.is_dir() else "Go's golang.org/x/mod"


def command(directory: Path) -> list[str]:
    """The command that prints the verdicts on the files of a case."""
    sources = sorted(map(str, SOURCES.glob("*.go")))
    return [shutil.which("go") or "go", "run", *sources, str(directory)]


def environment(cache: Path) -> dict[str, str]:
    """The environment of that command: Debian's sources, no network, and ``cache`` for what is compiled."""
    sources = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOPROXY": "off", "GOFLAGS": ""}
    return {"PATH": "/usr/bin:/bin", "GOCACHE": str(cache), **sources}
