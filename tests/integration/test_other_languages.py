"""docs/integrations: its commands and programs, as they are printed, against a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import BOTH, ORIGIN, RunningServer

from hashpact.config import HomeConfig
from hashpact.home.enrolling import enrol_member
from hashpact.home.founding import create_home
from hashpact.home.opening import open_home

ROOT = Path(__file__).resolve().parents[2]
INTEGRATIONS = ROOT / "docs" / "integrations"
PAGE = INTEGRATIONS / "other-languages.md"
PRINTED_ADDRESS = "hashpact.example.org:8443"
PASSPHRASE = "correct horse battery"  # noqa: S105 - of keys that the test makes
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Platform:
    """A member's machine: a directory with a profile whose keys are encrypted, and an environment."""

    directory: Path
    environment: dict[str, str]

    def run(self, *command: str, directory: Path | None = None) -> str:
        """What a program prints; it must succeed."""
        done = subprocess.run(
            command,
            cwd=directory or self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    directory = tmp_path_factory.mktemp("platform")
    home = directory / "home"
    create_home(home, HomeConfig(ORIGIN), admins=2, threshold=2, passphrase=None)
    with open_home(home) as opened:
        enrol_member(opened, "acme-video", BOTH, directory / "acme-video", PASSPHRASE.encode())
    (directory / "upload.jpg").write_bytes(b"what was uploaded")
    (directory / "proto").symlink_to(ROOT / "proto")
    (directory / "docs").symlink_to(ROOT / "docs")
    with RunningServer(home) as server:
        tools = str(Path(sys.executable).parent)  # buf is one of the development tools
        yield Platform(
            directory,
            {
                **os.environ,
                "PATH": f"{tools}:{os.environ['PATH']}",
                "HASHPACT_ADDRESS": server.address.replace("127.0.0.1", "localhost"),
                "HASHPACT_PASSPHRASE": PASSPHRASE,
                "HASHPACT_PROTO": str(ROOT / "proto"),
            },
        )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")
def test_the_page_s_commands_share_a_file_and_find_it(platform: Platform) -> None:
    keys, check, submit = BLOCK.findall(PAGE.read_text("utf-8"))
    assert PRINTED_ADDRESS in check
    check = check.replace(PRINTED_ADDRESS, platform.environment["HASHPACT_ADDRESS"])
    shell = ("/bin/sh", "-euc")
    platform.run(*shell, keys)
    key = platform.directory / "channel.key"
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert key.stat().st_mode & 0o077 == 0
    assert '"matches"' not in platform.run(*shell, check)
    index = int(platform.run(*shell, submit))
    found = platform.run(*shell, check)
    assert re.findall(r'"entry": "entries/(\d+)"', found) == [str(index)]
    assert '"ncii"' in found
    assert '"member": "members/acme-video"' in found


@pytest.mark.slow
def test_the_typescript_programs_share_a_file_and_find_it(platform: Platform, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node is not installed here")
    program = tmp_path / "typescript"
    left_out = shutil.ignore_patterns("node_modules", "build")
    shutil.copytree(INTEGRATIONS / "typescript", program, ignore=left_out)
    install = [npm, "install", "--no-audit", "--no-fund"]
    fetched = subprocess.run(install, cwd=program, capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode:
        pytest.skip(f"its packages cannot be installed here: {fetched.stderr.strip().splitlines()[-1]}")
    platform.run(npm, "run", "build", directory=program)
    content = tmp_path / "upload.txt"
    content.write_bytes(b"what TypeScript shares")
    profile = str(platform.directory / "acme-video")
    assert platform.run(node, "build/check.js", profile, str(content), directory=program) == ""
    index = int(platform.run(node, "build/submit.js", profile, str(content), "fraud", directory=program))
    assert (
        platform.run(node, "build/check.js", profile, str(content), directory=program)
        == f"entries/{index} fraud by members/acme-video\n"
    )
