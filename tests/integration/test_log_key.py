"""The log gets another key: clients go on that follow its root statements, and believe nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builders import Identity, check_log, fingerprint
from clearinghouse import Clearinghouse, Connect
from running import BOTH, RunningServer, found

from hashpact.cli.main import run
from hashpact.domain.fingerprints import PDQ
from hashpact.domain.kinds import ADMIN, Root
from hashpact.domain.messages import LeafDetail, Submission
from hashpact.domain.pinned import PinnedLog, from_file
from hashpact.durable import alone
from hashpact.errors import CorruptError, LogKeyError, MalformedError, ProofError, UnavailableError
from hashpact.home.opening import open_home
from hashpact.log import checkpoint, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.member.author import Reason
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import Profile, ProfileWarning, config_of
from hashpact.member.trusting import bundle
from hashpact.member.trusting.roots import RootChain
from hashpact.service.prove import Prover
from hashpact.service.sign import LogKey, SigningGuard

PICTURE = fingerprint(PDQ, "one")
LABELS = {"ncii"}


def root(house: Clearinghouse, version: int, key: Identity, *by: Identity) -> bytes:
    """A root statement that gives the log that key, signed by these administrators, or all."""
    admins = house.world.admins
    body = Root(version, tuple(admin.key for admin in admins), 2, (key.public,))
    return house.world.leaf(body, *(by or admins))


def submission_at(house: Clearinghouse, index: int) -> Submission:
    """The submission that is the leaf of that index."""
    (leaf,), ((_, private),) = house.ledger.leaves(index, index + 1), house.ledger.private(index, index + 1)
    return Submission(leaf.data, private)


async def rotate(house: Clearinghouse, version: int) -> Identity:
    """Give the log another key by a root statement, and serve it with that."""
    key = Identity.of(f"log {version}")
    house.intake.appender.append(None, Submission(root(house, version, key)))
    await serve(house, SigningGuard(house.ledger, LogKey(house.world.origin, key.public, key.private)))
    return key


async def serve(house: Clearinghouse, guard: SigningGuard, prover: Prover | None = None) -> None:
    """Stop the server, and start another on the same port."""
    port = house.server.port
    await asyncio.to_thread(house.server.stop, 0)
    house.alter(guard=guard, prover=prover or Prover(house.ledger))
    await house.start(port)


async def test_a_client_goes_on_when_the_log_has_another_key(house: Clearinghouse, connect: Connect) -> None:
    caller, other = connect(house.profile("acme")), connect(house.profile("bolt"))
    await caller("submit", [PICTURE], labels=LABELS)
    before = (await caller("checkpoint")).checkpoint
    key = Identity.of("log")
    for version in (2, 3):
        key = await rotate(house, version)
        receipt = await caller("submit", [PICTURE], labels=LABELS)
        assert caller.client.profile.log.keys == (key.public,)
        assert PinnedLog(house.world.origin, (key.public,)).read(receipt.checkpoint).size == receipt.tree_size
        assert (await caller("consistency", before)).checkpoint.size == receipt.tree_size
    # Two roots at once, and a method that only reads.
    assert (await other("checkpoint")).checkpoint.size == house.ledger.head().size
    assert other.client.profile.log.keys == (key.public,)
    check_log(house.ledger)


async def test_a_statement_whose_answer_was_lost_is_answered_under_the_new_key(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    submission = house.world.author("acme").submit([PICTURE], Reason(frozenset(LABELS)))
    index = house.intake.appender.append("acme", submission).index  # committed, and not signed yet
    await rotate(house, 2)
    assert (await caller("append", submission)).index == index


async def test_a_statement_from_before_that_is_sent_again_is_proved_under_the_new_key(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    submission = house.world.author("acme").submit([PICTURE], Reason(frozenset(LABELS)))
    first = await caller("append", submission)
    key = await rotate(house, 2)
    assert await caller("append", submission) == first  # nothing is signed by the new key yet
    later = await caller("submit", [PICTURE], labels=LABELS)
    again = await caller("append", submission)
    assert (again.index, again.leaf_hash) == (first.index, first.leaf_hash)
    assert again.tree_size == later.tree_size == house.ledger.head().size
    PinnedLog(house.world.origin, (key.public,)).check_receipt(submission.statement, again)
    assert await caller("append", submission_at(house, later.index)) == later


async def test_a_lie_about_a_statement_from_before_is_refused(house: Clearinghouse, connect: Connect) -> None:
    class Elsewhere(Prover):
        def inclusion(self, index: int, size: int) -> tuple[bytes, tuple[bytes, ...]]:
            return Prover.inclusion(self, index - 1 if index == first.index else index, size)

    caller = connect(house.profile("acme"))
    submission = house.world.author("acme").submit([PICTURE], Reason(frozenset(LABELS)))
    first = await caller("append", submission)
    await rotate(house, 2)
    await caller("submit", [PICTURE], labels=LABELS)
    await serve(house, house.intake.guard, Elsewhere(house.ledger))
    with pytest.raises(ProofError, match="another statement"):
        await caller("append", submission)


@dataclass(frozen=True, slots=True)
class Liar(Prover):
    """Shows the log's tree under a key that it does not have, and does something to its root statements."""

    key: Identity
    origin: str
    told: Callable[[tuple[LeafDetail, ...]], Iterable[LeafDetail]]

    def checkpoint(self) -> bytes:
        """The newest tree, signed by that key."""
        size = self.log.head().size
        signed = Checkpoint(self.origin, size, tree.root(self.log.tree.edge(size)))
        return checkpoint.sign(signed, self.key.public, self.key.private.sign)

    def roots(self, start: int) -> tuple[LeafDetail, ...]:
        """What is told of those that there are."""
        return tuple(self.told(Prover.roots(self, start)))


ALICE, BOB = (Identity.of(ADMIN, name) for name in ("alice", "bob"))
SIZE = 7
"""Leaves of the log that the liars have: the founding ones and a submission."""

LIES: dict[str, tuple[Callable[..., object], type[Exception], str]] = {
    "as they are": (lambda honest, _: honest, LogKeyError, "not one that is pinned"),
    "none": (lambda _, __: (), ProofError, "held back"),
    "signed by one": (
        lambda honest, said: honest and (*honest, LeafDetail(6, said(2, ALICE))),
        ProofError,
        "signed by 1 administrators, 2 must sign",
    ),
    "not in the log": (
        lambda honest, said: honest and (*honest, LeafDetail(6, said(2, ALICE, BOB))),
        ProofError,
        "inclusion proof of leaf 6",
    ),
    "past its end": (
        lambda honest, said: honest and (*honest, LeafDetail(SIZE, said(2, ALICE, BOB))),
        ProofError,
        f"a tree of {SIZE} leaves by a key for those of more than {SIZE}",
    ),
    "another genesis": (lambda _, said: (LeafDetail(0, said(2, ALICE, BOB)),), ProofError, "another log"),
    "from the beginning again": (
        lambda _, said: (LeafDetail(6, said(2, ALICE, BOB)), LeafDetail(0, b"leaf")),
        CorruptError,
        "not in the order of the log",
    ),
    "without end": (
        lambda honest, said: honest or (LeafDetail(6, said(3, ALICE, BOB)),),
        ProofError,
        "version must be 2",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_key_that_no_root_statement_brings_is_refused(
    house: Clearinghouse, connect: Connect, lie: str
) -> None:
    told, error, message = LIES[lie]
    caller, key = connect(house.profile("acme")), Identity.of("thief")
    await caller("submit", [PICTURE], labels=LABELS)
    assert house.ledger.head().size == SIZE

    def said(version: int, *by: Identity) -> bytes:
        return root(house, version, key, *by)

    liar = Liar(house.ledger, key, house.world.origin, lambda honest: told(honest, said))  # type: ignore[arg-type,return-value]  # of each lie
    await serve(house, house.intake.guard, liar)
    with pytest.raises(error, match=message):
        await caller("checkpoint")
    assert caller.client.profile.log == house.world.pinned


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two members."""
    return found(tmp_path, {"acme-video": BOTH, "lotus-forum": BOTH})


def propose(home: Path, capsys: pytest.CaptureFixture[str], *by: int) -> None:
    """Make another log key for a home, and a root statement that these of its administrators sign."""
    capsys.readouterr()
    assert run(["key", "new", str(home / "pki" / "new-log.key"), "--unencrypted", "--json"]) == 0
    public, draft = json.loads(capsys.readouterr().out)["public"], str(home.parent / "root.note")
    assert run(["root", "propose", str(home), "--log-key", public, "--out", draft]) == 0
    for number in by:
        signed = ["root", "sign", draft, "--key", str(home / "pki" / f"admin-{number}.key"), "--yes"]
        assert run(signed) == 0


def test_a_profile_pins_the_key_that_the_server_has_after_a_restart(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunningServer(home) as server, Client(server.profile("acme-video")) as client:
        first = client.submit([PICTURE], labels=LABELS)
    paths = ProfilePaths(home.parent / "acme-video")
    before = config_of(paths)
    propose(home, capsys, 1, 2)
    assert run(["statement", "submit", str(home.parent / "root.note"), "--home", str(home)]) == 0
    (home / "pki" / "new-log.key").replace(home / "pki" / "log.key")
    with RunningServer(home) as server:
        with Client(server.profile("acme-video")) as client:
            receipt = client.submit([PICTURE], labels=LABELS, again=True)
        after = config_of(paths)
        with open_home(home) as opened:
            assert after == replace(before, log_key=opened.charter().log_keys)
            assert after.log_key == (opened.open_log_key().public,)
            roots = [next(opened.ledger.leaves(index, index + 1)).data for index in (0, first.index + 1)]
            check_log(opened.ledger)
        kept_roots = bundle.parse(paths.roots.read_bytes())
        assert [part.data for part in kept_roots] == roots
        assert [part.index for part in kept_roots] == [0, first.index + 1]
        # Who opens the profile now needs no root statement; the old receipt is the old key's.
        pinned = Profile.load(paths.directory).log
        kept = from_file((paths.receipts / f"{receipt.index}.tlog-proof").read_bytes(), b"")
        assert pinned.read(kept.checkpoint).size == receipt.tree_size
        with pytest.raises(LogKeyError):
            pinned.read(first.checkpoint)
        PinnedLog(before.origin, before.log_key).read(first.checkpoint)
        kept_files = [str(paths.receipts / f"{each.index}.tlog-proof") for each in (first, receipt)]
        capsys.readouterr()
        assert run(["receipt", *kept_files, "--profile", str(paths.directory), "--json"]) == 0
        shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [each["key_replaced"] for each in shown] == [True, False]
        # A member that was away, and its audit.
        with Client(server.profile("lotus-forum")) as client:
            client.checkpoint()
        assert config_of(ProfilePaths(home.parent / "lotus-forum")).log_key == after.log_key
        profile = str(home.parent / "lotus-forum")
        assert run(["audit", server.address, "--profile", profile]) == 0


def test_a_root_with_too_few_signatures_changes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    propose(home, capsys, 1)
    assert run(["statement", "submit", str(home.parent / "root.note"), "--home", str(home)]) == 3
    (home / "pki" / "new-log.key").replace(home / "pki" / "log.key")
    with RunningServer(home) as server, Client(server.profile("acme-video"), timeout=5) as client:
        pinned = client.profile.log
        with pytest.raises(UnavailableError, match="not a key of the log"):
            client.submit([PICTURE], labels=LABELS)
        assert client.profile.log.keys == pinned.keys


def test_what_the_roots_say_that_cannot_be_kept_is_a_warning(home: Path) -> None:
    directory = home.parent / "acme-video"
    profile = Profile.load(directory)
    with open_home(home) as opened:
        (genesis,) = opened.ledger.leaves(0, 1)
    chain = RootChain(profile.log, profile.genesis)
    chain.add(LeafDetail(0, genesis.data))
    log, roots = chain.pinned(), chain.data()
    ProfilePaths(directory).roots.mkdir()  # in the way
    with pytest.warns(ProfileWarning, match="roots are not kept"):
        assert profile.recognising(log, roots).followed
    ProfilePaths(directory).roots.rmdir()
    followed = profile.recognising(log, roots)
    loaded = Profile.load(directory)
    assert loaded.log == log == followed.log
    assert loaded.followed
    assert followed.recognising(log, b"never written") == followed
    # Another process was quicker, and has followed the log further.
    late = replace(profile, log=PinnedLog(profile.origin, (bytes(32),)))
    assert late.recognising(log, b"late").log == log
    with alone(directory), pytest.warns(ProfileWarning, match="roots are not kept"):
        assert late.recognising(log, b"late").log == log
    assert ProfilePaths(directory).roots.read_bytes() == roots


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"roots", "want 'hashpact/bundle/v1'"),
        (b"hashpact/bundle/v1\n", "held back"),
        (b"hashpact/bundle/v1\nprivate 0 0\n\n", "want root statements only"),
        (b"hashpact/bundle/v1\nroot 0 4\nleaf\n", "not the genesis that is pinned"),
    ],
)
def test_roots_that_were_altered_are_refused(home: Path, data: bytes, message: str) -> None:
    paths = ProfilePaths(home.parent / "acme-video")
    paths.roots.write_bytes(data)
    with pytest.raises((MalformedError, ProofError), match=message):
        Profile.load(paths.directory)
