"""Configuration: a clearinghouse's HOME/hashpact.toml and a member's profile.toml, each validated once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from hashpact.domain.errors import ConfigError
from hashpact.domain.grammar import Hex

ENVIRONMENT_PREFIX: Final = "HASHPACT_"
DEFAULT_LISTEN: Final = "127.0.0.1:8443"
MAX_SIZE: Final = 64 * 1024
"""Bytes that a configuration file may have."""

_HOST_PORT: Final = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class HomeConfig:
    """What a server needs to know.

    ``origin`` is the log's name, fixed at its genesis. ``listen`` is the HOST:PORT to bind (port 0: any free
    one). ``address`` is the HOST:PORT that members connect to, written into their profiles (None: where the
    server is bound); the server's certificate must name its host.
    """

    origin: str
    listen: str = DEFAULT_LISTEN
    address: str | None = None

    def __post_init__(self) -> None:
        """Refuse an address without host or port, with ConfigError."""
        split_address("listen", self.listen)
        if self.address is not None:
            split_address("address", self.address)

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str]) -> Self:
        """The file's values; HASHPACT_LISTEN and HASHPACT_ADDRESS in the environment override it.

        Raises ConfigError. The origin never comes from the environment: it belongs to the log.
        """
        values = _values("hashpact.toml", text, cls)
        for name in ("listen", "address"):
            override = environ.get(ENVIRONMENT_PREFIX + name.upper())
            if override:
                values[name] = override
        return cls(**{name: str(value) for name, value in values.items()})

    def to_toml(self) -> str:
        """The file's text."""
        address = '# address = "HOST:PORT"' if self.address is None else f'address = "{self.address}"'
        return (
            "# A clearinghouse. HASHPACT_LISTEN and HASHPACT_ADDRESS in the environment override this file.\n"
            f'origin = "{self.origin}"  # fixed at genesis; do not change\n'
            f'listen = "{self.listen}"  # where the server binds\n'
            f"{address}  # what members connect to, if not where it binds; new profiles carry it\n"
        )


@dataclass(frozen=True, slots=True)
class ProfileConfig:
    """What a member's machine needs to know.

    The log's ``origin``, its public keys ``log_key`` and ``genesis``, the SHA-256 of its leaf 0, each of 32
    bytes: by them it is recognised. The member's id, its key's name, the server's HOST:PORT.
    """

    origin: str
    log_key: tuple[bytes, ...]
    genesis: bytes
    member: str
    key: str
    address: str

    def __post_init__(self) -> None:
        """Refuse an address without host or port, and a profile without a log key, with ConfigError."""
        split_address("address", self.address)
        if not self.log_key:
            msg = "profile.toml: log_key needs at least one key"
            raise ConfigError(msg, field="log_key")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The file's values. Raises ConfigError."""
        values = _values("profile.toml", text, cls, lists={"log_key"})
        keys, genesis = values.pop("log_key"), values.pop("genesis")
        return cls(
            log_key=tuple(_hash("log_key", key) for key in keys),
            genesis=_hash("genesis", str(genesis)),
            **{name: str(value) for name, value in values.items()},
        )

    def to_toml(self) -> str:
        """The file's text."""
        keys = ", ".join(f'"{key.hex()}"' for key in self.log_key)
        return (
            "# How this member reaches its clearinghouse.\n"
            f'origin = "{self.origin}"\n'
            "# By these the log is recognised: its public keys, and the SHA-256 of its leaf 0.\n"
            f"log_key = [{keys}]\n"
            f'genesis = "{self.genesis.hex()}"\n'
            f'member = "{self.member}"\n'
            f'key = "{self.key}"  # the name of member.key in the log\n'
            f'address = "{self.address}"\n'
        )


def split_address(field: str, address: str) -> tuple[str, int]:
    """Host (without brackets) and port of HOST:PORT. Raises ConfigError naming the field."""
    found = _HOST_PORT.fullmatch(address)
    if found is None or int(found["port"]) > _MAX_PORT:
        msg = f"{field} must be HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443, not {address!r}"
        raise ConfigError(msg, field=field)
    return found["host"].strip("[]"), int(found["port"])


def _hash(field: str, text: str) -> bytes:
    try:
        return Hex(32).read(text)
    except ValueError as error:
        msg = f"profile.toml: {field}: {error}"
        raise ConfigError(msg, field=field) from error


def _values(
    name: str, text: str, wanted: type[HomeConfig | ProfileConfig], lists: Container[str] = ()
) -> dict[str, str | list[str]]:
    """The values of a TOML file that has no others than ``wanted`` has fields: strings, or lists of them."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{name} is not valid TOML: {error}"
        raise ConfigError(msg) from error
    known = {field.name for field in fields(wanted)}
    for key, value in values.items():
        if key not in known:
            msg = f"{name}: unknown value {key!r}; known are {', '.join(sorted(known))}"
            raise ConfigError(msg, field=key)
        if key in lists:
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                msg = f"{name}: {key} must be a list of strings in quotes"
                raise ConfigError(msg, field=key)
        elif not isinstance(value, str):
            msg = f"{name}: {key} must be a string in quotes"
            raise ConfigError(msg, field=key)
    required = known if wanted is ProfileConfig else {"origin"}
    for key in sorted(required - values.keys()):
        msg = f"{name}: {key} is missing"
        raise ConfigError(msg, field=key)
    return values
