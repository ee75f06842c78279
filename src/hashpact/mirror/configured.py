"""A mirror's mirror.toml: where it copies from, as whom, for whom it answers, and how old it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

from hashpact.config import ACCESS_LOG, HomeConfig, log_key
from hashpact.domain.grammar import Hex
from hashpact.domain.statements import MEMBER
from hashpact.errors import ConfigError
from hashpact.mirror.flooding.quarantine import QuarantineTerms
from hashpact.mirror.retro.window import DAY, WindowSize
from hashpact.settings import (
    check_server_address,
    checked_number,
    checked_values,
    load_table,
    quoted,
    socket_path,
    split_address,
)

MAX_LAG: Final = 3600
"""Seconds within which a mirror must have been level with the log to answer, by default.

A restart of the clearinghouse or a bad hour of a network stops no check: every answer says how old it is.
But a mirror that was cut off for longer goes on matching what was withdrawn meanwhile, and misses what was
shared.
"""
LONGEST: Final = 366 * 24 * 3600
"""The largest max_lag, in seconds."""
LONGEST_WINDOW: Final = 366
"""Days of uploads that are kept at most: no longer than a leap year."""
SMALLEST: Final = 16 << 20
LARGEST: Final = 1 << 50
"""Bytes of a window: a segment, a 32nd of it, must hold the largest check."""

SHORTEST: Final = 100
MOST_CHECKS: Final = 1_000_000
"""Checks of a window of the quarantine: fewer say nothing of a rate, and more say it too late."""
FEWEST: Final = 5

Value = TypeVar("Value")

_FILE: Final = "mirror.toml"
_STRINGS: Final = frozenset(
    {"origin", "genesis", "address", "profile", "listen", "socket", "http", "health"}
    | {"metrics", "access_log", "log_format", "log_level"}
)


@dataclass(frozen=True, slots=True)
class MirrorConfig:
    """What a mirror needs to know.

    ``origin`` and ``genesis``, the SHA-256 of leaf 0, are those of the log that it copies, and never change.
    ``address`` is where it copies from: HOST:PORT, or unix:PATH of another mirror on this machine.
    ``profile`` is the directory of the member as whom it does. It answers at the Unix socket ``socket``
    (None: in its home) and, over TLS, at the HOST:PORT ``listen`` (None: not): there only its own member, and
    ``members`` besides. ``max_lag`` is the age in seconds up to which it answers, 0 for any. ``retro`` is
    how much is kept of what was checked, None for nothing, and ``quarantine`` when matches are a flood, None
    for never. At the HOST:PORT ``http`` (None: not) it takes and
    shows the log, and cosigns it; ``log_keys`` are verifier keys which may sign trees that it has not copied
    yet, besides those that it knows. The others are those of `HomeConfig`.
    """

    origin: str
    genesis: bytes
    address: str
    profile: Path
    listen: str | None = None
    socket: str | None = None
    max_lag: int = MAX_LAG
    members: tuple[str, ...] = ()
    http: str | None = None
    log_keys: tuple[str, ...] = ()
    health: str | None = None
    metrics: str | None = None
    access_log: str = "errors"
    log_format: str = "json"
    log_level: str = "info"
    retro: WindowSize | None = None
    quarantine: QuarantineTerms | None = None

    def __post_init__(self) -> None:
        """Refuse what no mirror could keep to, with ConfigError."""
        checked_number(f"{_FILE}: max_lag", self.max_lag, 0, LONGEST)
        check_server_address("address", self.address)
        if self.listen is not None:
            split_address("listen", self.listen)
        if self.http is not None:
            split_address("http", self.http)
        if self.socket is not None and socket_path("socket", self.socket) is None:
            msg = f"{_FILE}: socket is unix:PATH, not {self.socket!r}"
            raise ConfigError(msg, field="socket")
        if not self.profile.is_absolute():
            msg = f"{_FILE}: profile is the absolute path of a directory, not {str(self.profile)!r}"
            raise ConfigError(msg, field="profile")
        if self.access_log not in ACCESS_LOG[:-1]:
            # Nobody is to learn from a mirror which of its members has checked something.
            msg = f"{_FILE}: access_log is one of {', '.join(ACCESS_LOG[:-1])}, not {self.access_log!r}"
            raise ConfigError(msg, field="access_log")
        for member in self.members:
            _spelt("members", MEMBER.spelling.read, member)
        self.served()
        self.next_keys()

    def served(self) -> HomeConfig:
        """What a server of the copy needs to know, as the configuration of a home. Raises ConfigError."""
        return HomeConfig(
            self.origin,
            self.listen or "127.0.0.1:0",
            health=self.health,
            metrics=self.metrics,
            access_log=self.access_log,
            log_format=self.log_format,
            log_level=self.log_level,
        )

    def next_keys(self) -> tuple[bytes, ...]:
        """The public keys of ``log_keys``. Raises ConfigError for one that is none of this log."""
        found = [log_key(f"{_FILE}: log_keys", text) for text in self.log_keys]
        if any(origin != self.origin for origin, _ in found):
            msg = f"{_FILE}: log_keys are keys of {self.origin}"
            raise ConfigError(msg, field="log_keys")
        return tuple(public for _, public in found)

    @property
    def hosts(self) -> list[str]:
        """What the mirror's certificate names: this machine, and where it listens."""
        return HomeConfig(self.origin, self.listen or "127.0.0.1:0").hosts

    @classmethod
    def parse(cls, text: str) -> Self:
        """The file's values. Raises ConfigError."""
        loaded = load_table(_FILE, text)
        lag = checked_number(f"{_FILE}: max_lag", loaded.pop("max_lag", MAX_LAG), 0, LONGEST)
        retro, quarantine = _window(loaded.pop("retro", None)), _quarantine(loaded.pop("quarantine", None))
        required = {"origin", "genesis", "address", "profile"}
        lists = {"members", "log_keys"}
        values = checked_values(_FILE, loaded, _STRINGS | lists, required, lists=lists)
        members, keys = tuple(values.pop("members", ())), tuple(values.pop("log_keys", ()))
        genesis = str(values.pop("genesis"))
        profile = Path(str(values.pop("profile")))
        strings = {name: str(value) for name, value in values.items()}
        pinned = _spelt("genesis", Hex(32).read, genesis)
        return cls(
            genesis=pinned,
            profile=profile,
            members=members,
            log_keys=keys,
            max_lag=lag or 0,
            retro=retro,
            quarantine=quarantine,
            **strings,
        )

    def to_toml(self) -> str:
        """The file's text."""

        def line(name: str, example: str) -> str:
            value = getattr(self, name)
            return f'# {name} = "{example}"' if value is None else f"{name} = {quoted(name, value)}"

        members, keys = (", ".join(f'"{one}"' for one in each) for each in (self.members, self.log_keys))
        return (
            "# A mirror: a verified copy of a log, which answers checks.\n"
            f'origin = "{self.origin}"  # of the log that is copied; do not change\n'
            f'genesis = "{self.genesis.hex()}"  # the SHA-256 of its leaf 0; do not change\n'
            f"address = {quoted('address', self.address)}  # where it is copied from\n"
            f"profile = {quoted('profile', self.profile)}  # of the member as whom it is copied\n"
            f"{line('listen', '127.0.0.1:8444')}  # answer over TLS here, too\n"
            f"members = [{members}]  # who may ask over TLS, beside the profile's member\n"
            f"{line('socket', 'unix:/run/hashpact/mirror')}  # answer here, not at HOME/socket\n"
            f"max_lag = {self.max_lag}  # seconds: refuse checks if the copy is older; 0 for never\n"
            f"{line('http', '127.0.0.1:9481')}  # C2SP tlog-mirror over plain HTTP, behind a proxy\n"
            f"log_keys = [{keys}]  # the log's next key, while it changes that\n"
            f"{line('health', '127.0.0.1:9091')}  # health over plain HTTP: /livez and /readyz\n"
            f"{line('metrics', '127.0.0.1:9465')}  # metrics for Prometheus over plain HTTP: /metrics\n"
            f'access_log = "{self.access_log}"  # off, errors or calls\n'
            f'log_format = "{self.log_format}"  # json or text\n'
            f'log_level = "{self.log_level}"  # debug, info, warning or error\n'
            f"{self._window()}"
            f"{self._quarantine()}"
        )

    def _window(self) -> str:
        """The table of the window: only a comment if there is none."""
        kept, off = self.retro or WindowSize(30 * DAY, 1 << 30), "# " if self.retro is None else ""
        return (
            "\n# Keep what was checked, encrypted, to report what matches entries that arrive later.\n"
            f"{off}[retro]\n"
            f"{off}window = {kept.seconds // DAY}  # days\n"
            f"{off}size = {kept.size}  # bytes\n"
        )

    def _quarantine(self) -> str:
        """The table of the quarantine: only a comment if there is none."""
        terms, off = self.quarantine or QuarantineTerms(), "# " if self.quarantine is None else ""
        return (
            "\n# Mark entries that match far more often than they did, until somebody confirms them.\n"
            f"{off}[quarantine]\n"
            f"{off}window = {terms.window}  # checks\n"
            f"{off}least = {terms.least}  # matches of an entry in a window: fewer are never a flood\n"
        )


def _quarantine(value: object) -> QuarantineTerms | None:
    """The terms in the table [quarantine]. Raises ConfigError."""
    if value is None:
        return None
    table = f"{_FILE}: quarantine"
    if not isinstance(value, dict) or not value.keys() <= {"window", "least"}:
        msg = f"{table} is a table with the values window, in checks, and least, in matches"
        raise ConfigError(msg, field="quarantine")
    given = QuarantineTerms()
    window = checked_number(f"{table}: window", value.get("window"), SHORTEST, MOST_CHECKS)
    least = checked_number(f"{table}: least", value.get("least"), FEWEST, MOST_CHECKS)
    return QuarantineTerms(window or given.window, least or given.least)


def _window(value: object) -> WindowSize | None:
    """The bounds in the table [retro]. Raises ConfigError."""
    if value is None:
        return None
    table = f"{_FILE}: retro"
    if not isinstance(value, dict) or value.keys() != {"window", "size"}:
        msg = f"{table} is a table with two values: window, in days, and size, in bytes"
        raise ConfigError(msg, field="retro")
    days = checked_number(f"{table}: window", value["window"], 1, LONGEST_WINDOW)
    size = checked_number(f"{table}: size", value["size"], SMALLEST, LARGEST)
    assert days is not None  # noqa: S101  # TOML has no null
    assert size is not None  # noqa: S101  # as above
    return WindowSize(days * DAY, size)


def _spelt(field: str, read: Callable[[str], Value], text: str) -> Value:
    """The value of a text. Raises ConfigError if it has none."""
    try:
        return read(text)
    except ValueError as error:
        msg = f"{_FILE}: {field}: {error}, not {text!r}"
        raise ConfigError(msg, field=field) from error
