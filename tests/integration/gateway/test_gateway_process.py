"""A gateway as a process: its state survives SIGKILL, and one process has it open, for its owner only."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from commands import here
from forking import UNMEASURED, started
from gatewayed import Http
from running import Running, ready_line
from staged import SHARED, Stage, near
from waits import wait_until

NOTE = "a note that only its owner reads"


class RunningGateway(Running):
    """`hashpact gateway serve` of a state directory."""

    def __init__(self, state: Path, *options: str, measured: bool = False) -> None:
        self.log_path = state.with_name(f"{state.name}.log")
        with self.log_path.open("ab") as log:
            self.process = started(
                ["gateway", "serve", str(state), "--json", *options],
                log,
                {**os.environ, **({} if measured else UNMEASURED)},
            )
        try:
            self.ready = json.loads(ready_line(self.process, self.log_path))
        except BaseException:
            self.kill()
            raise
        self.http = Http(self.ready["url"].removeprefix("http://"))
        query = {"signal": near(SHARED, 0), "signal_type": "pdq"}
        wait_until(lambda: self.http("GET", "/m/lookup", **query).status == 200)  # it knows the labels


@pytest.fixture(scope="module")
def state(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory in which a bank was filled by a process that was then killed."""
    state = tmp_path_factory.mktemp("process") / "state"
    profile, address = str(stage.directory / "lotus-forum"), stage.server.address
    options = ("--profile", profile, "--address", address, "--listen", "127.0.0.1:0")
    with RunningGateway(state, *options) as running:
        assert running.ready["member"] == "lotus-forum"
        http = running.http
        assert http("POST", "/c/banks", {"name": "KEPT"}).status == 201
        assert http("DELETE", "/c/bank/LABEL_HATE").status == 200
        added = http("POST", "/c/bank/KEPT/signal", {"pdq": near(SHARED, 3), "note": NOTE})
        off = http("POST", "/c/bank/KEPT/signal", {"pdq": near(SHARED, 4)}).json["id"]
        gone = http("POST", "/c/bank/KEPT/signal", {"pdq": near(SHARED, 6)}).json["id"]
        assert http("PUT", f"/c/bank/KEPT/content/{off}", {"disable_until_ts": 0}).status == 200
        assert http("DELETE", f"/c/bank/KEPT/content/{gone}").json == {"deleted": 1}
        assert added.status == 200
        second = here("gateway", "serve", state)
        assert "another gateway has" in second.error
        running.kill()
    return state


def test_what_was_answered_is_there_after_a_kill(state: Path) -> None:
    with RunningGateway(state, "--listen", "127.0.0.1:0", measured=True) as running:
        http, query = running.http, {"signal": near(SHARED, 3), "signal_type": "pdq"}
        near_by = http("GET", "/m/lookup", **query).json
        assert list(near_by) == ["LABEL_NCII", "KEPT"]
        ((one,),) = (near_by["KEPT"],)
        assert http("GET", "/c/bank/LABEL_HATE").status == 404  # deleted, and not made again
        raw = http("GET", "/m/raw_lookup", **query, banks="KEPT").json["matches"]
        assert raw == [one["bank_content_id"], one["bank_content_id"] + 1]
        after = http("POST", "/c/bank/KEPT/signal", {"pdq": near(SHARED, 8)}).json["id"]
        assert after == raw[1] + 2  # an id is not given twice
        _tokens(state, http)
        assert running.stop() == 0
    assert json.loads(running.log_path.read_text().splitlines()[-1])["event"] == "stopping"


def _tokens(state: Path, http: Http) -> None:
    """Callers through a proxy need a token, which is accepted, and refused, without a restart."""
    far = {"X-Forwarded-For": "192.0.2.7"}
    refused = http("GET", "/c/banks", None, far)
    assert (refused.status, refused.headers["www-authenticate"][:5]) == (401, "Basic")
    assert refused.message.startswith("a token is required")
    token = here("gateway", "token", "new", state, "coop", "--json").lines[0]["token"]
    assert http("GET", f"/t/{token}/c/banks", None, far).status == 200
    assert http("GET", f"/t/{token}//c/banks", None, far).status == 200
    assert http("GET", f"/t/{token}x/c/banks", None, far).status == 401
    for user, secret, status in (("coop", token, 200), ("gem", token, 401), ("coop", "x", 401)):
        basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
        assert http("GET", "/c/banks", None, {"Authorization": f"Basic {basic}"}).status == status
    for wrong in ("Basic !", "Basic /w==", "Bearer x"):
        assert http("GET", "/c/banks", None, far | {"Authorization": wrong}).status == 401
    listed = here("gateway", "token", "list", state, "--json").lines
    assert [one["name"] for one in listed] == ["coop"]
    assert here("gateway", "token", "remove", state, "coop").out == "removed coop\n"
    assert http("GET", f"/t/{token}/c/banks", None, far).status == 401
    assert token.encode() not in b"".join(path.read_bytes() for path in state.iterdir())
    # A page in a browser may have this machine resolve a name of its own.
    assert http("GET", "/c/banks", None, {"Host": "evil.example"}).status == 401
    for host in ("localhost:5100", "127.0.0.1", "[::1]:5100"):
        assert http("GET", "/c/banks", None, {"Host": host}).status == 200


def test_only_its_owner_reads_it(state: Path) -> None:
    assert state.stat().st_mode & 0o777 == 0o700
    found = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}
    assert {"gateway.toml", "gateway.key", "banks.db", "lock"} <= found.keys()
    assert set(found.values()) == {0o600}
    written = b"".join(path.read_bytes() for path in state.iterdir())
    assert NOTE.encode() not in written
    for bits in (3, 4, 8):
        assert bytes.fromhex(near(SHARED, bits)) not in written
        assert near(SHARED, bits).encode() not in written
    assert b"KEPT" not in written
    state.chmod(0o755)
    assert "others can read" in here("gateway", "serve", state).error
    state.chmod(0o700)


def test_another_profile_is_refused(stage: Stage, state: Path) -> None:
    error = here("gateway", "serve", state, "--profile", stage.directory / "acme-video").error
    assert "is the gateway of" in error


def test_no_state_directory(tmp_path: Path) -> None:
    assert "is not a gateway's" in here("gateway", "serve", tmp_path / "none").error
    assert "is not a gateway's" in here("gateway", "token", "list", tmp_path / "none").error


def test_its_token_file_as_text(state: Path) -> None:
    done = here("gateway", "token", "new", state, "script")
    assert len(done.out.strip()) == 43
    assert here("gateway", "token", "new", state, "script").error == (
        "there is a token script already; remove it first"
    )
    assert "script" in here("gateway", "token", "list", state).out
    removed = here("gateway", "token", "remove", state, "script", "--json")
    assert removed.lines == [{"name": "script", "removed": True}]
    assert here("gateway", "token", "remove", state, "script").error == "there is no token script"
    assert "a token's name has" in here("gateway", "token", "new", state, "No").error
