"""Checkpoints, proofs, tiles, leaves and kept receipts, over the wire and through both clients."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from builders import Identity, World, check_log, fingerprint
from clearinghouse import Clearinghouse, Connect
from pausing import pauses
from waits import PATIENCE, until

from hashpact.domain.fingerprints import MINHASH, PDQ, FingerprintType
from hashpact.domain.messages import LeafDetail, Submission
from hashpact.domain.pinned import PinnedLog, from_file
from hashpact.domain.state import KeptCheckpoint
from hashpact.errors import CorruptError, DeadlineError, InvalidInputError, NotFoundError, ProofError
from hashpact.log import proofs, tree
from hashpact.log.checkpoint import Checkpoint
from hashpact.member.author import Reason
from hashpact.member.awaiting import AsyncClient
from hashpact.service.prove import Prover
from hashpact.service.sign import SigningGuard
from hashpact.wire.client import calls, connection
from hashpact.wire.server.transport import Limits
from hashpact.wire.v1 import log_pb2, log_pb2_grpc

NCII = Reason(frozenset({"ncii"}))
PICTURE = fingerprint(PDQ, "one")


def fill(house: Clearinghouse, count: int, items: int = 1, kind: FingerprintType = PDQ) -> list[Submission]:
    """Append so many submissions, and sign."""
    author = house.world.author("acme")
    shared = [fingerprint(kind, str(number)) for number in range(items)]
    made = [author.submit(shared, NCII) for _ in range(count)]
    house.world.appender(house.ledger).append_all("acme", made)
    house.intake.guard.sign()
    return made


def ended(house: Clearinghouse) -> list[object]:
    """The codes with which streams of leaves have ended there."""
    logged = house.events.entries
    return [entry["code"] for entry in logged if str(entry.get("rpc")).endswith("/ListLeaves")]


async def test_the_newest_checkpoint_extends_every_older_one(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    with pytest.raises(NotFoundError):
        await caller("checkpoint")
    seen = []
    for _ in range(5):
        fill(house, 3)
        seen.append(await caller("checkpoint"))
    assert [one.checkpoint.size for one in seen] == [9, 12, 15, 18, 21]
    for one in seen:
        assert await caller("consistency", one.checkpoint) == seen[-1]


async def test_a_checkpoint_that_does_not_extend_the_old_one_is_refused(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    fill(house, 3)
    now = (await caller("checkpoint")).checkpoint
    for old in (
        replace(now, root=bytes(32)),
        replace(now, size=now.size - 1),
        replace(now, size=now.size + 1),
        replace(now, origin="other.example/log"),
    ):
        with pytest.raises(ProofError):
            await caller("consistency", old)
    # Nothing is proved from the empty tree.
    with pytest.raises(InvalidInputError):
        await caller("consistency", Checkpoint(now.origin, 0, tree.EMPTY_ROOT))


async def test_a_checkpoint_by_another_key_is_refused(house: Clearinghouse, connect: Connect) -> None:
    fill(house, 1)
    pinned = PinnedLog(house.world.origin, (Identity.of("other").public,))
    caller = connect(replace(house.profile("acme"), log=pinned))
    with pytest.raises(ProofError, match="some are held back"):
        await caller("checkpoint")
    with pytest.raises(ProofError):
        await caller("submit", [PICTURE], labels=["ncii"])


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (5, 40), (77, 0), (80, 0), (100, 0), (0, 999)])
async def test_leaves_come_in_order(house: Clearinghouse, connect: Connect, start: int, stop: int) -> None:
    fill(house, 72)
    world_leaves = [LeafDetail(leaf.index, leaf.data) for leaf in house.ledger.leaves(0, 78)]
    assert await connect(house.profile("bolt"))("leaves", start, stop) == world_leaves[start : stop or 78]


async def test_private_parts_come_when_they_are_asked_for(house: Clearinghouse, connect: Connect) -> None:
    made = fill(house, 5, items=7)
    caller = connect(house.profile("bolt"))
    leaves = await caller("leaves", private=True)
    assert [leaf.private for leaf in leaves] == [()] * 6 + [tuple(one.private) for one in made]
    assert not any(leaf.private for leaf in await caller("leaves"))


async def test_a_request_for_leaves_that_cannot_be_read_is_refused(house: Clearinghouse) -> None:
    async with house.channel(house.tls(house.member("acme"))) as channel:
        for request in (b"\x08", b"\xff\xff", b"\x08" + b"\xff" * 9 + b"\x01"):
            ask: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
                "/hashpact.wire.v1.LogService/ListLeaves"
            )
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                _ = [message async for message in ask(request)]
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_signed_leaves_are_shown(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("bolt"))
    assert await caller("leaves") == []
    fill(house, 1)
    house.world.appender(house.ledger).append("acme", house.world.author("acme").withdraw(6, "mistake"))
    assert len(await caller("leaves")) == 7


async def test_another_genesis_is_another_log(house: Clearinghouse, connect: Connect) -> None:
    fill(house, 1)
    caller = connect(replace(house.profile("acme"), genesis=bytes(32)))
    with pytest.raises(ProofError, match="another log"):
        await caller("leaves")
    assert len(await caller("leaves", 1)) == 6


@pytest.mark.parametrize("wrong", ["left out", "twice"])
async def test_a_leaf_that_is_left_out_or_comes_twice_is_corrupt(
    founded: Clearinghouse, connect: Connect, wrong: str
) -> None:
    class Liar(Prover):
        def leaves(self, start: int, stop: int, *, private: bool) -> Iterator[LeafDetail]:
            for leaf in super().leaves(start, stop, private=private):
                if leaf.index != 3:
                    yield leaf
                elif wrong == "twice":
                    yield leaf
                    yield leaf

    fill(founded, 3)
    founded.alter(prover=Liar(founded.ledger))
    await founded.start()
    with pytest.raises(CorruptError, match=r"asked for leaf [34]"):
        await connect(founded.profile("acme"))("leaves")


async def test_a_stream_goes_on_at_a_server_that_comes_back(
    founded: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    halfway, gone = threading.Event(), threading.Event()

    class Halting(Prover):
        def leaves(self, start: int, stop: int, *, private: bool) -> Iterator[LeafDetail]:
            for leaf in super().leaves(start, stop, private=private):
                if leaf.index == 50 and not halfway.is_set():
                    halfway.set()
                    gone.wait(PATIENCE)
                yield leaf

    fill(founded, 100)
    founded.alter(prover=Halting(founded.ledger))
    await founded.start()
    caller = connect(founded.profile("acme"))
    lost = pauses(monkeypatch)
    waiting = asyncio.create_task(caller("leaves"))
    assert await asyncio.to_thread(halfway.wait, PATIENCE)
    port = founded.server.port
    stopping = asyncio.create_task(asyncio.to_thread(founded.server.stop, 0))
    await until(lambda: lost)  # the client has seen its stream end, halfway
    gone.set()
    await stopping
    assert not waiting.done()
    await founded.start(port)
    leaves = await waiting
    assert [leaf.index for leaf in leaves] == list(range(106))
    assert len(ended(founded)) == 2


async def test_38_a_stream_that_nobody_reads_holds_few_leaves(
    founded: Clearinghouse, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A reader's window may grow to the whole log, in the reader's own memory; this one's stays at 64 KB.
    monkeypatch.setattr(connection, "_OPTIONS", (*connection._OPTIONS, ("grpc.http2.bdp_probe", 0)))
    read = []

    class Counting(Prover):
        def leaves(self, start: int, stop: int, *, private: bool) -> Iterator[LeafDetail]:
            for leaf in super().leaves(start, stop, private=private):
                read.append(leaf.index)
                yield leaf

    fill(founded, 400, items=60, kind=MINHASH)
    founded.alter(prover=Counting(founded.ledger))
    founded.unread = 0.5
    await founded.start()
    async with AsyncClient(founded.profile("acme"), clock=world.clock, entropy=world.entropy) as client:
        leaves = client.leaves(private=True)
        first = await anext(aiter(leaves))
        await until(lambda: ended(founded))  # nothing was taken for a while: the server waits no longer
        # Each leaf has about 70 KB here: a window's worth is sent ahead, and the log is 29 MB.
        assert first.index == 0
        assert len(read) < 40
        assert ended(founded) == ["RESOURCE_EXHAUSTED"]
        await leaves.aclose()  # type: ignore[attr-defined]  # an async generator has it


async def test_44_a_stream_that_is_not_read_ends_and_gives_its_place_back(founded: Clearinghouse) -> None:
    fill(founded, 100, items=60, kind=MINHASH)
    founded.limits = Limits(member_streams=1)
    founded.unread = 0.5
    await founded.start()
    async with founded.channel(founded.tls(founded.member("acme"))) as channel:
        stub = log_pb2_grpc.LogServiceStub(channel)
        unread = stub.ListLeaves(log_pb2.ListLeavesRequest(with_private=True))
        await unread.read()
        refused = 0
        async with asyncio.timeout(60):
            while True:  # until the place is free again
                more = stub.ListLeaves(log_pb2.ListLeavesRequest(start=99))
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await more.read()
                    break
                assert await more.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                refused += 1
        assert refused
        unread.cancel()
    said = [entry for entry in founded.events.entries if entry.get("code") == "RESOURCE_EXHAUSTED"]
    assert len(said) == refused + 1
    assert {entry["event"] for entry in founded.events.entries} == {"rpc"}


async def test_proofs_and_tiles_are_those_of_the_tree(house: Clearinghouse, connect: Connect) -> None:
    fill(house, 300)
    caller = connect(house.profile("acme"))
    roots = [tree.root(house.ledger.tree.edge(size)) for size in range(1, 307)]
    for index, size in ((0, 1), (0, 306), (305, 306), (17, 200)):
        leaf_hash, proof = await caller("_run", calls.inclusion(index, size))
        proofs.verify_inclusion(leaf_hash, index, size, proof, roots[size - 1])
    tile = await caller("_run", calls.tile("tile/0/001.p/50"))
    assert tile == b"".join(leaf.hash for leaf in house.ledger.leaves(256, 306))
    for call, error in (
        (calls.inclusion(5, 5), InvalidInputError),
        (calls.inclusion(-1, 5), InvalidInputError),
        (calls.inclusion(0, 307), NotFoundError),
        (calls.consistency(0, 5), InvalidInputError),
        (calls.consistency(6, 5), InvalidInputError),
        (calls.consistency(1, 307), NotFoundError),
        (calls.tile("tile/0/001.p/51"), NotFoundError),
        (calls.tile("tile/0/1"), InvalidInputError),
    ):
        with pytest.raises(error):
            await caller("_run", call)


async def test_an_append_waits_for_a_quorum_and_a_retry_of_what_has_one_does_not(
    founded: Clearinghouse, connect: Connect
) -> None:
    class Witnesses:
        away = False

        def cosign(self, note: bytes, size: int, consistency: object) -> bytes:
            if self.away:
                msg = f"too few witnesses have cosigned {size}"
                raise DeadlineError(msg)
            assert consistency is not None
            return note

    witnesses = Witnesses()
    founded.alter(guard=founded.world.guard(founded.ledger, witnesses))
    await founded.start()
    caller, author = connect(founded.profile("acme")), founded.world.author("acme")
    first, second = author.submit([PICTURE], NCII), author.submit([PICTURE], NCII)
    receipt = await caller("append", first)
    witnesses.away = True
    for _ in range(2):
        with pytest.raises(DeadlineError, match="too few witnesses have cosigned 8"):
            await caller("append", second)
        assert await caller("append", first) == receipt
    assert founded.ledger.head().size == 8
    witnesses.away = False
    assert (await caller("append", second)).index == 7


async def test_appends_that_wait_share_a_signature(founded: Clearinghouse, connect: Connect) -> None:
    signed = []
    go = threading.Event()

    class Slow(SigningGuard):
        def sign(self) -> KeptCheckpoint:
            go.wait(PATIENCE)
            kept = super().sign()
            signed.append(kept.size)
            return kept

    founded.alter(guard=Slow(founded.ledger, founded.world.log_key))
    await founded.start()
    caller = connect(founded.profile("acme"))
    waiting = [asyncio.create_task(caller("submit", [PICTURE], labels=["ncii"])) for _ in range(5)]
    await until(lambda: founded.ledger.head().size == 11)
    go.set()
    receipts = await asyncio.gather(*waiting)
    assert len({receipt.index for receipt in receipts}) == 5
    assert len(signed) <= 2
    check_log(founded.ledger)


async def test_34_appends_name_the_damage_and_checks_go_on(founded: Clearinghouse, connect: Connect) -> None:
    class Damaged(SigningGuard):
        def sign(self) -> KeptCheckpoint:
            with self._refusing():
                msg = "the hash stored with leaf 3 is not that of its bytes"
                raise CorruptError(msg, index="3")

    founded.alter(guard=Damaged(founded.ledger, founded.world.log_key))
    await founded.start()
    caller = connect(founded.profile("acme"))
    for _ in range(2):
        with pytest.raises(CorruptError, match="leaf 3 is not") as caught:
            await caller("submit", [PICTURE], labels=["ncii"])
        assert caught.value.details["index"] == "3"
        # The first was committed before anyone knew; after it, nothing is.
        assert founded.ledger.head().size == 7
    assert (await caller("check", [PICTURE])).position == 7


async def test_receipts_are_kept_beside_their_statements(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller = connect(replace(house.profile("acme"), directory=tmp_path))
    receipts = [await caller("submit", [PICTURE], labels=["ncii"]), await caller("withdraw", 6, "mistake")]
    for receipt in receipts:
        statement = (tmp_path / "receipts" / f"{receipt.index}.statement").read_bytes()
        kept = (tmp_path / "receipts" / f"{receipt.index}.tlog-proof").read_bytes()
        assert from_file(kept, statement) == receipt
        house.world.pinned.check_receipt(statement, from_file(kept, statement))
        assert statement == next(house.ledger.leaves(receipt.index, receipt.index + 1)).data
    assert len(list((tmp_path / "receipts").iterdir())) == 4
    check_log(house.ledger)


async def test_a_receipt_that_cannot_be_kept_is_a_warning(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "receipts").write_text("")
    caller = connect(replace(house.profile("acme"), directory=tmp_path))
    with pytest.warns(UserWarning, match="receipt 6 is not kept"):
        receipt = await caller("submit", [PICTURE], labels=["ncii"])
    assert receipt.index == 6
