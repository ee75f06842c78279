"""Number 54 of the hostile inputs: archives that would write more than they say, or something else."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders import World

from hashpact.errors import CorruptError
from hashpact.home.archive import LIMIT, MANIFEST
from hashpact.home.backup import back_up, restore
from hashpact.storage.sqlite import SqliteLedger

HUGE = 3 << 30
FAR = 8 << 30
"""More than a header's digits can spell: GNU tar and ours write it in base 256."""
SLACK = 4096
"""Bytes that a process may write beside a restore, to a terminal or a test's log."""


def silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def written() -> int:
    """How many bytes this process has written so far, to files or anything else."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["wchar"])


@dataclass
class Archive:
    """A whole archive, taken apart: what an attacker builds another one from."""

    directory: Path
    files: dict[str, bytes]

    def manifest(self, **changes: object) -> bytes:
        """The manifest, changed."""
        return json.dumps(json.loads(self.files[MANIFEST]) | changes).encode()

    def claiming(self, name: str, **values: object) -> bytes:
        """The manifest, changed for one file."""
        files = json.loads(self.files[MANIFEST])["files"]
        return self.manifest(files=files | {name: files.get(name, {"sha256": "00" * 32}) | values})

    def refused(self, *members: bytes) -> str:
        """Why an archive of those bytes is refused. Nothing is written, and nothing is left."""
        path = self.directory / "attack.tar"
        path.write_bytes(b"".join(members) + bytes(1024))
        there = set(self.directory.iterdir())
        before = written()
        with pytest.raises(CorruptError, match="is not a whole backup") as caught:
            restore(path, self.directory / "again", silent, lambda _: None)
        assert written() - before <= SLACK
        assert set(self.directory.iterdir()) == there
        return caught.value.message


def packed(name: str, data: bytes = b"", **fields: object) -> bytes:
    """One member, as tarfile writes it: its header, or several, and its bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    headers = member.pax_headers
    header = member.tobuf(tarfile.PAX_FORMAT) if headers else member.tobuf(tarfile.GNU_FORMAT)
    return header + data + bytes(-len(data) % 512)


@pytest.fixture
def archive(tmp_path: Path, world: World) -> Archive:
    """The parts of a small backup."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "hashpact.toml").write_text('origin = "test.example/log"\n')
    with closing(SqliteLedger.create(home / "hashpact.db")) as ledger:
        world.found(ledger, "acme")
    back_up(home, tmp_path / "b.tar", silent, keys=False, now=7)
    with tarfile.open(tmp_path / "b.tar") as tar:
        files = {}
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            files[member.name] = content.read()
    assert list(files) == [MANIFEST, "hashpact.toml", "hashpact.db"]
    return Archive(tmp_path, files)


def old_sparse(size: int) -> bytes:
    """A sparse member as old GNU tar writes it: no byte of data, and a real size in its header."""
    header = bytearray(packed("hashpact.db", type=b"S"))
    header[386:398] = b"%011o\0" % size  # where its one extent begins
    header[398:410] = b"%011o\0" % 0
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def test_54_a_sparse_file_is_refused_at_its_header(archive: Archive) -> None:
    toml = packed("hashpact.toml", archive.files["hashpact.toml"])
    manifest = packed(MANIFEST, archive.claiming("hashpact.db", size=HUGE))
    sparse = old_sparse(HUGE)
    with tarfile.open(fileobj=io.BytesIO(sparse + bytes(1024))) as tar:
        assert [(member.size, member.issparse()) for member in tar] == [(HUGE, True)]
    assert "not a plain file" in archive.refused(manifest, toml, sparse)
    for headers in (
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(HUGE)},
        {"GNU.sparse.size": str(HUGE), "GNU.sparse.map": f"0,0,{HUGE},0"},
        {"size": str(HUGE)},
    ):
        member = packed("hashpact.db", b"0\n" + bytes(510), pax_headers=headers)
        assert "not a plain file" in archive.refused(manifest, toml, member)


def test_54_no_more_is_written_than_the_manifest_and_the_archive_have(archive: Archive) -> None:
    toml, db = archive.files["hashpact.toml"], archive.files["hashpact.db"]
    honest = packed(MANIFEST, archive.files[MANIFEST])
    assert "with 4096 bytes" in archive.refused(honest, packed("hashpact.toml", bytes(4096)))
    for size in (HUGE, FAR):
        claimed = packed(MANIFEST, archive.claiming("hashpact.db", size=size))
        header = packed("hashpact.db", size=size)
        assert "cut short" in archive.refused(claimed, packed("hashpact.toml", toml), header)
        assert "hashpact.db" in archive.refused(honest, packed("hashpact.toml", toml), header)
    more = packed("pki/more.crt", b"more")
    good = (honest, packed("hashpact.toml", toml), packed("hashpact.db", db))
    assert "no such file" in archive.refused(*good, more)
    assert "no such file" in archive.refused(*good, packed("hashpact.db", db))
    assert "'hashpact.db'" in archive.refused(
        honest, packed("hashpact.db", db), packed("hashpact.toml", toml)
    )


@pytest.mark.parametrize(
    "kind", [*b"123456", *b"gxLKSVMNDA7", 0xFF], ids=lambda kind: chr(kind) if kind < 0xFF else "ff"
)
def test_54_links_devices_and_extensions_are_refused(archive: Archive, kind: int) -> None:
    honest = packed(MANIFEST, archive.files[MANIFEST])
    member = packed(
        "hashpact.toml", archive.files["hashpact.toml"], type=bytes([kind]), linkname="/etc/passwd"
    )
    assert "not a plain file" in archive.refused(honest, member)
    chain = packed("././@LongLink", b"name\0", type=bytes([kind])) * 2000
    assert "is not part of a backup" in archive.refused(chain, honest)
    assert "is not part of a backup" in archive.refused(honest, chain)


MANIFESTS: list[Callable[[Archive], bytes]] = [
    lambda _: b"[" * 200_000 + b"]" * 200_000,
    lambda _: b'{"format": ' + b'{"a":' * 100_000 + b"}" * 100_001,
    lambda _: b"9" * 10_000,
    lambda _: b"\xff\xfe",
    lambda _: b"null",
    lambda archive: archive.manifest(files=[]),
    lambda archive: archive.manifest(files={}),
    lambda archive: archive.manifest(files={"hashpact.db": "00" * 32}),
    lambda archive: archive.manifest(size="6"),
    lambda archive: archive.manifest(size=True),
    lambda archive: archive.manifest(origin=None),
    lambda archive: archive.manifest(more=1),
    lambda archive: archive.claiming("../escaped", size=1),
    lambda archive: archive.claiming("hashpact.db", size=-1),
    lambda archive: archive.claiming("hashpact.db", size=1e3),
    lambda archive: archive.claiming("hashpact.db", sha256=7),
    lambda archive: archive.claiming("hashpact.db", mode=7),
    lambda archive: archive.claiming("pki/ca.crt", size=LIMIT + 1),
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_54_a_hostile_manifest_is_refused_in_one_line(
    archive: Archive, manifest: Callable[[Archive], bytes]
) -> None:
    files = [packed(name, data) for name, data in archive.files.items() if name != MANIFEST]
    message = archive.refused(packed(MANIFEST, manifest(archive)), *files)
    assert "manifest" in message or "is not part of a backup" in message or "Expecting" in message


def test_54_the_manifest_comes_first_and_is_bounded(archive: Archive) -> None:
    honest = packed(MANIFEST, archive.files[MANIFEST])
    files = [packed(name, data) for name, data in archive.files.items() if name != MANIFEST]
    assert "must be the first file" in archive.refused(*files, honest)
    assert "must have 1 to 1048576 bytes" in archive.refused(packed(MANIFEST, size=LIMIT + 1), *files)
    assert "must have 1 to 1048576 bytes" in archive.refused(packed(MANIFEST, size=FAR), *files)
    negative = bytearray(honest[:512])
    negative[124:136] = b"\xff" * 12  # -1 in base 256
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    assert "must have 1 to 1048576 bytes" in archive.refused(bytes(negative), *files)
    assert restore_whole(archive, honest, *files) == 4


def restore_whole(archive: Archive, *members: bytes) -> int:
    """The size of the log that is restored: what the attacks are made from is good."""
    path = archive.directory / "good.tar"
    path.write_bytes(b"".join(members))
    return restore(path, archive.directory / "good", silent, lambda _: None).size
