"""The settings of a gateway, in its gateway.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from hashpact.domain.state import Basis
from hashpact.errors import ConfigError, InvalidInputError
from hashpact.gateway.signals import DEFAULT_SIGNALS, Signals
from hashpact.settings import (
    check_server_address,
    checked_number,
    checked_values,
    load_table,
    quoted,
    split_address,
)

LISTEN: Final = "127.0.0.1:5100"
"""The port of HMA's own examples, on loopback only."""
MEBIBYTE: Final = 1 << 20

_FILE: Final = "gateway.toml"
_STRINGS: Final = frozenset(
    {"profile", "listen", "address", "mirror", "access_log", "log_format", "log_level"}
)
_LISTS: Final = frozenset({"allowed_hosts", "signal_types", "stopncii"})
_FLAGS: Final = frozenset({"hashing", "require_token"})
_NUMBERS: Final = {
    "stale": (1, 366 * 24 * 3600),
    "timeout": (1, 600),
    "max_upload": (1, 1024),
    "max_banks": (1, 100_000),
    "max_contents": (1, 100_000_000),
    "hashing_threads": (1, 64),
}
"""The minimum and the maximum of each number."""
_SHARED: Final = frozenset({"bank", "basis", "authority", "article"})
_PATTERN: Final = re.compile(r"[A-Z_][A-Z0-9_]*\*?", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.ASCII)
_ACCESS_LOG: Final = ("off", "errors", "calls")
_LOG_FORMATS: Final = ("json", "text")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class SharedTerms:
    """The terms on which contents of banks become entries; ``bank`` is a name, or a prefix with a *."""

    bank: str
    labels: tuple[str, ...]
    basis: str = Basis.GUIDELINE.value
    authority: str | None = None
    article: str | None = None
    jurisdictions: tuple[str, ...] = ()

    def covers(self, name: str) -> bool:
        """Whether a bank of that name is shared on these terms."""
        return name.startswith(self.bank[:-1]) if self.bank.endswith("*") else name == self.bank

    @classmethod
    def parse(cls, value: object) -> Self:
        """The terms in a table [[shared]]. Raises ConfigError."""
        name = f"{_FILE}: shared"
        if not isinstance(value, dict):
            msg = f"{name} is a table: [[shared]]"
            raise ConfigError(msg, field="shared")
        lists = {"labels", "jurisdictions"}
        found: dict[str, Any] = checked_values(name, value, _SHARED | lists, ("bank", "labels"), lists=lists)
        if _PATTERN.fullmatch(found["bank"]) is None:
            msg = f"{name}: bank is a name such as COOP_ORG1_HATE, or a prefix such as COOP_ORG1_*"
            raise ConfigError(msg, field="bank")
        if not found["labels"] or found.get("basis", Basis.GUIDELINE.value) not in {
            Basis.GUIDELINE.value,
            Basis.LAW.value,
        }:
            msg = f"{name}: an entry has at least one label, and the basis guideline or law"
            raise ConfigError(msg, field="labels")
        given: dict[str, Any] = {key: tuple(one) if key in lists else one for key, one in found.items()}
        return cls(**given)


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The settings of a gateway; times in seconds, ``max_upload`` in MiB.

    ``profile`` is the member's directory. The clearinghouse is at ``address`` (None: the profile's). With
    ``mirror``, the home of a mirror, checks are answered in this process. ``allowed_hosts`` are those from
    which content may be fetched, ``.example.org`` for all below it; none by default. Callers on other
    machines need a token; with ``require_token`` all callers do. ``stale`` is how old an answer may be before
    the gateway reports a stale index, ``timeout`` how long a call to the clearinghouse may take. Entries with
    a label in ``stopncii`` are served in StopNCII's form; none by default.
    """

    profile: Path
    listen: str = LISTEN
    address: str | None = None
    mirror: Path | None = None
    hashing: bool = True
    require_token: bool = False
    allowed_hosts: tuple[str, ...] = ()
    signal_types: tuple[str, ...] = DEFAULT_SIGNALS
    stale: int = 60
    timeout: int = 10
    max_upload: int = 100
    max_banks: int = 1000
    max_contents: int = 1_000_000
    hashing_threads: int = 2
    stopncii: tuple[str, ...] = ()
    access_log: str = "errors"
    log_format: str = "json"
    log_level: str = "info"
    shared: tuple[SharedTerms, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse unusable values with ConfigError."""
        split_address("listen", self.listen)
        if self.address is not None:
            check_server_address("address", self.address)
        for name in ("profile", "mirror"):
            path = getattr(self, name)
            if path is not None and not path.is_absolute():
                msg = f"{_FILE}: {name} is the absolute path of a directory, not {str(path)!r}"
                raise ConfigError(msg, field=name)
        for host in self.allowed_hosts:
            if _HOST.fullmatch(host.removeprefix(".")) is None:
                msg = f"{_FILE}: allowed_hosts are names in lower case without port, not {host!r}"
                raise ConfigError(msg, field="allowed_hosts")
        try:
            Signals.named(self.signal_types)
        except InvalidInputError as error:
            msg = f"{_FILE}: {error.message}"
            raise ConfigError(msg, field="signal_types") from error
        choices = {"access_log": _ACCESS_LOG, "log_format": _LOG_FORMATS, "log_level": _LOG_LEVELS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                msg = f"{_FILE}: {name} is one of {', '.join(known)}"
                raise ConfigError(msg, field=name)

    def terms(self, bank: str) -> SharedTerms | None:
        """The terms of a shared bank; None for a local one."""
        return next((each for each in self.shared if each.covers(bank)), None)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The file's values. Raises ConfigError."""
        loaded = load_table(_FILE, text)
        given: dict[str, Any] = {}
        for name in _NUMBERS.keys() & loaded.keys():
            given[name] = checked_number(f"{_FILE}: {name}", loaded.pop(name), *_NUMBERS[name])
        for name in _FLAGS & loaded.keys():
            given[name] = loaded.pop(name)
            if not isinstance(given[name], bool):
                msg = f"{_FILE}: {name} is true or false"
                raise ConfigError(msg, field=name)
        shared = loaded.pop("shared", [])
        if not isinstance(shared, list):
            msg = f"{_FILE}: shared is a list of tables: [[shared]]"
            raise ConfigError(msg, field="shared")
        given["shared"] = tuple(map(SharedTerms.parse, shared))
        values = checked_values(_FILE, loaded, _STRINGS | _LISTS, ("profile",), lists=_LISTS)
        for name, found in values.items():
            given[name] = tuple(found) if isinstance(found, list) else found
        for name in ("profile", "mirror"):
            if name in given:
                given[name] = Path(given[name])
        return cls(**given)

    def to_toml(self) -> str:
        """The text of a new gateway's file, without shared banks."""

        def line(name: str, example: str) -> str:
            value = getattr(self, name)
            return f'# {name} = "{example}"' if value is None else f"{name} = {quoted(name, value)}"

        hosts, types, labels = (
            ", ".join(f'"{one}"' for one in each)
            for each in (self.allowed_hosts, self.signal_types, self.stopncii)
        )
        return (
            "# A gateway: HMA's REST interface for programs of this member.\n"
            f"profile = {quoted('profile', self.profile)}  # the directory of the member\n"
            f'listen = "{self.listen}"  # callers of other machines need a token\n'
            f"require_token = {str(self.require_token).lower()}  # true behind any proxy or tunnel\n"
            f"{line('address', 'hub.example:8443')}  # the clearinghouse; by default the profile's\n"
            f"{line('mirror', '/srv/mirror')}  # the home of a mirror, to answer checks in this process\n"
            f"allowed_hosts = [{hosts}]  # hosts to fetch content from; .example.org for all below it\n"
            f"hashing = {str(self.hashing).lower()}  # false: take hashes only, no content\n"
            f"signal_types = [{types}]  # further: phash, sha256, video_sha256\n"
            f"stale = {self.stale}  # seconds: /status is INDEX-STALE if answers are older\n"
            f"timeout = {self.timeout}  # seconds of a call to the clearinghouse\n"
            f"max_upload = {self.max_upload}  # MiB of a file\n"
            f"max_banks = {self.max_banks}\n"
            f"max_contents = {self.max_contents}  # of local banks\n"
            f"hashing_threads = {self.hashing_threads}\n"
            f"stopncii = [{labels}]  # labels of entries that are served in StopNCII's form\n"
            f'access_log = "{self.access_log}"  # off, errors or calls\n'
            f'log_format = "{self.log_format}"  # json or text\n'
            f'log_level = "{self.log_level}"  # debug, info, warning or error\n'
            "\n# Contents added to banks of such a name become signed entries in the log.\n"
            '# [[shared]]\n# bank = "COOP_ORG1_*"\n# labels = ["hate"]\n# jurisdictions = ["VN"]\n'
        )
