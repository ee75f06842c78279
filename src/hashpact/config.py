"""Configuration: a clearinghouse's hashpact.toml, a member's profile.toml, and public keys in such files.

Each is validated once, when it is read. Public keys of logs and witnesses are spelled as C2SP verifier keys,
which carry the name that goes with the key; a witness's witness.toml has them too.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from hashpact.domain.grammar import Field, Hex
from hashpact.domain.keys import check_public_key
from hashpact.domain.statements import LOG, MEMBER
from hashpact.errors import ConfigError, InvalidInputError
from hashpact.log import cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.settings import (
    EVERYWHERE,
    URL,
    check_server_address,
    checked_number,
    checked_values,
    load_table,
    split_address,
)

ENVIRONMENT_PREFIX: Final = "HASHPACT_"
DEFAULT_LISTEN: Final = "127.0.0.1:8443"
WITNESS_LISTEN: Final = "127.0.0.1:8480"
ACCESS_LOG: Final = ("off", "errors", "calls", "members")
"""For which calls the event log has a line; only with `members` a check's line names its member."""
MAX_WORKERS: Final = 256
MAX_SIZE: Final = 64 * 1024
"""Bytes that a configuration file may have."""

_CHOICES: Final = {
    "access_log": ACCESS_LOG,
    "log_format": ("json", "text"),
    "log_level": ("debug", "info", "warning", "error"),
}
"""The values of hashpact.toml that are one of a few words."""
_OVERRIDDEN: Final = ("listen", "address", "health", "metrics", "tiles", "publish", "traces", *_CHOICES)
"""Values of hashpact.toml that the environment overrides."""
MLDSA_KEY: Final = "mldsa_key"
_HOME_KEYS: Final = frozenset({"origin", "quorum", "witness", "mirror", "workers", *_OVERRIDDEN})


@dataclass(frozen=True, slots=True)
class WitnessAt:
    """A witness or mirror that the log asks to cosign, and its submission prefix, an http or https URL.

    ``also`` is its ML-DSA-44 key, whose cosignatures are taken too.
    """

    witness: Witness
    url: str
    also: Witness | None = None


@dataclass(frozen=True, slots=True)
class HomeConfig:
    """What a server needs to know.

    ``origin`` is the log's name, fixed at its genesis. ``listen`` is the HOST:PORT to bind (port 0: any free
    one). ``address`` is the HOST:PORT that members connect to, written into their profiles (None: where the
    server is bound); the server's certificate must name its host. ``quorum`` of ``witnesses`` and ``mirrors``
    must cosign a checkpoint before anybody sees it. ``health`` is the HOST:PORT of the health port, which
    speaks plain HTTP (None: no such port), ``metrics`` that of the metrics port, which may be the same one,
    and ``tiles`` that of the port for everybody, where the published log is. ``publish`` is a further
    directory for that, outside the home, as an absolute path (None: no other). ``traces`` is
    the URL of an OpenTelemetry collector (None: no spans). ``access_log`` is one of `ACCESS_LOG`; of the log
    of events, ``log_format`` is json or text, ``log_level`` debug, info, warning or error. So many
    ``workers`` answer members (None: one for each processor).
    """

    origin: str
    listen: str = DEFAULT_LISTEN
    address: str | None = None
    witnesses: tuple[WitnessAt, ...] = ()
    mirrors: tuple[WitnessAt, ...] = ()
    quorum: int = 0
    health: str | None = None
    metrics: str | None = None
    tiles: str | None = None
    publish: str | None = None
    traces: str | None = None
    access_log: str = "calls"
    log_format: str = "json"
    log_level: str = "info"
    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no server could keep to, with ConfigError."""
        _spelt("hashpact.toml", LOG, self.origin, "origin")
        if self.address is not None:
            split_address("address", self.address)
        self._check_ports("listen", self.listen)
        if self.traces is not None and not URL.fullmatch(self.traces):
            msg = f"hashpact.toml: traces is like http://127.0.0.1:4317, not {self.traces!r}"
            raise ConfigError(msg, field="traces")
        for name, words in _CHOICES.items():
            if getattr(self, name) not in words:
                msg = f"hashpact.toml: {name} is one of {', '.join(words)}, not {getattr(self, name)!r}"
                raise ConfigError(msg, field=name)
        if self.publish is not None and not self.publish.startswith("/"):
            msg = f"hashpact.toml: publish is a directory's absolute path, not {self.publish!r}"
            raise ConfigError(msg, field="publish")
        asked = self.cosigners
        if not 0 <= self.quorum <= len(asked):
            msg = f"hashpact.toml: quorum must be from 0 to the number of witnesses and mirrors, {len(asked)}"
            raise ConfigError(msg, field="quorum")
        if len(asked) >= note.MAX_SIGNATURES:
            msg = f"hashpact.toml: a checkpoint has room for {note.MAX_SIGNATURES - 1} witnesses at most"
            raise ConfigError(msg, field="witness")
        names, keys = ({get(one.witness) for one in asked} for get in (_name, _public))
        if min(len(names), len(keys)) < len(asked):
            msg = "hashpact.toml: two witnesses have one name or one key"
            raise ConfigError(msg, field="witness")

    @property
    def cosigners(self) -> tuple[WitnessAt, ...]:
        """All that are asked to cosign: the witnesses, then the mirrors."""
        return (*self.witnesses, *self.mirrors)

    def bound_at(self, listen: str | None) -> str:
        """The HOST:PORT to bind: ``listen`` of the command line if there is one. Raises ConfigError."""
        if listen is not None:
            self._check_ports("--listen", listen)
        return listen or self.listen

    def _check_ports(self, name: str, listen: str) -> None:
        """Refuse two addresses that cannot both be bound. Health and metrics may have one."""
        given = {name: listen, "health": self.health, "metrics": self.metrics, "tiles": self.tiles}
        named = [(one, text, split_address(one, text)) for one, text in given.items() if text is not None]
        for (one, text, (host, port)), (other, second, (its, same)) in itertools.combinations(named, 2):
            one_door = (one, other) == ("health", "metrics") and host == its
            if port == same != 0 and not one_door and (host == its or {host, its} & EVERYWHERE):
                msg = f"{one} ({text}) and {other} ({second}) clash; {other} needs a port of its own"
                raise ConfigError(msg, field=other)

    @property
    def hosts(self) -> list[str]:
        """What the server's certificate names: this machine, and what members will connect to."""
        host, _ = split_address("address", self.address or self.listen)
        return sorted({"localhost", "127.0.0.1", "::1", host} - EVERYWHERE)

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str]) -> Self:
        """The file's values; HASHPACT_LISTEN and so on, of all but the log's own, override it.

        Raises ConfigError. The origin never comes from the environment: it belongs to the log.
        """
        loaded = load_table("hashpact.toml", text)
        witnesses, mirrors = (_cosigners(name, loaded.pop(name, [])) for name in ("witness", "mirror"))
        quorum = checked_number(
            "hashpact.toml: quorum", loaded.pop("quorum", None), 0, note.MAX_SIGNATURES - 1
        )
        workers = checked_number("hashpact.toml: workers", loaded.pop("workers", None), 1, MAX_WORKERS)
        if given := environ.get(f"{ENVIRONMENT_PREFIX}WORKERS"):
            number = int(given) if re.fullmatch("[0-9]{1,9}", given) else given
            workers = checked_number(f"{ENVIRONMENT_PREFIX}WORKERS", number, 1, MAX_WORKERS)
        values = checked_values("hashpact.toml", loaded, _HOME_KEYS, {"origin"})
        for name in _OVERRIDDEN:
            override = environ.get(ENVIRONMENT_PREFIX + name.upper())
            if override:
                values[name] = override
        if quorum is None and (witnesses or mirrors):
            msg = "hashpact.toml: quorum is missing: how many witnesses must cosign, 0 for none"
            raise ConfigError(msg, field="quorum")
        strings = {name: str(value) for name, value in values.items()}
        return cls(**strings, witnesses=witnesses, mirrors=mirrors, quorum=quorum or 0, workers=workers)

    def to_toml(self) -> str:
        """The file's text."""

        def line(name: str, example: str) -> str:
            value = getattr(self, name)
            return f'# {name} = "{example}"' if value is None else f'{name} = "{value}"'

        address = line("address", "HOST:PORT")
        workers = "# workers = 2" if self.workers is None else f"workers = {self.workers}"
        return (
            "# A clearinghouse. HASHPACT_LISTEN and so on in the environment override this file.\n"
            f'origin = "{self.origin}"  # fixed at genesis; do not change\n'
            f'listen = "{self.listen}"  # where the server binds\n'
            f"{address}  # what members connect to, if not where it binds; new profiles carry it\n"
            f"{line('health', '127.0.0.1:9090')}  # health over plain HTTP: /livez and /readyz\n"
            f"{line('metrics', '127.0.0.1:9464')}  # metrics for Prometheus over plain HTTP: /metrics\n"
            f"{line('tiles', '127.0.0.1:9480')}  # the log for everybody, over plain HTTP\n"
            f"{line('publish', '/var/www/log')}  # the same as files, for any web server or object store\n"
            f"{line('traces', 'http://127.0.0.1:4317')}  # where OpenTelemetry spans go (OTLP over gRPC)\n"
            f'access_log = "{self.access_log}"  # off, errors, calls, or members: also who checks\n'
            f'log_format = "{self.log_format}"  # json or text\n'
            f'log_level = "{self.log_level}"  # debug, info, warning or error\n'
            f"{workers}  # processes that answer members; else one for each processor\n"
            + (f"quorum = {self.quorum}  # so many witnesses must cosign\n" if self.cosigners else "")
            + "".join(
                f'\n[[{name}]]\nkey = "{one.witness.key}"\nurl = "{one.url}"\n{mldsa_line(one.also)}'
                for name, several in (("witness", self.witnesses), ("mirror", self.mirrors))
                for one in several
            )
        )


_SIGNS: Final = frozenset({"key", "key_expires"})
"""What a profile with a statement key says of it."""


@dataclass(frozen=True, slots=True)
class ProfileConfig:
    """What a member's machine needs to know.

    The log's ``origin``, its public keys ``log_key`` and ``genesis``, the SHA-256 of its leaf 0, each of 32
    bytes: by them it is recognised. The member's id, its key's name in the log and end in Unix seconds, the
    server's HOST:PORT, or unix:PATH of a mirror. A check-only profile has no key: its name is empty.
    """

    origin: str
    log_key: tuple[bytes, ...]
    genesis: bytes
    member: str
    key: str
    key_expires: int
    address: str

    def __post_init__(self) -> None:
        """Refuse values that no profile can have, with ConfigError."""
        _spelt("profile.toml", LOG, self.origin, "origin")
        _spelt("profile.toml", MEMBER, self.member, "member")
        check_server_address("address", self.address)
        if not self.log_key:
            msg = "profile.toml: log_key needs at least one key"
            raise ConfigError(msg, field="log_key")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The file's values. Raises ConfigError."""
        known = {field.name for field in fields(cls)}
        loaded = load_table("profile.toml", text)
        if "check_only" in loaded:
            known = known - _SIGNS | {"check_only"}
        values = checked_values("profile.toml", loaded, known, known, lists={"log_key"})
        if values.pop("check_only", "yes") != "yes":
            msg = 'profile.toml: check_only is "yes", or not there'
            raise ConfigError(msg, field="check_only")
        keys, genesis = values.pop("log_key"), values.pop("genesis")
        stated = str(values.pop("key_expires", ""))
        expires = _moment("key_expires", stated) if stated else 0
        return cls(
            log_key=tuple(_hash("log_key", key) for key in keys),
            genesis=_hash("genesis", str(genesis)),
            key_expires=expires,
            **{"key": ""} | {name: str(value) for name, value in values.items()},
        )

    @property
    def check_only(self) -> bool:
        """Whether the profile has no statement key, and so can check and nothing else."""
        return not self.key

    def to_toml(self) -> str:
        """The file's text."""
        keys = ", ".join(f'"{key.hex()}"' for key in self.log_key)
        signing = 'check_only = "yes"  # it has no statement key: it can check, and nothing else\n'
        if not self.check_only:
            expires = dt.datetime.fromtimestamp(self.key_expires, dt.UTC).isoformat()
            signing = (
                f'key = "{self.key}"  # the name in the log of member-{self.key}.key\n'
                f'key_expires = "{expires}"\n'
            )
        return (
            "# How this member reaches its clearinghouse.\n"
            f'origin = "{self.origin}"\n'
            "# By these the log is recognised: its public keys, and the SHA-256 of its leaf 0.\n"
            f"log_key = [{keys}]\n"
            f'genesis = "{self.genesis.hex()}"\n'
            f'member = "{self.member}"\n'
            f"{signing}"
            f'address = "{self.address}"\n'
        )


def log_key(where: str, text: str) -> tuple[str, bytes]:
    """Origin and public key of a log's verifier key. Raises ConfigError, saying where."""
    name, kind, public = _verifier_key(where, text)
    if kind != note.ED25519:
        msg = f"{where}: {name} is not the Ed25519 key of a log"
        raise ConfigError(msg, field="key")
    return name, public


def _moment(field: str, text: str) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        msg = f"profile.toml: {field} must be a time such as 2027-11-21T18:30:00+00:00, not {text!r}"
        raise ConfigError(msg, field=field)
    return int(moment.timestamp())


def _hash(field: str, text: str) -> bytes:
    try:
        return Hex(32).read(text)
    except ValueError as error:
        msg = f"profile.toml: {field}: {error}"
        raise ConfigError(msg, field=field) from error


def mldsa_line(also: Witness | None) -> str:
    """The line of an ML-DSA-44 key."""
    return "" if also is None else f'{MLDSA_KEY} = "{also.key}"\n'


def _name(witness: Witness) -> str:
    return witness.name


def _public(witness: Witness) -> bytes:
    return witness.public


def _cosigners(name: str, tables: object) -> tuple[WitnessAt, ...]:
    """What the ``[[witness]]`` or ``[[mirror]]`` tables say."""
    where = f"hashpact.toml: {name}"
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        msg = f"{where}: write each as a table, under [[{name}]]"
        raise ConfigError(msg, field=name)
    found = []
    for table in tables:
        values = checked_values(where, table, {"key", "url", MLDSA_KEY}, {"key", "url"})
        witness = witness_key(where, str(values["key"]))
        if not URL.fullmatch(str(values["url"])):
            msg = f"{where}: url is like https://witness.example/prefix, not {values['url']!r}"
            raise ConfigError(msg, field="url")
        found.append(WitnessAt(witness, str(values["url"]), mldsa_key(where, values, witness)))
    return tuple(found)


def mldsa_key(where: str, values: Mapping[str, object], witness: Witness) -> Witness | None:
    """The ML-DSA-44 key of a witness, if there is one. Raises ConfigError, saying where."""
    if MLDSA_KEY not in values:
        return None
    also = witness_key(where, str(values[MLDSA_KEY]))
    if (also.name, also.kind) != (witness.name, cosignature.MLDSA44):
        msg = f"{where}: {MLDSA_KEY} is not an ML-DSA-44 key of {witness.name}"
        raise ConfigError(msg, field=MLDSA_KEY)
    return also


def witness_key(where: str, text: str) -> Witness:
    """The witness of a verifier key. Raises ConfigError, saying where."""
    try:
        witness = Witness.parse(text)
        if witness.kind == cosignature.ED25519:
            check_public_key(witness.public)
    except InvalidInputError as error:
        msg = f"{where}: {error.message}"
        raise ConfigError(msg, field="key") from error
    return witness


def _verifier_key(where: str, text: str) -> tuple[str, bytes, bytes]:
    try:
        name, kind, public = note.parse_verifier_key(text)
        check_public_key(public)
    except InvalidInputError as error:
        msg = f"{where}: {error.message}"
        raise ConfigError(msg, field="key") from error
    return name, kind, public


def _spelt(file: str, known: Field[str], text: str, name: str) -> None:
    """Refuse a value that no statement could hold."""
    try:
        known.spelling.read(text)
    except ValueError as error:
        msg = f"{file}: {name}: {error}, not {text!r}"
        raise ConfigError(msg, field=name) from error
