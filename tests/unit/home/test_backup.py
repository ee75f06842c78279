"""Backups: what they hold, that they are of one moment, and that no damaged one is restored."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from builders import World, check_log, fingerprint

from hashpact.domain.fingerprints import PDQ
from hashpact.domain.ports import Log
from hashpact.domain.state import Leaf
from hashpact.errors import ConfigError, CorruptError
from hashpact.home import backup
from hashpact.home.archive import MANIFEST
from hashpact.home.backup import back_up, restore
from hashpact.log import tree
from hashpact.member.author import Reason
from hashpact.storage import copying
from hashpact.storage.sqlite import SqliteLedger

PUBLIC = {"hashpact.toml", "pki/ca.crt"}
KEYS = {"pki/ca.key", "pki/log.key"}
LEFT_OUT = {
    "segments/pdq.segment",
    "bound",
    "log/checkpoint",
    "pki/.ca.crt.new",
    "pki/more/x.crt",
    "log/other",
}


def silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def accept(_ledger: Log) -> None:
    """Any ledger will do."""


def submit(world: World, ledger: SqliteLedger, number: int) -> Leaf:
    """One more entry."""
    shared = [fingerprint(PDQ, f"{number} {part}") for part in range(9)]
    submission = world.author("acme").submit(shared, Reason(frozenset({"ncii"})))
    return world.appender(ledger).append("acme", submission)


@pytest.fixture
def home(tmp_path: Path, world: World) -> Path:
    """The files of a home with a few leaves; nobody has its ledger open."""
    home = tmp_path / "home"
    for name in PUBLIC | KEYS | LEFT_OUT:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"the bytes of {name}\n")
    with closing(SqliteLedger.create(home / "hashpact.db")) as ledger:
        world.found(ledger, "acme")
        for number in range(20):
            submit(world, ledger, number)
    return home


@pytest.fixture
def archive(tmp_path: Path, home: Path) -> Path:
    """A backup of the home."""
    back_up(home, tmp_path / "backup.tar", silent, keys=False, now=7)
    return tmp_path / "backup.tar"


def files(directory: Path) -> dict[str, bytes]:
    """Every file below a directory by its path."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("keys", [False, True])
def test_a_home_comes_back_as_it_was(tmp_path: Path, home: Path, *, keys: bool) -> None:
    told: list[tuple[int, int]] = []
    made = back_up(home, tmp_path / "b.tar", lambda *seen: told.append(seen), keys=keys, now=7)
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600

    assert restore(tmp_path / "b.tar", tmp_path / "again", silent, accept) == made
    before, after = files(home), files(tmp_path / "again")
    assert set(after) == PUBLIC | {"hashpact.db"} | (KEYS if keys else set())
    assert {name: after[name] for name in after if name != "hashpact.db"}.items() <= before.items()
    for name in after:
        mode = stat.S_IMODE((tmp_path / "again" / name).stat().st_mode)
        assert mode == (0o644 if name in PUBLIC else 0o600), name
    with (
        closing(SqliteLedger.open(home / "hashpact.db")) as old,
        closing(SqliteLedger.open(tmp_path / "again" / "hashpact.db")) as new,
    ):
        assert list(new.leaves(0, 99)) == list(old.leaves(0, 99))
        assert list(new.private(0, 99)) == list(old.private(0, 99))
        assert (made.size, made.root) == (24, tree.root(new.tree.edge(24)).hex())
        check_log(new)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "b.tar", "again"}


def test_a_backup_is_of_one_moment_while_others_append(
    tmp_path: Path, home: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append of another connection falls between any two pages that are copied."""
    monkeypatch.setattr(copying, "_PAGES", 1)
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:

        def append(done: int, _total: int) -> None:
            submit(world, ledger, done)

        made = back_up(home, tmp_path / "b.tar", append, keys=False, now=7)
        assert ledger.head().size > made.size + 20
        assert made.size == 24
        check_log(ledger)
    restore(tmp_path / "b.tar", tmp_path / "again", silent, accept)
    with closing(SqliteLedger.open(tmp_path / "again" / "hashpact.db")) as ledger:
        assert ledger.head().size == 24
        check_log(ledger)


def test_what_a_backup_refuses(tmp_path: Path, home: Path) -> None:
    with pytest.raises(ConfigError, match="there is no home at"):
        back_up(tmp_path / "nowhere", tmp_path / "b.tar", silent, keys=False, now=7)
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ConfigError, match="taken exists already"):
        back_up(home, tmp_path / "taken", silent, keys=False, now=7)
    with pytest.raises(ConfigError, match="No such file or directory"):
        back_up(home, tmp_path / "no" / "b.tar", silent, keys=False, now=7)
    assert (tmp_path / "taken").read_text() == "mine"
    with closing(SqliteLedger.open(home / "hashpact.db")) as ledger:
        ledger._writer.execute("UPDATE head SET size = 9")
    with pytest.raises(CorruptError, match="head"):
        back_up(home, tmp_path / "b.tar", silent, keys=False, now=7)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "taken"}


def refused(archive: Path, error: type[Exception] = CorruptError) -> str:
    """Why an archive is not restored; nothing is left of the attempt."""
    before = set(archive.parent.iterdir())
    with pytest.raises(error) as caught:
        restore(archive, archive.parent / "again", silent, accept)
    assert set(archive.parent.iterdir()) == before
    return str(caught.value)


def test_what_is_there_is_not_restored_over(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "file").write_text("mine")
    assert "is not an empty directory" in refused(archive, ConfigError)
    assert files(tmp_path / "again") == {"file": b"mine"}
    (tmp_path / "again" / "file").unlink()
    restore(archive, tmp_path / "again", silent, accept)


def test_no_flipped_bit_is_restored(tmp_path: Path, archive: Path) -> None:
    """Wherever it is: the archive is refused, or what it says is the same (a header's owner and time)."""
    whole = archive.read_bytes()
    wanted = files_of(archive)
    damaged, kept = tmp_path / "damaged.tar", 0
    for at in range(0, len(whole), 997):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        damaged.write_bytes(data)
        try:
            restore(damaged, tmp_path / "again", silent, accept)
        except CorruptError:
            assert not (tmp_path / "again").exists()
        else:
            kept += 1
            assert files_of(damaged) == wanted
            for path in sorted((tmp_path / "again").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (tmp_path / "again").rmdir()
    assert kept < len(whole) / 997 / 4


def files_of(archive: Path) -> dict[str, bytes]:
    """What an archive holds."""
    with tarfile.open(archive) as tar:
        return {member.name: content(tar, member) for member in tar}


def content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of one member."""
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.9])
def test_no_torn_archive_is_restored(archive: Path, part: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * part)])
    assert "is not a whole backup" in refused(archive)


def forge(archive: Path, change: Callable[[dict[str, bytes]], None], *more: tarfile.TarInfo) -> None:
    """Write the archive again, changed, with more members after the others."""
    held = files_of(archive)
    change(held)
    with tarfile.open(archive, "w") as tar:
        for name, data in held.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in more:
            tar.addfile(member)


def manifest_with(**values: object) -> Callable[[dict[str, bytes]], None]:
    """A change of the manifest's values."""

    def change(held: dict[str, bytes]) -> None:
        held[MANIFEST] = json.dumps(json.loads(held[MANIFEST]) | values).encode()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop(MANIFEST), "its manifest is missing"),
        (lambda held: held.pop("hashpact.toml"), "hashpact.toml"),
        (lambda held: held.pop("hashpact.db"), "hashpact.db"),
        (lambda held: held.update({"pki/ca.crt": b"another's"}), "pki/ca.crt"),
        (lambda held: held.update({"pki/more.crt": b"one more"}), "pki/more.crt"),
        (lambda held: held.update({MANIFEST: b"{}"}), "hashpact-backup/v1"),
        (lambda held: held.update({MANIFEST: b"[]"}), "hashpact-backup/v1"),
        (lambda held: held.update({MANIFEST: b"\xff"}), "is not a whole backup"),
        (manifest_with(format="hashpact-backup/v2"), "hashpact-backup/v1"),
        (manifest_with(files=[1]), "is not a whole backup"),
        (manifest_with(more=1), "is not a whole backup"),
        (manifest_with(size=25), "its ledger is not the one that the manifest describes"),
        (manifest_with(root="00" * 32), "its ledger is not the one that the manifest describes"),
        (manifest_with(origin="other.example/log"), "its ledger is not the one that the manifest describes"),
    ],
)
def test_no_altered_archive_is_restored(
    archive: Path, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    forge(archive, change)
    assert said in refused(archive)


@pytest.mark.parametrize(
    "name",
    ["../escaped", "/escaped", "pki/../escaped", "hashpact.db-wal", "hashpact.toml", "pki/sub/key"],
)
def test_no_member_gets_out_of_the_home(archive: Path, name: str) -> None:
    forge(archive, lambda _: None, tarfile.TarInfo(name))
    assert f"{name!r} is not part of a backup" in refused(archive)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_no_member_is_anything_but_a_file(archive: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("pki/link.crt")
    member.type, member.linkname = kind, "hashpact.db"
    forge(archive, lambda _: None, member)
    assert "is not part of a backup" in refused(archive)


def test_what_is_no_archive(tmp_path: Path) -> None:
    assert "there is no file" in refused(tmp_path / "missing", ConfigError)
    (tmp_path / "text").write_text("just a text")
    assert "is not a whole backup" in refused(tmp_path / "text")


def test_an_archive_that_cannot_be_read(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_archive: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(backup, "contents", fail)
    assert "cannot restore" in (said := refused(archive, ConfigError))
    assert "Input/output error" in said
