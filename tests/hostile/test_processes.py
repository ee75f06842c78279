"""Number 56 of the hostile inputs: what a process must not leave, follow or die of."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import BOTH, RunningServer, found

from hashpact._kernel import HammingStore, MinHashStore, WinnowStore

GET_DUMPABLE = """
import atexit, ctypes, os, sys
from hashpact.cli.main import main
atexit.register(lambda: print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)))
sys.argv = ["hashpact", "--version"]
main()
"""


@pytest.fixture
def dumps() -> Iterator[None]:
    """Let the processes that this one starts write core dumps, as far as that is allowed."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.usefixtures("dumps")
def test_56_a_server_that_holds_keys_writes_no_core_dump(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 +bytes", limits, re.MULTILINE)
        assert server.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.usefixtures("dumps")
def test_56_no_program_gets_a_core_dump_of_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GET_DUMPABLE], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "dumpable 0"


def test_56_a_server_does_not_write_through_a_link(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    (tmp_path / "victim").write_text("mine")
    (home / "machine").symlink_to(tmp_path / "victim")
    command = [sys.executable, "-m", "hashpact", "serve", str(home), "--listen", "127.0.0.1:0"]
    refused = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert refused.returncode != 0
    assert f"cannot read {home / 'machine'}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("store", [HammingStore, MinHashStore, WinnowStore])
def test_56_a_store_of_no_file_is_refused(
    store: type[HammingStore | MinHashStore | WinnowStore], tmp_path: Path
) -> None:
    for withdrawn in (None, (os.fspath(tmp_path / "missing"), None)):
        with pytest.raises(ValueError, match="no segment to open"):
            store.open([], withdrawn)
