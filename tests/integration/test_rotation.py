"""Rotation: killed at any point, and under traffic, with every submission accounted for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from builders import check_log, fingerprint
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forking import UNMEASURED
from running import BOTH, RunningServer, found

from hashpact.cli.main import run
from hashpact.clock import unix_time
from hashpact.domain import statements
from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds import KeyRotate, KeySuspend, Submit
from hashpact.durable import alone, write_private, write_public
from hashpact.errors import ConfigError, NotPermittedError
from hashpact.home.opening import open_home
from hashpact.keys import pkcs8
from hashpact.keys.passphrase import Passphrases
from hashpact.member.clients import Client
from hashpact.member.keys import Rotation
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import Profile, ProfileWarning

KILLED = """
import os, signal, sys
import hashpact.cli.admin.key, hashpact.member.keys
from hashpact.cli.main import run
profile, *command = sys.argv[1:]
def hook(event, arguments):
    global left
    if event not in {"open", "os.rename", "os.link", "os.remove"} or profile not in str(arguments[0]):
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
for line in sys.stdin:
    left, child = int(line), os.fork()
    if child == 0:
        os.dup2(2, 1)
        sys.addaudithook(hook)
        os._exit(run(command))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs a command for each number that it reads, and kills it at its n-th change of a file below a directory.

Each runs in a fork of this one, which has imported what it needs and has no thread. Prints the exit statuses.
"""


class Killed:
    """Runs a command on a profile again and again, and kills it."""

    def __init__(self, profile: Path, command: list[str]) -> None:
        self.log = profile.parent / "killed.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(profile), *command],
                env={**os.environ, **UNMEASURED},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def at(self, change: int) -> int:
        """The exit status of the command that is killed at that change."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{change}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """No more of them."""
        self._process.communicate()


def found_with(members: int, directory: Path) -> Path:
    """A home with so many members."""
    return found(directory, {f"member-{number}": BOTH for number in range(members)})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with three members."""
    return found_with(3, tmp_path)


@pytest.fixture
def server(home: Path) -> Iterator[RunningServer]:
    """A server of that home."""
    with RunningServer(home) as running:
        yield running


def settle(profile: Path, server: RunningServer) -> None:
    """Write the address of the server into a profile."""
    config = profile / "profile.toml"
    config.write_text(config.read_text().replace("127.0.0.1:8443", server.address))


def submit(profile: Path, seed: str) -> int:
    """Submit something as whoever that profile is; its index."""
    with Client(profile) as client:
        return client.submit([fingerprint(SHA256, seed)], labels=["other"]).index


@pytest.mark.parametrize("overlap", [1, 0])
def test_a_rotation_that_is_killed_leaves_a_profile_that_works_and_goes_on(
    home: Path, server: RunningServer, overlap: int
) -> None:
    profile = home.parent / "member-0"
    settle(profile, server)
    rotate = [
        "key",
        "rotate",
        "--profile",
        str(profile),
        "--unencrypted",
        "--overlap",
        str(overlap),
        "--json",
    ]
    killed = 0
    with closing(Killed(profile, rotate)) as command:
        while (status := command.at(killed + 1)) == -signal.SIGKILL:
            killed += 1
            if overlap:
                submit(profile, f"between {killed}")
            assert run(rotate) == 0
            submit(profile, f"after {killed}")
            assert len(list(profile.glob("member-*.key"))) == 1
            assert not (profile / "rotation").exists()
    assert status == 0, command.log.read_text()
    # A new key, the statement, the receipt and profile.toml, each at several points, and the old key's end.
    assert killed >= 10
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_a_rotation_that_is_refused_is_forgotten(home: Path, server: RunningServer) -> None:
    profile = home.parent / "member-0"
    settle(profile, server)
    rotation = Rotation(profile, Passphrases({}), 0, unencrypted=True)
    with Client(profile) as client:
        client.append(client.author.say(KeySuspend("member-0", client.author.key.id, "lost")))
    before = sorted(path.name for path in profile.iterdir())
    with pytest.raises(NotPermittedError, match="it is suspended"):
        rotation.run()
    assert sorted(path.name for path in profile.iterdir()) == before


def test_a_rotation_that_waited_too_long_is_said_again_with_the_same_key(
    home: Path, server: RunningServer
) -> None:
    profile = home.parent / "member-0"
    settle(profile, server)
    paths, new = ProfilePaths(profile), Ed25519PrivateKey.generate()
    write_private(paths.member_key("2"), pkcs8.to_pem(new))
    with Client(profile) as client:
        author = replace(client.author, clock=lambda: unix_time() - 3600)
        said = author.rotate(author.key.id, pkcs8.named("2", new), new, 0)
    write_public(paths.rotation, said.statement)
    name, receipt = Rotation(profile, Passphrases({}), 0, unencrypted=True).run()
    assert name == "2"
    assert Profile.load(profile).key == pkcs8.named("2", new)
    with open_home(home) as opened:
        leaf = next(opened.ledger.leaves(receipt.index, receipt.index + 1))
    assert leaf.data != said.statement


def test_a_rotation_where_no_certificates_are_issued_says_what_to_do(home: Path) -> None:
    (home / "pki" / "ca.key").unlink()
    profile = home.parent / "member-0"
    with RunningServer(home) as server:
        settle(profile, server)
        rotation = Rotation(profile, Passphrases({}), 3600, unencrypted=True)
        with pytest.warns(ProfileWarning, match=r"issues no certificates.*hashpact cert request"):
            assert rotation.run()[0] == "2"
        submit(profile, "during the overlap")


def test_two_rotations_of_one_profile_do_not_mix(home: Path, server: RunningServer) -> None:
    profile = home.parent / "member-0"
    settle(profile, server)
    rotation = Rotation(profile, Passphrases({}), 0, unencrypted=True)
    with alone(profile), pytest.raises(ConfigError, match="another process is changing"):
        rotation.run()
    assert rotation.run()[0] == "2"
    with pytest.raises(ConfigError, match="cannot open"):
        replace(rotation, directory=profile / "nowhere").run()


def test_what_lies_in_the_way_of_a_rotation_is_told(
    home: Path, server: RunningServer, tmp_path: Path
) -> None:
    profile = home.parent / "member-0"
    settle(profile, server)
    write_private(tmp_path / "recovery.key", pkcs8.to_pem(Ed25519PrivateKey.generate()))
    with pytest.raises(ConfigError, match="knows no key of 'member-0' like that in"):
        Rotation(profile, Passphrases({}), 0, unencrypted=True, recovery=tmp_path / "recovery.key").run()
    with Client(profile) as client:
        write_public(ProfilePaths(profile).rotation, client.author.withdraw(1, "mistake").statement)
    with pytest.raises(ConfigError, match="no replacement of a key"):
        Rotation(profile, Passphrases({}), 0, unencrypted=True).run()
    (profile / "rotation").unlink()
    config = profile / "profile.toml"
    config.write_text(config.read_text().replace('key = "1"', 'key = "9"'))
    (profile / "member-1.key").rename(profile / "member-9.key")
    with pytest.raises(ConfigError, match="the log knows no key '9' of 'member-0'"):
        Rotation(profile, Passphrases({}), 0, unencrypted=True).run()


@dataclass
class Traffic:
    """One member that submits without a pause, while its key is replaced under it."""

    profile: Path
    stop: threading.Event
    sent: list[int] = field(default_factory=list)
    refused: int = 0
    failure: BaseException | None = None

    def run(self) -> None:
        """Submit until told to stop; a client whose key has retired reads its profile again."""
        try:
            while not self.stop.is_set():
                with Client(self.profile, timeout=120) as client:
                    self._submit(client)
        except BaseException as error:  # noqa: BLE001  # told by the test's own thread
            self.failure = error

    def _submit(self, client: Client) -> None:
        while not self.stop.is_set():
            shared = [fingerprint(SHA256, f"{self.profile.name} {len(self.sent)} {self.refused}")]
            try:
                self.sent.append(client.submit(shared, labels=["other"]).index)
            except NotPermittedError as error:
                if "it has been replaced" not in error.message:
                    raise
                self.refused += 1
                return


def rotate_under_traffic(home: Path, server: RunningServer, members: int, rotations: int) -> None:
    """Let members submit while each key is replaced; derive everything again from the leaves."""
    profiles = [home.parent / f"member-{number}" for number in range(members)]
    for profile in profiles:
        settle(profile, server)
    stop = threading.Event()
    traffic = [Traffic(profile, stop) for profile in profiles]
    threads = [threading.Thread(target=each.run) for each in traffic]
    rotators = [threading.Thread(target=rotate_often, args=(each, rotations)) for each in traffic]
    for thread in (*threads, *rotators):
        thread.start()
    for thread in rotators:
        thread.join()
    stop.set()
    for thread in threads:
        thread.join()
    assert [each.failure for each in traffic] == [None] * members
    assert server.process.poll() is None, "the server was not restarted"
    with open_home(home) as opened:
        state = check_log(opened.ledger).state
        leaves = [statements.parse(leaf.data).statement for leaf in opened.ledger.leaves(0, 1 << 40)]
    for each in traffic:
        member = each.profile.name
        ours = [(index, said) for index, said in enumerate(leaves) if said.member == member]
        submitted = [index for index, said in ours if isinstance(said.body, Submit)]
        replaced = {said.body.old: index for index, said in ours if isinstance(said.body, KeyRotate)}
        assert len(replaced) == rotations
        # Nothing that was answered is lost, and nothing is there that was not.
        assert submitted == sorted(each.sent)
        assert all(state.entry(index) is not None for index in submitted)
        # The overlap was 0: nothing by a key stands behind the leaf that replaced it.
        for index, said in ours:
            assert isinstance(said.body, KeyRotate) or index < replaced.get(said.key, 1 << 40)
        assert len({leaves[index].key for index in submitted}) == rotations + 1
    assert any(each.refused for each in traffic), "no submission met the end of its key"


def rotate_often(traffic: Traffic, rotations: int) -> None:
    """Replace the key of a member so many times, without overlap, each time once it has submitted with it."""
    deadline = time.monotonic() + 120
    while not traffic.sent and traffic.failure is None and time.monotonic() < deadline:
        time.sleep(0.005)
    for _ in range(rotations):
        Rotation(traffic.profile, Passphrases({}), 0, unencrypted=True, timeout=120).run()
        # The first of two may have been under way when the key was replaced; the second was not.
        enough = len(traffic.sent) + 2
        deadline = time.monotonic() + 120
        while len(traffic.sent) < enough and traffic.failure is None and time.monotonic() < deadline:
            time.sleep(0.005)


def test_keys_are_rotated_under_traffic(home: Path, server: RunningServer) -> None:
    rotate_under_traffic(home, server, members=3, rotations=4)


@pytest.mark.slow
def test_ten_members_rotate_twenty_times_under_traffic(tmp_path: Path) -> None:
    home = found_with(10, tmp_path)
    with RunningServer(home) as server:
        rotate_under_traffic(home, server, members=10, rotations=20)
