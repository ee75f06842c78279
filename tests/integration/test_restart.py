"""A server that starts again goes on from its saved index, and makes a damaged one again from the log."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from builders import winnowed
from running import BOTH, RunningServer, found

from hashpact.domain.fingerprints import MD5, MINHASH, PDQ, PHASH, SHA256, Fingerprint
from hashpact.domain.state import Receipt
from hashpact.member.clients import Client

ENTRIES = 10


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a member."""
    return found(tmp_path, {"acme-video": BOTH})


def fingerprints(seed: int) -> list[Fingerprint]:
    """One of each type, with half of the bits set."""
    random_ = random.Random(seed)
    made = []
    for kind in (PDQ, PHASH, MINHASH, SHA256, MD5):
        bits = random_.sample(range(kind.size * 8), kind.size * 4)
        value = sum(1 << bit for bit in bits).to_bytes(kind.size)
        made.append(Fingerprint(kind, value, 100 if kind is PDQ else None))
    return [*made, winnowed(random_.sample(range(2**32), 60))]


def submit(client: Client, seeds: range) -> dict[int, Receipt]:
    return {seed: client.submit(fingerprints(seed), labels={"other"}) for seed in seeds}


def check(client: Client, receipts: dict[int, Receipt], withdrawn: set[int]) -> None:
    """Each fingerprint finds its entry, unless that is withdrawn."""
    for seed, receipt in receipts.items():
        for fingerprint in fingerprints(seed):
            entries = [match.entry for match in client.check([fingerprint]).matches]
            assert entries == ([] if seed in withdrawn else [receipt.index]), (seed, fingerprint.type.name)


def events(server: RunningServer, name: str) -> list[dict[str, Any]]:
    logged = [json.loads(line) for line in server.log.splitlines()]
    return [event for event in logged if event["event"] == name]


def replayed(server: RunningServer) -> int | None:
    """How many leaves the last start replayed; None if it opened no index."""
    logged = [json.loads(line) for line in server.log.splitlines()]
    opened = [event for event in logged if event["event"] in {"opened the index", "serving"}]
    if len(opened) < 2 or opened[-2]["event"] == "serving":
        return None
    return int(opened[-1]["position"] - opened[-2]["position"])


def test_a_restart_goes_on_from_the_saved_index(home: Path) -> None:
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        receipts = submit(client, range(ENTRIES))
        client.withdraw(receipts[3].index, "mistake")
        assert server.stop() == 0
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        assert replayed(server) == 0
        assert events(server, "serving")[-1]["items"] == 6 * (ENTRIES - 1)
        check(client, receipts, {3})
        # Withdrawn from a segment, and added to none.
        client.withdraw(receipts[4].index, "mistake")
        receipts |= submit(client, range(ENTRIES, ENTRIES + 2))
        check(client, receipts, {3, 4})
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGKILL)
        server.wait()
    # Nothing was saved when it was killed: the log has it.
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        assert replayed(server) == 3
        check(client, receipts, {3, 4})
        assert server.stop() == 0
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        assert replayed(server) == 0
        check(client, receipts, {3, 4})
        with RunningServer(home, measured=True) as second, Client(second.profile("acme-video")) as other:
            assert replayed(second) == 0
            check(other, receipts, {3, 4})
    assert not events(server, "the index is made again from the log")


def test_a_stop_leaves_one_segment_of_each_type(home: Path) -> None:
    """So that the next start searches one, however often the server was stopped before."""
    receipts: dict[int, Receipt] = {}
    for start, stop in ((0, ENTRIES), (ENTRIES, ENTRIES + 2)):
        with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
            receipts |= submit(client, range(start, stop))
            assert server.stop() == 0
    names = [file.name for file in (home / "segments").glob("*.segment")]
    assert len(names) == len({name.rsplit("-", 2)[0] for name in names}) == 6
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        assert replayed(server) == 0
        check(client, receipts, set())


def test_a_damaged_index_is_made_again_from_the_log(home: Path) -> None:
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        receipts = submit(client, range(3))
        assert server.stop() == 0
    (segment,) = (home / "segments").glob("pdq-1-*.segment")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        (warning,) = events(server, "the index is made again from the log")
        assert str(segment) in warning["reason"]
        assert replayed(server) is None
        check(client, receipts, set())
        assert server.stop() == 0
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        assert replayed(server) == 0
        check(client, receipts, set())


def test_the_index_of_another_log_is_made_again(home: Path, tmp_path: Path) -> None:
    with RunningServer(home, measured=True) as server, Client(server.profile("acme-video")) as client:
        submit(client, range(3))
        assert server.stop() == 0
    (tmp_path / "other").mkdir()
    other = found(tmp_path / "other", {"acme-video": BOTH})
    (home / "segments").rename(other / "segments")
    with RunningServer(other) as server, Client(server.profile("acme-video")) as client:
        assert "another log" in events(server, "the index is made again from the log")[0]["reason"]
        assert events(server, "serving")[-1]["items"] == 0
        check(client, submit(client, range(3)), set())
