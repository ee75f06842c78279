"""The lines of log of calls: written together, bounded, and no reason to stop."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from hashpact import events
from hashpact.events import CallLog, event_log


def test_lines_are_written_together_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    calls = CallLog()
    for number in range(3):
        calls.record({"rpc": "/x/Y", "code": "OK", "duration_ms": number})
    assert capsys.readouterr().err == ""
    calls.flush()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["duration_ms"] for line in lines] == [0, 1, 2]
    assert {(line["event"], line["level"], line["rpc"]) for line in lines} == {("rpc", "info", "/x/Y")}
    assert all(line["timestamp"].endswith("Z") for line in lines)
    calls.flush()
    assert capsys.readouterr().err == ""


def test_what_is_too_much_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST", 2)
    calls = CallLog()
    for number in range(5):
        calls.record({"number": number})
    calls.flush()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("number") for line in lines] == [0, 1, None]
    assert (lines[2]["event"], lines[2]["level"], lines[2]["count"]) == ("rpcs not logged", "warning", 3)


class Full(io.StringIO):
    """A stream that cannot be written."""

    def write(self, _: str) -> int:
        """Fail as on a full disk."""
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = CallLog()
    calls.record({"number": 1})
    monkeypatch.setattr(sys, "stderr", Full())
    calls.flush()
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    calls.record({"number": 2})
    calls.flush()


def test_an_event_that_cannot_be_written_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    closed = io.StringIO()
    closed.close()
    for stream in (Full(), closed):
        monkeypatch.setattr(sys, "stderr", stream)
        event_log(seen=lambda event: seen.append(event["event"])).error("rpc failed")
    assert seen == ["rpc failed"] * 2


def test_the_log_is_json_or_text_from_a_level_on(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    for form, level in (("json", "info"), ("text", "debug"), ("json", "error")):
        log = event_log(form, level, lambda event: seen.append(event["event"]))
        log.debug("one", at=1)
        log.info("two three", value='a "b"\nc', none=None)
    first, second, third = capsys.readouterr().err.splitlines()
    assert json.loads(first)["event"] == "two three"
    assert second.partition(" ")[2] == "level=debug event=one at=1"
    assert third.partition(" ")[2] == r'level=info event="two three" value="a \"b\"\nc" none='
    assert second.startswith("timestamp=2")
    assert seen == ["two three"] * 3  # whether they are written or not


def test_lines_of_calls_can_be_text(capsys: pytest.CaptureFixture[str]) -> None:
    calls = CallLog("text")
    calls.record({"rpc": "/x/Y", "member": None, "code": "OK"})
    calls.flush()
    line = capsys.readouterr().err
    assert line.endswith(" level=info event=rpc rpc=/x/Y member= code=OK\n")


WRITING = """
import sys, threading
from hashpact.events import CallLog, event_log
def events():
    log = event_log()
    for number in range(400):
        log.info("event", number=number)
def calls():
    waiting = CallLog()
    for number in range(400):
        for _ in range(40):
            waiting.record({"rpc": "/x/Y", "number": number})
        waiting.flush()
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=work) for work in (events, events, calls)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

COPY = [sys.executable, "-c", "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"]


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
def test_no_thread_or_process_writes_into_the_line_of_another(tmp_path: Path, *, pipe: bool) -> None:
    log = tmp_path / "log"
    with log.open("ab") as file, contextlib.ExitStack() as stack:
        end: IO[bytes] = file
        if pipe:
            through = stack.enter_context(subprocess.Popen(COPY, stdin=subprocess.PIPE, stdout=file))
            assert through.stdin is not None
            end = through.stdin
        writers = [subprocess.Popen([sys.executable, "-c", WRITING], stderr=end) for _ in range(3)]
        assert [writer.wait(120) for writer in writers] == [0, 0, 0]
        if pipe:
            end.close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 3 * (2 * 400 + 400 * 40)
