"""The real `tx` (python-threatexchange) with our plug-in, in an environment of its own under build/tx.

Its Python also sees what the environment of the tests has installed: `hashpact` and what that needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUG_IN = ROOT / "integrations" / "tx"
VERSION = "1.2.17"
BUILD = ("hatchling>=1.27", "editables>=0.5")
"""What builds the plug-in."""
_VENV = ROOT / "build" / "tx" / "venv"


def environment() -> Path:
    """The `tx` of the environment, made if it is not there; skips the test if it cannot be installed."""
    stamp = _VENV / "made"
    if not stamp.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_VENV)], env=_clean(), check=True)
        (site,) = _VENV.glob("lib/python*/site-packages")
        ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (site / "tests.pth").write_text(ours)
        if failure := _install(f"threatexchange=={VERSION}", *BUILD):
            pytest.skip(f"tx {VERSION} cannot be installed here: {failure}")
        # Editable, as ours is: what is tested is what lies in the directory.
        assert _install("--no-build-isolation", "--editable", str(PLUG_IN)) == ""
        stamp.touch()
    return _VENV / "bin" / "tx"


def _install(*arguments: str) -> str:
    """What pip says if it fails."""
    pip = [str(_VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *arguments], env=_clean(), capture_output=True, text=True, check=False)
    return done.stderr.strip()[-2000:] if done.returncode else ""


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@dataclass(frozen=True)
class Tx:
    """`tx` with a state of its own, as the member whose profile that is."""

    program: Path
    state: Path
    profile: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, status: int = 0) -> str:
        """What a command prints. Fails unless it ends with that status."""
        done = self.run([str(self.program), *map(str, arguments)])
        assert done.returncode == status, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def python(self, code: str) -> str:
        """What a program prints that runs in the environment of `tx`."""
        done = self.run([str(self.program.with_name("python")), "-c", code])
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """A command of the environment."""
        ours = {"TX_STATEDIR": str(self.state), "TX_HASHPACT_PROFILE": str(self.profile)}
        environ = {**_clean(), **ours, **self.environ}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
