"""20: every RPC, fed with odd messages by a real member for minutes: no INTERNAL, and memory stays."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from builders import fingerprint
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from running import BOTH, RunningServer, found

from hashpact.domain.checks import Check, Query
from hashpact.domain.fingerprints import MD5, MINHASH, PDQ, PHASH, SHA256, WINNOW
from hashpact.member.author import Reason
from hashpact.member.profile import Profile
from hashpact.wire import codec, streamed
from hashpact.wire.errors import is_answer
from hashpact.wire.v1 import certificate_pb2, check_pb2, log_pb2

MINUTES: Final = 10
SOME: Final = 400
"""Calls in the ordinary suite."""
WORDS: Final = (
    "pdq/1",
    "minhash/1",
    "winnow/1",
    "entries/7",
    "members/acme",
    "ncii",
    "law",
    "VN",
    "",
    "\0",
    "tile/0/000",
    "é",
)
NUMBERS: Final = (
    0,
    1,
    2,
    7,
    20,
    64,
    255,
    256,
    1000,
    1001,
    2**31 - 1,
    2**31,
    2**63 - 1,
    -1,
    -(2**31),
    -(2**63),
)
FORBIDDEN: Final = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
GROWTH: Final = 1.10


def methods() -> list[MethodDescriptor]:
    """Every RPC of every service."""
    files = (certificate_pb2.DESCRIPTOR, check_pb2.DESCRIPTOR, log_pb2.DESCRIPTOR)
    return [
        method for file in files for service in file.services_by_name.values() for method in service.methods
    ]


class Maker:
    """Makes requests: messages with odd values, good ones that were changed, and mere bytes."""

    def __init__(self, rng: random.Random, good: dict[str, list[bytes]]) -> None:
        self._rng = rng
        self._good = good

    def request(self, method: MethodDescriptor) -> bytes:
        """The bytes of one."""
        known = self._good.get(method.full_name, [])
        chance = self._rng.random()
        if chance < 0.4 or not known:
            data = self._message(method.input_type, 0).SerializeToString()
        else:
            data = self._rng.choice(known)
        return self._changed(data) if chance > 0.7 else data

    def _message(self, kind: Any, depth: int) -> Message:  # noqa: ANN401 - a descriptor, which has no type
        message = GetMessageClass(kind)()
        for field in kind.fields:
            if self._rng.random() < 0.3:
                continue
            if field.is_repeated:
                values = [self._value(field, depth) for _ in range(self._rng.choice((0, 1, 2, 65)))]
                getattr(message, field.name).extend(values)
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                getattr(message, field.name).CopyFrom(self._value(field, depth))
            else:
                setattr(message, field.name, self._value(field, depth))
        return message

    def _value(self, field: FieldDescriptor, depth: int) -> Any:  # noqa: ANN401 - of any field
        kind, rng = field.cpp_type, self._rng
        if kind == FieldDescriptor.CPPTYPE_MESSAGE:
            return self._message(field.message_type, depth + 1)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return rng.randbytes(rng.choice((0, 1, 8, 16, 32, 512, 5000)))
        choices: dict[int, tuple[Any, ...]] = {
            FieldDescriptor.CPPTYPE_STRING: (*WORDS, WORDS[0] * 300),
            FieldDescriptor.CPPTYPE_DOUBLE: (0.0, 0.5, 1.0, -1.0, 1e308, float("nan"), float("inf")),
            FieldDescriptor.CPPTYPE_BOOL: (False, True),
            FieldDescriptor.CPPTYPE_INT32: tuple(one for one in NUMBERS if -(2**31) <= one < 2**31),
        }
        return rng.choice(choices.get(kind, NUMBERS))

    def _changed(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._rng.choice((1, 1, 2, 8))):
            place = self._rng.randrange(len(changed) + 1)
            match self._rng.randrange(4):
                case 0:
                    changed[place:place] = self._rng.randbytes(self._rng.choice((1, 2, 40)))
                case 1:
                    del changed[place : place + self._rng.choice((1, 2, 40))]
                case 2:
                    changed = changed[:place]
                case _ if place < len(changed):
                    changed[place] ^= 1 << self._rng.randrange(8)
        return bytes(changed)


def good_requests(server: RunningServer) -> dict[str, list[bytes]]:
    """Requests that are taken, of each RPC that has any."""
    author = server.author("acme")
    shared = [fingerprint(kind, "fuzz") for kind in (PDQ, PHASH, MINHASH, WINNOW, SHA256, MD5)]
    submissions = [author.submit(shared, Reason(frozenset({"ncii"}))), author.withdraw(7, "mistake")]
    log, v1 = "hashpact.wire.v1.LogService.", log_pb2
    check = Check(tuple(map(Query, shared)))
    return {
        "hashpact.wire.v1.CheckService.Check": [codec.check_to_wire(check).SerializeToString()],
        "hashpact.wire.v1.CheckService.CheckStream": [streamed.request_to_wire(check).SerializeToString()],
        f"{log}Append": [codec.submission_to_wire(one).SerializeToString() for one in submissions],
        f"{log}GetEntry": [v1.GetEntryRequest(name="entries/7").SerializeToString()],
        f"{log}GetTile": [v1.GetTileRequest(path="tile/entries/000.p/7").SerializeToString()],
        f"{log}ListLeaves": [v1.ListLeavesRequest(with_private=True).SerializeToString()],
        f"{log}Follow": [v1.FollowRequest(with_private=True).SerializeToString()],
        f"{log}GetInclusionProof": [v1.GetInclusionProofRequest(index=1, tree_size=7).SerializeToString()],
    }


def caller(channel: grpc.Channel, method: MethodDescriptor) -> Callable[[bytes], list[bytes]]:
    """What sends the bytes of a request, and gives those of the answers."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.server_streaming:
        stream: Any = channel.unary_stream(path)

        def first(data: bytes) -> list[bytes]:
            messages = stream(data, timeout=30)
            try:
                return [next(messages)]
            finally:
                messages.cancel()

        # Who follows waits for more without end.
        return first if method.name == "Follow" else lambda data: list(stream(data, timeout=30))
    unary: Any = channel.unary_unary(path)
    return lambda data: [unary(data, timeout=30)]


def fuzz(directory: Path, share: Callable[[int, float], float]) -> tuple[Counter[str], int, int]:
    """Call at random; the server's statuses, and its memory after a fifth of the work and at the end.

    ``share`` is how much of the work is done after so many calls and seconds.
    """
    home = found(directory, {"acme": BOTH})
    with RunningServer(home, "--workers", "1") as server:
        profile: Profile = server.profile("acme")
        maker = Maker(random.Random(20), good_requests(server))
        rng, seen, early = random.Random(21), Counter[str](), 0
        tls = profile.endpoint.tls
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        with grpc.secure_channel(server.address, credentials) as channel:
            calls = [(method, caller(channel, method)) for method in methods()]
            start = time.monotonic()
            while (done := share(seen.total(), time.monotonic() - start)) < 1:
                method, call = rng.choice(calls)
                data = maker.request(method)
                code, answered = grpc.StatusCode.OK, True
                try:
                    call(data)
                except grpc.RpcError as error:
                    code, answered = error.code(), is_answer(error)
                assert answered, (method.full_name, code)
                assert code not in FORBIDDEN, (method.full_name, code, data.hex())
                seen[f"{method.name} {code.name}"] += 1
                if not early and done > 0.2:
                    early = server.memory
        late = server.memory
        assert "crashed" not in server.log
        assert "Traceback" not in server.log
    return seen, early, late


def test_20_no_odd_message_is_an_internal_error(tmp_path: Path) -> None:
    seen, _, _ = fuzz(tmp_path, lambda calls, _: calls / SOME)
    assert {key.split()[0] for key in seen} == {method.name for method in methods()}
    assert any(key.endswith(" OK") for key in seen)


@pytest.mark.slow
def test_20_ten_minutes_of_odd_messages_leave_no_trace(tmp_path: Path) -> None:
    seen, early, late = fuzz(tmp_path, lambda _, seconds: seconds / 60 / MINUTES)
    print(f"\n{seen.total()} calls, memory {early >> 20} to {late >> 20} MB: {dict(seen)}")  # noqa: T201 - the result
    assert late <= GROWTH * early
