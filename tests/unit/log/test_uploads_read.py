"""Uploads to a mirror are read in whatever pieces they come."""

from __future__ import annotations

import pytest
from builders import ORIGIN, seeded

from hashpact.errors import MalformedError
from hashpact.log import mirroring
from hashpact.log.mirroring import MirrorState, Package, Upload, UploadReader

LEAVES = tuple(seeded(str(number), number) for number in range(6))
PROOF = (bytes(32), bytes(range(32)))
BODY = mirroring.header(ORIGIN, 255, 261, b"ticket") + b"".join(
    (mirroring.package(LEAVES[:1], PROOF), mirroring.package(LEAVES[1:], ()))
)


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_it_is_the_same_in_any_pieces(piece: int) -> None:
    reader, found = UploadReader(), list[Upload | Package]()
    for start in range(0, len(BODY), piece):
        reader.feed(BODY[start : start + piece])
        if not found and (upload := reader.header()) is not None:
            found.append(upload)
        while found:
            at = found[-1].stop if isinstance(found[-1], Package) else 255
            package = None if at == 261 else reader.package(at, 261)
            if package is None:
                break
            found.append(package)
    assert found == [
        Upload(ORIGIN, 255, 261, b"ticket"),
        Package(255, LEAVES[:1], PROOF),
        Package(256, LEAVES[1:], ()),
    ]


def test_what_has_come_is_not_read_again_with_each_further_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    take = UploadReader._take

    def counted(reader: UploadReader, count: int) -> bytes:
        found = take(reader, count)
        taken.append(len(found))
        return found

    monkeypatch.setattr(UploadReader, "_take", counted)
    reader = UploadReader()
    reader.feed(mirroring.package([bytes(1000)] * 255 + [b"last"], ())[:-7])
    for _ in range(100):
        assert reader.package(0, 256) is None
    assert sum(taken) < 256_000


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (b"\0\1\xff" + bytes(18), "origin"),
        (mirroring.header(ORIGIN, 2, 1), "start"),
        (mirroring.header(ORIGIN, 0, 2**63), "start"),
    ],
)
def test_a_header_that_cannot_be_is_refused(head: bytes, field: str) -> None:
    reader = UploadReader()
    reader.feed(head)
    with pytest.raises(MalformedError) as caught:
        reader.header()
    assert caught.value.details["field"] == field


def test_a_state_is_read_as_it_was_written() -> None:
    for state in (MirrorState(0, 0, b""), MirrorState(300, 256, b"\xff\0")):
        assert mirroring.parse_state(mirroring.encode_state(state)) == state
