"""The composition root of a clearinghouse: makes a home, opens it, enrols its members, serves it.

The only file that sees every room. The member's side is put together in `hashpact.sdk`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.typing import FilteringBoundLogger

from hashpact.config import MAX_SIZE, HomeConfig, ProfileConfig, split_address
from hashpact.domain import statements
from hashpact.domain.errors import CommitFailedError, ConfigError, CorruptError, HashpactError
from hashpact.domain.keys import NamedKey
from hashpact.domain.state import Charter, Receipt, Role
from hashpact.service import certificates, keyring
from hashpact.service.administer import Administrators
from hashpact.service.append import Appender
from hashpact.service.certificates import Credential
from hashpact.service.check import Checker
from hashpact.service.follow import Follower, Keeper, check_reflects
from hashpact.service.read import Reader
from hashpact.storage import backup
from hashpact.storage.backup import Manifest, Progress
from hashpact.storage.files import (
    HomePaths,
    ProfilePaths,
    new_directory,
    read_bytes,
    read_private,
    write_private,
    write_public,
)
from hashpact.storage.sqlite import SqliteLedger

if TYPE_CHECKING:
    from hashpact.lookup.directory import Frozen, IndexDirectory
    from hashpact.lookup.native import NativeIndex

FIRST_KEY: Final = "1"
"""The name of a member's first key."""

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not bound
_POLL: Final = 0.05
"""Seconds between two looks at the ledger's head, for leaves that other processes append."""
_PAUSE: Final = 1.0
"""Seconds to wait after the log could not be followed."""
_LOOK: Final = 10.0
"""Seconds between two looks at how far the index has moved since it was saved."""
_FAR: Final = 100_000
"""So many leaves must be replayed at most, and some, when a server starts after a crash."""
_GRACE: Final = 5.0
"""Seconds that calls under way get when the server stops."""


def unix_time() -> int:
    """Seconds since 1970 in UTC."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Home:
    """An open home: its files, its configuration and its ledger."""

    paths: HomePaths
    config: HomeConfig
    ledger: SqliteLedger

    @property
    def charter(self) -> Charter:
        """Who governs the log. Raises ConfigError if the log has no genesis."""
        with self.ledger.snapshot() as view:
            charter = view.charter()
        if charter is None:
            msg = f"{self.paths.db} has no genesis statement; make a new home with: hashpact init"
            raise ConfigError(msg)
        return charter

    @property
    def address(self) -> str:
        """What members connect to: as configured, else where a server was bound last, else will be."""
        if self.config.address is not None:
            return self.config.address
        if self.paths.bound.exists():
            return read_bytes(self.paths.bound, MAX_SIZE).decode("ascii", "replace").strip()
        return self.config.listen

    @property
    def authority(self) -> Credential:
        """The home's certificate authority."""
        return Credential(read_private(self.paths.ca_key, MAX_SIZE), read_bytes(self.paths.ca_cert, MAX_SIZE))


def create_home(directory: Path, config: HomeConfig, *, admins: int, threshold: int) -> list[Receipt]:
    """Make a home: keys, certificates, configuration and a ledger with its first two leaves.

    It appears whole or not at all. Raises ConfigError if ``directory`` exists and is not empty, and the
    error of the statement rule that ``config.origin``, ``admins`` or ``threshold`` breaks.
    """
    statements.LOG.write((config.origin,))
    with new_directory(directory) as draft:
        paths = HomePaths(draft)
        paths.pki.mkdir(mode=0o700)
        signers = []
        for number in range(1, admins + 1):
            key = Ed25519PrivateKey.generate()
            name = str(number)
            write_private(paths.admin_key(name), keyring.to_pem(key))
            signers.append((keyring.named(name, key), key))
        log_key = Ed25519PrivateKey.generate()
        write_private(paths.log_key, keyring.to_pem(log_key))
        authority = certificates.make_authority(config.origin, unix_time)
        _write_credential(authority, paths.ca_key, paths.ca_cert)
        hosts = _hosts(config)
        server = certificates.issue_server(authority, hosts, unix_time)
        _write_credential(server, paths.server_key, paths.server_cert)
        write_public(paths.config, config.to_toml().encode())
        with contextlib.closing(SqliteLedger.create(paths.db)) as ledger:
            founders = Administrators(
                config.origin, signers, Appender(ledger, unix_time), unix_time, secrets.token_bytes
            )
            return founders.found(threshold, (log_key.public_key().public_bytes_raw(),))


@contextlib.contextmanager
def open_home(directory: Path) -> Iterator[Home]:
    """Open a home, whether a server of it runs or not. Raises ConfigError or CorruptError."""
    paths = HomePaths(directory)
    if not paths.config.exists():
        msg = f"{directory} is not a home (it has no hashpact.toml); make one with: hashpact init {directory}"
        raise ConfigError(msg)
    text = read_bytes(paths.config, MAX_SIZE).decode("utf-8", "replace")
    config = HomeConfig.parse(text, os.environ)
    with contextlib.closing(SqliteLedger.open(paths.db)) as ledger:
        home = Home(paths, config, ledger)
        if home.charter.origin != config.origin:
            msg = (
                f"hashpact.toml says origin {config.origin!r}, the log was founded as {home.charter.origin!r}"
            )
            raise ConfigError(msg, field="origin")
        yield home


def back_up_home(directory: Path, file: Path, progress: Progress, *, keys: bool) -> Manifest:
    """As `backup.back_up`, made now."""
    return backup.back_up(directory, file, progress, keys=keys, now=unix_time())


def restore_home(file: Path, directory: Path, progress: Progress) -> tuple[Manifest, list[Path]]:
    """As `backup.restore`; with it the keys that a server needs and the backup did not have."""
    manifest = backup.restore(file, directory, progress)
    paths = HomePaths(directory)
    return manifest, [path for path in (paths.ca_key, paths.server_key, paths.log_key) if not path.exists()]


def enrol_member(home: Home, member_id: str, roles: frozenset[Role], out: Path) -> list[Receipt]:
    """Enrol a member, and write the profile with which it reaches the clearinghouse.

    Works whether a server of the home runs or not. Raises ConfigError if ``out`` exists and is not empty or
    too few administrators' keys are in the home, and the error of the rule that the enrolment breaks.
    """
    statements.ID.write((member_id,))
    charter = home.charter
    signers = list(_signers(home, charter))
    with new_directory(out) as draft:
        key = Ed25519PrivateKey.generate()
        profile = ProfileConfig(charter.origin, member_id, FIRST_KEY, home.address)
        credential = certificates.issue_member(home.authority, charter.origin, member_id, unix_time)
        paths = ProfilePaths(draft)
        write_private(paths.member_key, keyring.to_pem(key))
        _write_credential(credential, paths.tls_key, paths.tls_cert)
        write_public(paths.ca_cert, home.authority.certificate)
        write_public(paths.config, profile.to_toml().encode())
        administrators = Administrators(
            charter.origin, signers, Appender(home.ledger, unix_time), unix_time, secrets.token_bytes
        )
        return administrators.enrol(member_id, roles, keyring.named(FIRST_KEY, key), key)


def _signers(home: Home, charter: Charter) -> Iterator[tuple[NamedKey, Ed25519PrivateKey]]:
    """As many of the administrators' keys in the home as must sign."""
    found = 0
    for admin in charter.admins:
        path = home.paths.admin_key(admin.name)
        if found < charter.threshold and path.exists():
            found += 1
            yield admin, keyring.from_pem(read_private(path, MAX_SIZE), str(path))
    if found < charter.threshold:
        msg = f"{charter.threshold} administrators must sign; {home.paths.pki} has the keys of {found}"
        raise ConfigError(msg)


def _write_credential(credential: Credential, key: Path, certificate: Path) -> None:
    write_private(key, credential.key)
    write_public(certificate, credential.certificate)


def _hosts(config: HomeConfig) -> Sequence[str]:
    """What the server's certificate names: this machine, and what members will connect to."""
    host, _ = split_address("address", config.address or config.listen)
    return sorted({"localhost", "127.0.0.1", "::1", host} - _EVERYWHERE)


def serve(directory: Path, listen: str | None, ready: Callable[[str], None]) -> None:
    """Serve a home until SIGTERM or SIGINT; ``listen`` replaces the configuration's HOST:PORT.

    ``ready`` is called with the bound HOST:PORT once the server answers. Raises ConfigError for a home or an
    address that cannot be used, CorruptError for a damaged ledger, and CommitFailedError when the disk
    refused a commit: then the process must end, and a new one start from what is on the disk.
    """
    with open_home(directory) as home:
        uvloop.run(_serve(home, listen or home.config.listen, ready))


async def _serve(home: Home, listen: str, ready: Callable[[str], None]) -> None:
    # gRPC writes lines of its own about each refused handshake; ours are JSON, and tell of every RPC.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # gRPC and the index are loaded by the one command that serves, so that the others start quickly.
    from hashpact.lookup.directory import IndexDirectory  # noqa: PLC0415  # see above
    from hashpact.wire.identity import Gate, Tls  # noqa: PLC0415  # see above
    from hashpact.wire.interceptors import Guard  # noqa: PLC0415  # see above
    from hashpact.wire.server import build_server  # noqa: PLC0415  # see above
    from hashpact.wire.servicers import Services  # noqa: PLC0415  # see above

    host, _ = split_address("listen", listen)
    log = _event_log()
    stop = _Stop(asyncio.Event(), log)
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.event.set)
    segments = IndexDirectory(home.paths.segments)
    index, position = await asyncio.to_thread(_open_index, home.ledger, segments, log)
    follower = Follower(home.ledger, index, position)
    keeper = Keeper(follower, home.ledger, index.freeze, segments.save)
    position = await asyncio.to_thread(follower.catch_up)
    reader = Reader(home.ledger)
    server = build_server(
        Services(
            Appender(home.ledger, unix_time),
            Checker(home.ledger, index, follower),
            reader,
            follower,
            on_fault=stop.on_fault,
        ),
        Guard(Gate(home.charter.origin, reader.member), log, time.monotonic),
        address=listen,
        tls=Tls(
            read_private(home.paths.server_key, MAX_SIZE),
            read_bytes(home.paths.server_cert, MAX_SIZE),
            read_bytes(home.paths.ca_cert, MAX_SIZE),
        ),
    )
    await server.start()
    address = _joined(host, server.port)
    # Members enrolled from now on find this server, unless hashpact.toml says otherwise.
    reachable = "localhost" if host in _EVERYWHERE else host
    write_public(home.paths.bound, f"{_joined(reachable, server.port)}\n".encode(), replace=True)
    log.info("serving", origin=home.charter.origin, address=address, position=position, items=len(index))
    ready(address)
    tasks = [asyncio.create_task(_follow(home.ledger, follower, log))]
    if segments.may_save:
        tasks.append(asyncio.create_task(_keep(keeper, log)))
    await stop.event.wait()
    log.info("stopping", position=follower.position)
    for task in tasks:
        task.cancel()
    await server.stop(_GRACE)
    if stop.failure is not None:
        raise stop.failure
    if segments.may_save:
        await _save(keeper, log)
    segments.close()


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(slots=True)
class _Stop:
    """Why and when the server ends."""

    event: asyncio.Event
    log: FilteringBoundLogger
    failure: CommitFailedError | None = None

    def on_fault(self, error: Exception) -> None:
        """Stop after a failed commit; anything else is the caller's answer and a line of log."""
        self.log.error("append failed", reason=type(error).__name__)
        if isinstance(error, CommitFailedError):
            self.failure = error
            self.event.set()


async def _follow(ledger: SqliteLedger, follower: Follower, log: FilteringBoundLogger) -> None:
    """Apply what other processes append to the same ledger."""
    while True:
        await asyncio.sleep(_POLL)
        try:
            if ledger.head().size != follower.position:
                await asyncio.to_thread(follower.catch_up)
        except HashpactError as error:
            log.warning("cannot follow the log", reason=error.code, message=error.message)
            await asyncio.sleep(_PAUSE)


def _open_index(
    ledger: SqliteLedger, segments: IndexDirectory, log: FilteringBoundLogger
) -> tuple[NativeIndex, int]:
    """The index that was saved last and its position, or an empty one to be filled from the log."""
    from hashpact.lookup.native import NativeIndex  # noqa: PLC0415  # only the command that serves needs it

    try:
        opened = NativeIndex.open(segments)
        if opened is not None:
            index, saved = opened
            check_reflects(ledger, saved.position, saved.root)
            log.info("opened the index", position=saved.position, items=len(index))
            return index, saved.position
    except (CorruptError, OSError) as error:
        log.warning("the index is made again from the log", reason=str(error))
    return NativeIndex(), 0


async def _keep(keeper: Keeper[Mapping[str, Frozen]], log: FilteringBoundLogger) -> None:
    """Save the index whenever it has moved far enough."""
    while True:
        await asyncio.sleep(_LOOK)
        if keeper.behind >= _FAR:
            await _save(keeper, log)


async def _save(keeper: Keeper[Mapping[str, Frozen]], log: FilteringBoundLogger) -> None:
    try:
        position = await asyncio.to_thread(keeper.save)
    except (HashpactError, OSError) as error:
        # The log has everything: the next start takes longer, that is all.
        log.warning("cannot save the index", reason=str(error))
    else:
        log.info("saved the index", position=position)


def _event_log() -> FilteringBoundLogger:
    """One JSON object a line on standard error. It never holds content, fingerprints or keys."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return log
