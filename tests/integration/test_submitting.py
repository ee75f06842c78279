"""Nothing is submitted twice by accident: lost answers, killed clients, late quorums, and several at once."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from builders import check_log, fingerprint
from clearinghouse import Caller, Clearinghouse, Connect
from commands import here
from forking import UNMEASURED
from running import BOTH, ORIGIN, RunningServer, found, log_size
from witnesses import RunningWitness

from hashpact.config import HomeConfig, WitnessAt
from hashpact.domain import statements
from hashpact.domain.fingerprints import PDQ, SHA256
from hashpact.domain.kinds import GiveOpinion, MemberSuspend, Submit
from hashpact.domain.messages import Submission
from hashpact.domain.state import Stance
from hashpact.errors import (
    AlreadySharedError,
    ClockSkewError,
    ConfigError,
    HashpactError,
    NotPermittedError,
    UnknownLabelError,
)
from hashpact.home.opening import open_home
from hashpact.home.paths import HomePaths
from hashpact.member.author import Reason
from hashpact.member.pending import Outbox, subject_of, subject_of_content
from hashpact.member.profile import ProfileWarning

PICTURE = fingerprint(PDQ, "one")
NCII = Reason(frozenset({"ncii"}))
LATE = 700
"""More seconds than a statement may be old."""


def acme(house: Clearinghouse, connect: Connect, directory: Path) -> tuple[Caller, Outbox]:
    """A client of acme whose profile is kept in a directory, and its outbox."""
    profile = replace(house.profile("acme"), directory=directory)
    assert profile.outbox is not None
    return connect(profile, clock=house.world.clock), profile.outbox


def put(outbox: Outbox, submission: Submission) -> None:
    """What a client does before it sends a statement."""
    subject = subject_of(submission)
    assert subject is not None
    assert outbox.put(subject, submission, outbox.shared(subject))


class LossyRelay:
    """Carries bytes between a client and a server, except what the server says once its log has grown."""

    def __init__(self, address: str, home: Path) -> None:
        self._to = address.rsplit(":", 1)
        self._home, self._before = home, log_size(home)
        self.withheld = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._stack = ExitStack()
        self._stack.callback(self._listener.close)
        self._spawn(self._accept)

    def _spawn(self, work: object, *args: object) -> None:
        threading.Thread(target=work, args=args, daemon=True).start()  # type: ignore[arg-type]  # a method

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((self._to[0], int(self._to[1])))
            for one in (client, server):
                self._stack.callback(one.close)
            self._spawn(self._carry, client, server, False)  # noqa: FBT003 - whether to hold back
            self._spawn(self._carry, server, client, True)  # noqa: FBT003 - as above

    def _carry(self, source: socket.socket, sink: socket.socket, guarded: bool) -> None:  # noqa: FBT001 - as above
        try:
            while data := source.recv(65536):
                if guarded and log_size(self._home) > self._before:
                    self.withheld.set()
                    return
                sink.sendall(data)
        except OSError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@pytest.mark.parametrize("resumed", [False, True], ids=["the same command", "--resume"])
def test_a_command_that_was_killed_before_its_answer_gets_the_receipt(
    tmp_path: Path, *, resumed: bool
) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    (file := tmp_path / "removed.bin").write_bytes(b"\0removed")
    before = log_size(home)
    command: tuple[str | Path, ...] = (
        "submit",
        file,
        "--label",
        "ncii",
        "--profile",
        tmp_path / "acme-video",
    )
    pending = tmp_path / "acme-video" / "pending"
    with RunningServer(home) as server:
        with LossyRelay(server.address, home) as relay:
            process = subprocess.Popen(
                [sys.executable, "-m", "hashpact", *map(str, command), "--address", relay.address],
                env={**os.environ, **UNMEASURED},
            )
            assert relay.withheld.wait(120)
            process.kill()
            process.wait(120)
        assert [path.stat().st_mode & 0o777 for path in pending.iterdir()] == [0o600]
        assert log_size(home) == before + 1
        again = ("submit", "--resume", *command[4:]) if resumed else command
        done = here(*again, "--address", server.address, "--json")
        assert (done.status, done.err) == (0, "")
        assert [line["entry"] for line in done.lines] == [before]
        assert list(pending.iterdir()) == []
        third = here(*command, "--address", server.address)
        assert (third.status, third.out, third.err) == (0, f"{file}: already entry {before}\n", "")
        assert here("submit", "--resume", *command[4:], "--address", server.address).out == ""
    assert log_size(home) == before + 1
    with open_home(home) as opened:
        check_log(opened.ledger)


def test_without_a_quorum_the_next_run_gets_the_receipt(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    (file := tmp_path / "removed.bin").write_bytes(b"\0removed")
    with open_home(home) as opened:
        logs = [(ORIGIN, public) for public in opened.charter().log_keys]
    with RunningWitness(tmp_path / "north", logs, 0) as north:
        port = north.port
        config = HomeConfig(ORIGIN, witnesses=(WitnessAt(north.witness, north.url),), quorum=1)
        HomePaths(home).config.write_text(config.to_toml())
        with RunningServer(home) as server:
            before = log_size(home)
            north.stop()
            command = ("submit", file, "--label", "ncii", "--profile", tmp_path / "acme-video")
            at = ("--address", server.address, "--timeout", "15")
            assert "0 of 1 witnesses" in here(*command, *at).error
            with RunningWitness(tmp_path / "north", logs, port):
                done = here(*command, *at, "--json")
                assert [line["entry"] for line in done.lines] == [before]
            assert log_size(home) == before + 1


async def test_a_statement_whose_answer_was_lost_is_sent_again(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller, outbox = acme(house, connect, tmp_path)
    submission = house.world.author("acme").submit([PICTURE], NCII)
    put(outbox, submission)
    index = house.intake.appender.append("acme", submission).index
    assert (await caller("submit", [PICTURE], labels={"ncii"})).index == index
    opinion = house.world.author("acme").opinion(await share(house, connect), Stance.SEEN)
    put(outbox, opinion)
    said = house.intake.appender.append("acme", opinion).index
    ((kept, receipt),) = await caller("resume")
    assert (kept.statement, receipt.index) == (opinion.statement, said)
    assert list(outbox.all()) == []
    assert house.ledger.head().size == said + 1


async def test_one_that_stays_refused_does_not_keep_those_behind_it(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller, outbox = acme(house, connect, tmp_path)
    author = house.world.author("acme")
    put(outbox, author.withdraw(await share(house, connect), "mistake"))  # of bolt's entry
    put(outbox, author.submit([PICTURE], NCII))
    for _ in range(2):
        with pytest.raises(NotPermittedError):
            await caller("resume")
    assert len(list(outbox.all())) == 2
    refused: list[HashpactError] = []
    ((kept, _),) = await caller("resume", on_refused=refused.append)
    assert subject_of(kept) == subject_of_content([PICTURE])
    assert [type(each) for each in refused] == [NotPermittedError]
    assert len(list(outbox.all())) == 1


async def share(house: Clearinghouse, connect: Connect) -> int:
    """An entry of bolt's."""
    receipt = await connect(house.profile("bolt"))("submit", [fingerprint(PDQ, "two")], labels={"ncii"})
    index: int = receipt.index
    return index


async def test_one_that_is_too_old_is_signed_anew_only_if_the_log_has_not_got_it(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller, outbox = acme(house, connect, tmp_path)
    other = fingerprint(PDQ, "two")
    there, lost = (house.world.author("acme").submit([one], NCII, removed=7) for one in (PICTURE, other))
    put(outbox, there)
    put(outbox, lost)
    index = house.intake.appender.append("acme", there).index
    house.world.clock.now += LATE
    assert (await caller("submit", [PICTURE], labels={"ncii"})).index == index
    assert (await caller("submit", [other], labels={"ncii"})).index == index + 1
    (leaf,) = house.ledger.leaves(index + 1, index + 2)
    signed = statements.parse(leaf.data).statement
    assert isinstance(signed.body, Submit)
    assert (signed.time, signed.body.removed) == (house.world.clock.now, 7)
    assert house.ledger.head().size == index + 2
    assert list(outbox.all()) == []


async def test_a_refusal_is_forgotten_and_a_suspension_is_not(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller, outbox = acme(house, connect, tmp_path)
    with pytest.raises(UnknownLabelError):
        await caller("submit", [PICTURE], labels={"rubbish"})
    assert list(outbox.all()) == []
    slow = connect(caller.client.profile, clock=lambda: house.world.clock.now - LATE)
    with pytest.raises(ClockSkewError):
        await slow("submit", [PICTURE], labels={"ncii"})
    assert list(outbox.all()) == []
    # The log has this one, and a suspended member cannot find out.
    submission = house.world.author("acme").submit([PICTURE], NCII)
    put(outbox, submission)
    index = house.intake.appender.append("acme", submission).index
    admin = house.world.admins[0]
    house.intake.appender.append(None, Submission(house.world.leaf(MemberSuspend("acme", "flood"), admin)))
    house.intake.follower.catch_up()
    stranger = connect(caller.client.profile)
    with pytest.raises(NotPermittedError):
        await stranger("submit", [PICTURE], labels={"ncii"})
    ((_, kept),) = outbox.all()
    assert kept.statement == submission.statement
    assert index == house.ledger.head().size - 2


async def test_what_is_shared_already_is_named_until_it_is_withdrawn(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller, _ = acme(house, connect, tmp_path)
    both = [PICTURE, fingerprint(SHA256, "one")]
    first = await caller("submit", both, labels={"ncii"})
    with pytest.raises(AlreadySharedError, match=f"already entry {first.index}") as already:
        await caller("submit", both[::-1], labels={"hate"})
    assert already.value.details == {"entry": str(first.index), "differs": "labels"}
    one = await caller("submit", both[:1], labels={"ncii"})  # other fingerprints: another entry
    second = await caller("submit", both, labels={"hate"}, again=True)
    assert second.index == one.index + 1
    with pytest.raises(AlreadySharedError, match=f"already entry {first.index}") as already:
        await caller("submit", both, labels={"ncii"})
    assert already.value.details == {"entry": str(first.index)}
    assert await caller("duplicates", second.index) == (first.index,)
    await caller("withdraw", second.index, "mistake")
    with pytest.raises(AlreadySharedError, match=f"already entry {first.index}"):
        await caller("submit", both, labels={"ncii"})
    await caller("withdraw", first.index, "mistake")
    assert await caller("duplicates", first.index) == ()
    third = await caller("submit", both, labels={"ncii"})
    assert third.index == house.ledger.head().size - 1
    assert caller.client.profile.shared(both) == (first.index, second.index, third.index)


async def test_what_is_pending_on_other_terms_goes_first(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller, outbox = acme(house, connect, tmp_path)
    put(outbox, house.world.author("acme").submit([PICTURE], NCII))
    before = house.ledger.head().size
    with pytest.raises(AlreadySharedError, match=f"already entry {before}"):
        await caller("submit", [PICTURE], labels={"hate"})
    put(outbox, house.world.author("acme").submit([PICTURE], NCII, removed=5))
    again = await caller("submit", [PICTURE], labels={"ncii"}, removed=6, again=True)
    assert again.index == before + 2
    entry = await share(house, connect)
    put(outbox, house.world.author("acme").opinion(entry, Stance.DISPUTE))
    said = await caller("opinion", entry, "endorse")
    stances = [
        statements.parse(leaf.data).statement.body
        for leaf in house.ledger.leaves(said.index - 1, said.index + 1)
    ]
    assert stances == [GiveOpinion(entry, Stance.DISPUTE), GiveOpinion(entry, Stance.ENDORSE)]
    assert list(outbox.all()) == []


async def test_several_that_share_the_same_at_once_make_one_entry(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    callers = [acme(house, connect, tmp_path)[0] for _ in range(4)]
    before = house.ledger.head().size
    results = await asyncio.gather(
        *(caller("submit", [PICTURE], labels={"ncii"}) for caller in callers for _ in range(4)),
        return_exceptions=True,
    )
    assert house.ledger.head().size == before + 1
    for result in results:
        if isinstance(result, AlreadySharedError):
            assert result.details == {"entry": str(before)}
        else:
            assert not isinstance(result, BaseException), result
            assert result.index == before


async def test_several_that_find_one_too_old_sign_it_anew_once(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    callers = [acme(house, connect, tmp_path) for _ in range(4)]
    put(callers[0][1], house.world.author("acme").submit([PICTURE], NCII))
    house.world.clock.now += LATE
    before = house.ledger.head().size
    await asyncio.gather(
        *(caller("submit", [PICTURE], labels={"ncii"}) for caller, _ in callers), return_exceptions=True
    )
    assert house.ledger.head().size == before + 1


async def test_a_profile_that_cannot_be_written_warns_and_one_that_is_damaged_is_refused(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "pending").write_bytes(b"in the way")
    caller, outbox = acme(house, connect, tmp_path)
    with pytest.warns(ProfileWarning, match="sent without being kept"):
        await caller("submit", [PICTURE], labels={"ncii"})
    (tmp_path / "pending").unlink()
    other = house.world.author("acme").submit([fingerprint(PDQ, "two")], NCII)
    put(outbox, other)
    (path,) = (tmp_path / "pending").iterdir()
    path.write_bytes(path.read_bytes().replace(b"value ", b"value 0"))
    with pytest.raises(ConfigError, match="is damaged"):
        await caller("submit", [fingerprint(PDQ, "two")], labels={"ncii"})


async def test_what_cannot_be_removed_is_no_endless_loop(
    house: Clearinghouse, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path.parent.name == "pending" and not path.name.startswith("."):
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok=missing_ok)

    caller, outbox = acme(house, connect, tmp_path)
    put(outbox, house.world.author("acme").submit([PICTURE], NCII))
    monkeypatch.setattr(Path, "unlink", refuse)
    before = house.ledger.head().size
    with pytest.warns(ProfileWarning, match="is still there"), pytest.raises(AlreadySharedError):
        await caller("submit", [PICTURE], labels={"hate"})
    with pytest.warns(ProfileWarning, match="is still there"):
        await caller("submit", [PICTURE], labels={"hate"}, again=True)
    assert house.ledger.head().size == before + 2
