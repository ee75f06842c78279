"""Witness policies, byte for byte as C2SP tlog-policy (https://c2sp.org/tlog-policy).

A policy says which logs are known, and which witnesses must have cosigned a checkpoint:

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Names are opaque octets: nothing is decoded, folded or normalised. Narrower than C2SP: at most 128 logs, 128
witnesses and 128 groups, and key names are ASCII, as everywhere in `note`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, Self

from hashpact.errors import BadSignatureError, MalformedError, QuorumError
from hashpact.log import note
from hashpact.log.cosignature import MLDSA44, Witness, verify
from hashpact.log.lines import refuse

MAX_SIZE: Final = 1024 * 1024
"""Bytes that a policy file may have."""
MAX_NAMES: Final = 128
"""Logs, witnesses and groups that a policy may have of each."""
NONE: Final = b"none"
"""The quorum that needs no witness."""

_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE: Final = re.compile(rb"[ \t]+")
_NUMBER: Final = re.compile(rb"[1-9][0-9]{0,3}")
_LOG_KINDS: Final = (note.ED25519, MLDSA44)


@dataclass(frozen=True, slots=True)
class WitnessGroup:
    """The names of witnesses and groups, of which at least ``least`` must have cosigned."""

    least: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log by its origin, which is the name of its key, that key, and the type of its signatures."""

    origin: str
    public: bytes
    kind: bytes = note.ED25519


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """Which logs are known, none of them named if any may be meant, and which witnesses must have cosigned.

    ``witnesses`` and ``groups`` are in the order of their lines; a group has names of earlier lines only.
    Make one with `parse` or `threshold`, which check that.
    """

    logs: tuple[KnownLog, ...] = ()
    witnesses: Mapping[bytes, Witness] = field(default_factory=dict)
    groups: Mapping[bytes, WitnessGroup] = field(default_factory=dict)
    quorum: bytes = NONE

    @classmethod
    def threshold(cls, witnesses: Sequence[Witness], least: int) -> Self:
        """The policy that wants ``least`` of these; keys with one name are one witness, which may use any."""
        if not least:
            return cls()
        keys = Counter(each.name for each in witnesses)
        named = {
            (each.name if keys[each.name] == 1 else f"{each.name}+{each.kind[0]}").encode(): each
            for each in witnesses
        }
        groups = {
            name.encode(): WitnessGroup(1, tuple(each for each, one in named.items() if one.name == name))
            for name, count in keys.items()
            if count > 1
        }
        everybody = tuple(name.encode() for name in keys)
        quorum = b"+quorum"  # no key has a plus sign in its name
        return cls((), named, {**groups, quorum: WitnessGroup(least, everybody)}, quorum)

    def cosigned(self, opened: note.Note, check: note.Verify) -> int | None:
        """The time up to which enough witnesses vouch for the checkpoint; None if the policy wants none.

        That is the newest time such that the cosignatures which are no older meet the quorum, in Unix
        seconds. Raises QuorumError, which names the witnesses that are missing, and any whose line does not
        verify: such a line is an attempt to deceive, and no quorum of others makes up for it.
        """
        if self.quorum == NONE:
            return None
        times: dict[bytes, int] = {}
        for name, witness in self.witnesses.items():
            try:
                time = verify(opened, witness, check)
            except BadSignatureError as error:
                raise QuorumError(error.message, witness=witness.name) from error
            if time is not None:
                times[name] = time
        for time in sorted(set(times.values()), reverse=True):
            if self._met({name for name, cosigned in times.items() if cosigned >= time}):
                return time
        missing = sorted({one.name for name, one in self.witnesses.items() if name not in times})
        there = sorted({self.witnesses[name].name for name in times})
        msg = (
            f"too few witnesses have cosigned the checkpoint: it has the cosignatures of "
            f"{', '.join(there) or 'none'}, and not of {', '.join(missing)}"
        )
        raise QuorumError(msg, missing=" ".join(missing))

    def data(self) -> bytes:
        """The file that says so."""
        lines = [f"log {note.verifier_key(one.origin, one.public, one.kind)}".encode() for one in self.logs]
        lines += [b"witness %s %s" % (name, one.key.encode()) for name, one in self.witnesses.items()]
        lines += [
            b"group %s %d %s" % (name, one.least, b" ".join(one.members)) for name, one in self.groups.items()
        ]
        return b"".join(line + b"\n" for line in [*lines, b"quorum " + self.quorum])

    def _met(self, cosigned: Collection[bytes]) -> bool:
        there = set(cosigned)
        for name, group in self.groups.items():
            if len(there.intersection(group.members)) >= group.least:
                there.add(name)
        return self.quorum in there


def parse(data: bytes) -> WitnessPolicy:
    """Read a policy file. Raises MalformedError, naming what is wrong and its line."""
    if len(data) > MAX_SIZE:
        msg = f"a policy of {len(data)} bytes; the limit is {MAX_SIZE}"
        raise MalformedError(msg, field="policy")
    if data and not data.endswith(b"\n"):
        refuse("want a newline after the last line", "policy", data.count(b"\n") + 1)
    read = _Reading()
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        if _FORBIDDEN.search(line):
            refuse("a control character other than tab", "policy", number)
        first, *rest = _SPACE.split(line.strip(b" \t"))
        if first and not first.startswith(b"#"):
            read.line(first, rest, number)
    return read.policy()


class _Reading:
    """The lines of a policy, as they are read."""

    def __init__(self) -> None:
        self._logs: list[KnownLog] = []
        self._witnesses: dict[bytes, Witness] = {}
        self._groups: dict[bytes, WitnessGroup] = {}
        self._quorum: bytes | None = None
        self._members: set[bytes] = set()
        self._number = 0

    def line(self, first: bytes, rest: Sequence[bytes], number: int) -> None:
        """Take one line, split at its spaces."""
        self._number = number
        match first, len(rest):
            case b"log", 1 | 2:
                self._log(rest[0])
            case b"witness", 2 | 3:
                self._witness(rest[0], rest[1])
            case b"group", count if count >= 3:  # noqa: PLR2004 - a name, a threshold and one member
                self._group(rest[0], rest[1], rest[2:])
            case b"quorum", 1:
                self._end(rest[0])
            case _:
                self._refuse("want log, witness, group or quorum with its items")

    def policy(self) -> WitnessPolicy:
        """What they say. Raises MalformedError without a quorum."""
        if self._quorum is None:
            msg = "the policy has no quorum line; 'quorum none' asks for no witnesses"
            raise MalformedError(msg, field="quorum")
        return WitnessPolicy(tuple(self._logs), self._witnesses, self._groups, self._quorum)

    def _log(self, vkey: bytes) -> None:
        self._bound(self._logs, "logs")
        try:
            name, kind, public = note.parse_verifier_key(vkey.decode("ascii"))
        except (UnicodeDecodeError, MalformedError) as error:
            self._refuse(f"not a verifier key: {error}")
        if kind not in _LOG_KINDS:
            self._refuse("the key of a log is of type 1 (Ed25519) or 6 (ML-DSA-44)")
        if public in {one.public for one in self._logs}:
            self._refuse("another log has the same public key")
        self._logs.append(KnownLog(name, public, kind))

    def _witness(self, name: bytes, vkey: bytes) -> None:
        self._bound(self._witnesses, "witnesses")
        self._check_new(name)
        try:
            witness = Witness.parse(vkey.decode("ascii"))
        except (UnicodeDecodeError, MalformedError) as error:
            self._refuse(str(error))
        if witness.public in {one.public for one in self._witnesses.values()}:
            self._refuse("another witness has the same public key")
        self._witnesses[name] = witness

    def _group(self, name: bytes, least: bytes, members: Sequence[bytes]) -> None:
        self._bound(self._groups, "groups")
        self._check_new(name)
        for member in members:
            self._check_known(member)
            if member in self._members:
                self._refuse("each name is a member of one group at most, and once")
            self._members.add(member)
        if least in {b"all", b"any"}:
            count = len(members) if least == b"all" else 1
        elif _NUMBER.fullmatch(least) and int(least) <= len(members):
            count = int(least)
        else:
            self._refuse(f"a group wants all, any, or from 1 to {len(members)} of its members")
        self._groups[name] = WitnessGroup(count, tuple(members))

    def _end(self, name: bytes) -> None:
        if self._quorum is not None:
            self._refuse("a second quorum line")
        if name != NONE:
            self._check_known(name)
        self._quorum = name

    def _check_new(self, name: bytes) -> None:
        if name == NONE or name in self._witnesses or name in self._groups:
            self._refuse("the name is taken")

    def _check_known(self, name: bytes) -> None:
        if name not in self._witnesses and name not in self._groups:
            self._refuse("names a witness or group that no line before it defines")

    def _bound(self, found: Collection[object], what: str) -> None:
        if len(found) >= MAX_NAMES:
            self._refuse(f"more than {MAX_NAMES} {what}")

    def _refuse(self, what: str) -> NoReturn:
        refuse(what, "policy", self._number)


def strictest(policies: Iterable[WitnessPolicy], opened: note.Note, check: note.Verify) -> int | None:
    """The oldest time up to which each policy's witnesses vouch; None if no policy wants any.

    Raises QuorumError as `WitnessPolicy.cosigned`.
    """
    times = [policy.cosigned(opened, check) for policy in policies]
    return min((time for time in times if time is not None), default=None)
