"""A mirror beside its clearinghouse, as processes: it copies, answers, says how old it is, and refuses."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from builders import fingerprint
from commands import here
from mirrored import HOST, RunningMirror
from running import BOTH, RunningServer, found
from waits import wait_until

from hashpact import Mirror
from hashpact.domain.checks import Answer, Lag
from hashpact.domain.fingerprints import PDQ, SHA256, Fingerprint
from hashpact.errors import (
    ConfigError,
    ElsewhereError,
    LaggingError,
    NotPermittedError,
    UnavailableError,
)
from hashpact.keys import certificates
from hashpact.member.clients import Client
from hashpact.mirror.freshness import SourceState

ONE = fingerprint(PDQ, "one")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A clearinghouse with two members."""
    return found(tmp_path, {"acme-video": BOTH, "bolt-chat": BOTH})


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """Its server."""
    with RunningServer(home, "--workers", "1") as running:
        yield running


def mirror_of(server: RunningServer, *options: str, measured: bool = False) -> RunningMirror:
    """A mirror of a server, as its member acme-video."""
    directory = server.log_path.parent
    profile = directory / "acme-video"
    return RunningMirror(server.address, directory / "mirror", profile, *options, measured=measured)


@contextmanager
def both(server: RunningServer) -> Iterator[tuple[Client, RunningMirror, Client]]:
    """A client of the clearinghouse, a mirror, and a client of that."""
    acme = Client(server.profile("acme-video"))
    with acme as client, mirror_of(server) as mirror, mirror.client() as asked:
        yield client, mirror, asked


def entries(answer: Answer) -> list[int]:
    """The entries of an answer."""
    return [match.entry for match in answer.matches]


def age(home: Path, seconds: int) -> None:
    """Make a mirror that is not running believe that it was level with its log so long ago."""
    copied = home / "copied"
    state = json.loads(copied.read_text())
    state["level_at"] -= seconds
    copied.write_text(json.dumps(state))


def test_what_is_shared_matches_and_what_is_withdrawn_does_not(server: RunningServer) -> None:
    with (
        Client(server.profile("acme-video")) as client,
        mirror_of(server) as mirror,
        mirror.client() as asked,
    ):
        shared = client.submit([ONE], labels=["fraud"])
        answer = asked.check([ONE], min_position=shared.tree_size)
        assert entries(answer) == [shared.index]
        assert answer.lag is not None
        assert answer.lag.statements == 0
        assert client.check([ONE], min_position=shared.tree_size) == answer
        (many,) = asked.check_many([ONE])
        assert (entries(many), many.lag is not None) == ([shared.index], True)
        (streamed,) = asked.check_stream([[ONE]])
        assert isinstance(streamed, Answer)
        assert (entries(streamed), streamed.lag is not None) == ([shared.index], True)
        gone = client.withdraw(shared.index, "mistake")
        assert entries(asked.check([ONE], min_position=gone.tree_size)) == []
        assert client.check([ONE]).lag is None  # the clearinghouse is as old as itself


def test_reads_proofs_and_lists_are_those_of_the_clearinghouse(server: RunningServer) -> None:
    with (
        Client(server.profile("acme-video")) as client,
        mirror_of(server) as mirror,
        mirror.client() as asked,
    ):
        shared = client.submit([ONE], labels=["fraud"])
        asked.check([ONE], min_position=shared.tree_size)
        wait_until(lambda: asked.checkpoint().checkpoint.size == shared.tree_size)
        assert asked.checkpoint() == client.checkpoint()
        assert asked.entry(shared.index) == client.entry(shared.index)
        assert list(asked.entries()) == list(client.entries())
        (changes,) = asked.changes(private=True)
        assert [changes] == list(client.changes(private=True))
        assert list(asked.leaves(private=True)) == list(client.leaves(private=True))
        assert list(asked.members()) == list(client.members())
        assert asked.policy() == client.policy()


def test_it_takes_no_statements_and_says_who_does(server: RunningServer) -> None:
    with mirror_of(server) as mirror, mirror.client() as asked:
        with pytest.raises(ElsewhereError, match=server.address) as refused:
            asked.submit([ONE], labels=["fraud"])
        assert refused.value.details["address"] == server.address
        request = certificates.request_member(certificates.new_channel_key(), "acme-video")
        with pytest.raises(ElsewhereError, match="issues no certificates"):
            asked.certificate(request, 1)
        with pytest.raises(ElsewhereError, match="does not know"):
            asked.certificate_uses()


def test_it_answers_from_its_last_state_while_the_source_is_away(home: Path, server: RunningServer) -> None:
    with (
        Client(server.profile("acme-video")) as client,
        mirror_of(server) as mirror,
        mirror.client() as asked,
    ):
        shared = client.submit([ONE], labels=["fraud"])
        asked.check([ONE], min_position=shared.tree_size)
        port = int(server.address.rpartition(":")[2])
        server.kill()
        seen: list[Lag] = []

        def older() -> bool:
            answer = asked.check([ONE])
            assert entries(answer) == [shared.index]
            assert answer.lag is not None
            seen.append(answer.lag)
            return answer.lag.seconds >= 2

        wait_until(older)
        assert seen == sorted(seen, key=lambda lag: lag.seconds)
        with (
            RunningServer(home, "--workers", "1", port=port) as again,
            Client(again.profile("acme-video")) as other,
        ):
            second = other.submit([fingerprint(PDQ, "two")], labels=["fraud"])

            def level() -> bool:
                answer = asked.check([ONE])
                assert answer.lag is not None
                return answer.position == second.tree_size and answer.lag.seconds < 2

            wait_until(level)


def test_a_copy_that_is_too_old_is_not_answered_from(server: RunningServer) -> None:
    with mirror_of(server, "--max-lag", "3600") as mirror, mirror.client() as asked:
        assert asked.check([ONE]).checked
    address, profile = server.address, mirror.profile_directory
    server.kill()
    age(mirror.home, 4000)
    with RunningMirror(address, mirror.home, profile) as mirror, mirror.client(timeout=120) as asked:
        with pytest.raises(LaggingError, match="may answer for 3600 s") as refused:
            asked.check([ONE])
        assert int(refused.value.details["seconds"]) >= 4000
        with pytest.raises(LaggingError):
            list(asked.check_many([ONE]))
        with pytest.raises(LaggingError):
            list(asked.check_stream([[ONE]]))
        assert not asked.check([ONE], on_unavailable="open").checked
        with Mirror(mirror.home) as local:
            with pytest.raises(LaggingError):
                local.check([ONE])
            assert not local.check([ONE], on_unavailable="open").checked
    with RunningMirror(address, mirror.home, profile, "--max-lag", "0") as mirror, mirror.client() as asked:
        answer = asked.check([ONE])
        assert answer.lag is not None
        assert answer.lag.seconds >= 4000


def test_a_mirror_can_be_mirrored(server: RunningServer, tmp_path: Path) -> None:
    with Client(server.profile("acme-video")) as client, mirror_of(server) as mirror:
        shared = client.submit([ONE], labels=["fraud"])
        with RunningMirror(mirror.socket, tmp_path / "second", tmp_path / "acme-video") as second:
            with second.client() as asked:
                assert entries(asked.check([ONE], min_position=shared.tree_size)) == [shared.index]
                gone = client.withdraw(shared.index, "mistake")
                assert entries(asked.check([ONE], min_position=gone.tree_size)) == []
            assert here("log", "verify", str(second.home)).status == 0


def test_a_mirror_that_was_killed_goes_on_from_its_last_commit(server: RunningServer) -> None:
    with Client(server.profile("acme-video")) as client:
        shared = client.submit([ONE], labels=["fraud"])
        mirror = mirror_of(server)
        with mirror.client() as asked:
            asked.check([ONE], min_position=shared.tree_size)
        mirror.kill()
        second = client.submit([fingerprint(PDQ, "two")], labels=["fraud"])
        again = RunningMirror(server.address, mirror.home, mirror.profile_directory)
        with again, again.client() as asked:
            assert entries(asked.check([ONE], min_position=second.tree_size)) == [shared.index]
        assert here("log", "verify", str(again.home)).status == 0


CONNECT = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
socket.socket(socket.AF_UNIX).connect(sys.argv[1])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_socket_is_for_its_owner_alone(server: RunningServer) -> None:
    with TemporaryDirectory(prefix="hashpact-") as name:
        Path(name).chmod(0o755)
        path = Path(name, "socket")
        with mirror_of(server, "--listen", f"unix:{path}") as mirror, mirror.client() as asked:
            assert asked.check([ONE]).checked
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            other = subprocess.run(
                [sys.executable, "-c", CONNECT, str(path)], capture_output=True, text=True, check=False
            )
            assert "PermissionError" in other.stderr
        assert not path.exists()
    assert stat.S_IMODE(mirror.home.stat().st_mode) == 0o700


def test_over_tls_only_its_members_are_let_in(server: RunningServer, tmp_path: Path) -> None:
    options = ("--listen", f"{HOST}:0")
    with mirror_of(server, *options, measured=True) as mirror:
        with mirror.client(tmp_path / "acme-video") as asked:
            assert asked.check([ONE]).checked
        with (
            mirror.client(tmp_path / "bolt-chat") as asked,
            pytest.raises(NotPermittedError, match="members"),
        ):
            asked.check([ONE])
    toml = mirror.home / "mirror.toml"
    toml.write_text(toml.read_text().replace("members = []", 'members = ["bolt-chat"]'))
    with RunningMirror(server.address, mirror.home, tmp_path / "acme-video", *options) as mirror:
        with mirror.client(tmp_path / "bolt-chat") as asked:
            assert asked.check([ONE]).checked
        # The clearinghouse's authority is not the mirror's, whose certificate it did not issue.
        strange = server.profile("acme-video").at(mirror.port)
        with Client(strange, retry_refused=False, timeout=5) as client, pytest.raises(UnavailableError):
            client.check([ONE])


def test_the_report_and_the_audit_are_those_of_the_clearinghouse(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    with (
        Client(server.profile("acme-video")) as client,
        mirror_of(server) as mirror,
        mirror.client() as asked,
    ):
        shared = client.submit([ONE], labels=["fraud"])
        gone = client.withdraw(shared.index, "mistake")
        asked.check([ONE], min_position=gone.tree_size)
    for form in ("json", "csv", "html"):
        made = []
        for place in (home, mirror.home):
            out = tmp_path / f"{place.name}.{form}"
            done = here("report", "2026Q4", str(place), "--format", form, "--out", str(out))
            assert done.status == 0, done.err
            made.append(out.read_bytes())
        assert made[0] == made[1]
    verified = here("log", "verify", str(mirror.home), "--json")
    assert verified.status == 0, verified.out
    assert json.loads(verified.out)["faults"] == []
    assert here("log", "show", str(mirror.home), "--raw").out == here("log", "show", str(home), "--raw").out


def test_every_answer_is_that_of_the_log_at_its_position(server: RunningServer) -> None:
    rng = random.Random(7)
    codes = [fingerprint(SHA256, str(number)) for number in range(12)]
    standing: list[frozenset[tuple[int, Fingerprint]]] = []  # by the size of the log

    def grown(size: int, now: frozenset[tuple[int, Fingerprint]]) -> None:
        standing.extend([standing[-1] if standing else frozenset()] * (size - len(standing)))
        standing.append(now)

    def right(answer: Answer, code: Fingerprint, stop: int) -> bool:
        """Whether that is what the log held for a code at a position from the answer's up to ``stop``.

        An answer reflects its position at least: entries are read from a ledger that may be ahead of it.
        """
        found = set(entries(answer))
        held = (
            {entry for entry, value in state if value == code} for state in standing[answer.position : stop]
        )
        return any(found == one for one in held)

    with both(server) as (client, mirror, asked), Mirror(mirror.home) as local:
        grown(client.checkpoint().checkpoint.size, frozenset())
        now: frozenset[tuple[int, Fingerprint]] = frozenset()
        for _ in range(60):
            if now and rng.random() < 0.4:
                gone = rng.choice(sorted(now, key=lambda one: one[0]))
                receipt, now = client.withdraw(gone[0], "mistake"), now - {gone}
            else:
                code = rng.choice(codes)
                receipt = client.submit([code], labels=["fraud"], again=True)
                now |= {(receipt.index, code)}
            grown(receipt.tree_size, now)
            code = rng.choice(codes)
            for one in (asked, local):
                assert right(one.check([code], min_position=0), code, len(standing))
                if rng.random() < 0.3:
                    answer = one.check([code], min_position=receipt.tree_size)
                    assert answer.position == receipt.tree_size
                    assert right(answer, code, receipt.tree_size + 1)


def test_what_is_checked_is_nowhere_kept(server: RunningServer, tmp_path: Path) -> None:
    codes = [fingerprint(PDQ, f"secret {number}") for number in range(50)]
    with mirror_of(server) as mirror, mirror.client() as asked, Mirror(mirror.home) as local:
        for code in codes:
            assert entries(asked.check([code])) == []
            assert entries(local.check([code])) == []
        assert len(list(local.check_many(codes))) == len(codes)
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        data = path.read_bytes()
        for code in codes:
            assert code.value not in data
            assert code.value.hex().encode() not in data


def test_one_that_is_misused_says_what_to_do(server: RunningServer, home: Path, tmp_path: Path) -> None:
    profile = str(tmp_path / "acme-video")
    with pytest.raises(ConfigError, match="is not a mirror's home; make one with"):
        Mirror(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is the home of a clearinghouse"):
        Mirror(home)
    refused = here("mirror", server.address, str(home), "--profile", profile)
    assert (refused.status, "is not an empty directory" in refused.err) == (2, True)
    made = here("mirror", server.address, str(tmp_path / "mirror"), "--profile", profile, "--once", "--json")
    assert (made.status, json.loads(made.out)["position"]) == (0, 6)
    elsewhere = here("mirror", "127.0.0.1:1", str(tmp_path / "mirror"), "--once")
    assert (elsewhere.status, "copies from" in elsewhere.err) == (2, True)
    for command in (("serve",), ("config", "check"), ("member", "list", "--home")):
        done = here(*command, str(tmp_path / "mirror"))
        assert done.status == 2
        assert "is the home of a mirror" in done.err
    other = found(tmp_path / "other", {"acme-video": BOTH}).parent / "acme-video"
    strange = here("mirror", server.address, str(tmp_path / "mirror"), "--profile", str(other), "--once")
    assert (strange.status, "copies the log" in strange.err) == (2, True)
    with RunningMirror(server.address, tmp_path / "mirror", tmp_path / "acme-video"):
        second = here("mirror", server.address, str(tmp_path / "mirror"))
        assert (second.status, "another process serves" in second.err) == (2, True)


def test_files_are_checked_without_a_server(server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "upload.txt"
    file.write_text("the same words in the same order, again and again and again")
    with Client(server.profile("acme-video")) as client:
        result = client.check_file(str(file))
        assert result.made is not None
        shared = client.submit(result.made.fingerprints, labels=["fraud"])
        with mirror_of(server) as mirror:
            server.kill()
            done = here("check", "--mirror", str(mirror.home), str(file), "--json")
            assert done.status == 0, done.err
            told = json.loads(done.out)
            assert {match["entry"] for match in told["matches"]} == {shared.index}
            assert told["lag"]["statements"] == 0
            with Mirror(mirror.home) as local:
                assert local.check_file(str(file)).entries[0].entry == shared.index
                assert local.check_bytes(file.read_bytes()).entries[0].entry == shared.index
                assert local.check_text(file.read_text()).entries[0].entry == shared.index
                assert [one.checked for one in local.check_files([str(file)] * 3)] == [True] * 3
                assert local.entry(shared.index).entry.index == shared.index
            assert here("check", "--mirror", str(mirror.home), str(file), "--attest").status == 2


def test_a_state_file_that_is_damaged_is_as_good_as_none(server: RunningServer) -> None:
    with mirror_of(server) as mirror, mirror.client() as asked:
        assert asked.check([ONE]).checked
    server.kill()
    for text in ("", "{", "[]", '{"announced": -1}', '{"strange": 1}', '{"level_at": "now"}'):
        (mirror.home / "copied").write_text(text)
        with Mirror(mirror.home) as local:
            assert local.lag is None
            with pytest.raises(LaggingError, match="has not copied the whole log yet"):
                local.check([ONE])
    assert SourceState().level_at == 0
