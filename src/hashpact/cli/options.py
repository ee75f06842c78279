"""Options and arguments that several commands share."""

from __future__ import annotations

import datetime as dt
import functools
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import click

from hashpact.cli.output import complain
from hashpact.durable import read_bytes
from hashpact.keys.passphrase import Passphrases

if TYPE_CHECKING:
    from hashpact.domain.messages import MemberDetail
    from hashpact.domain.state import Witness
    from hashpact.member.clients import Client
    from hashpact.mirror.local import Mirror

Command = TypeVar("Command", bound=Callable[..., Any])

Connect: TypeAlias = "Callable[[], Client]"
"""Makes the client that a command's options describe."""

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds that a call to the server may take."""

_ENTRY: Final = re.compile("(?:entries/)?([0-9]{1,18})", re.ASCII)
_UNIX: Final = re.compile("[0-9]{1,18}", re.ASCII)

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object a line, instead of text."
)

unencrypted_option: Final = click.option(
    "--unencrypted", is_flag=True, help="Write private keys without a passphrase."
)

timeout_option: Final = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    default=DEFAULT_TIMEOUT,
    show_default=True,
    help="How long one call to the server may take.",
)

reason_option: Final = click.option(
    "--reason", metavar="SLUG", required=True, help="Lower-case letters, digits and hyphens; it is public."
)

files_argument: Final = click.argument("files", metavar="FILE...", nargs=-1, required=True)
"""Paths are not checked here: a bad one is reported where it is read, and the others go on."""

home_argument: Final = click.argument("home", metavar="HOME", type=Path)


def client_options(command: Command) -> Command:
    """The options by which a command reaches a clearinghouse as a member; it gets them as ``connect``."""
    return _connected(command, signs=True)


def reading_options(command: Command) -> Command:
    """As `client_options`, of a command that signs no statement: its client has no statement key."""
    return _connected(command, signs=False)


def _connected(command: Command, *, signs: bool) -> Command:
    @functools.wraps(command)
    def connected(  # the options' values, and whatever else the command has
        *,
        profile: Path,
        **rest: Any,  # noqa: ANN401  # click's
    ) -> Any:  # noqa: ANN401  # click's
        return command(connect=_connecting(profile, rest, signs=signs), **rest)

    for option in (*_channel_options(), profile_option):
        connected = option(connected)
    return cast("Command", connected)


def checking_options(command: Command) -> Command:
    """The options of a command that checks, at a clearinghouse as a member or from a mirror's home.

    It gets ``connect``, and ``mirrored``: whether that opens a mirror, which has the checks of a client and
    its `entry`, and nothing else.
    """

    @functools.wraps(command)
    def connected(  # the options' values, and whatever else the command has
        *,
        profile: Path | None,
        mirror: Path | None,
        **rest: Any,  # noqa: ANN401  # click's
    ) -> Any:  # noqa: ANN401  # click's
        if mirror is None and profile is None:
            msg = "say --profile DIR for a member of a clearinghouse, or --mirror HOME"
            raise click.UsageError(msg)
        connect = _connecting(profile or Path(), rest, signs=False)
        if mirror is not None:
            connect = cast("Connect", functools.partial(_open_mirror, mirror))
        return command(connect=connect, mirrored=mirror is not None, **rest)

    mirror_option = click.option(
        "--mirror", metavar="HOME", type=_directory, help="Answer from this mirror's copy, without a server."
    )
    for option in (*_channel_options(), _profile_option(required=False), mirror_option):
        connected = option(connected)
    return cast("Command", connected)


def side_options(command: Command) -> Command:
    """The options of a command that works for a member and at a home; it gets them as ``side``."""
    return _sided(command, signs=True)


def reading_side_options(command: Command) -> Command:
    """As `side_options`, of a command that signs no statement."""
    return _sided(command, signs=False)


def _sided(command: Command, *, signs: bool) -> Command:
    @functools.wraps(command)
    def sided(  # the options' values, and whatever else the command has
        *,
        home: Path | None,
        profile: Path | None,
        **rest: Any,  # noqa: ANN401  # click's
    ) -> Any:  # noqa: ANN401  # click's
        if home is None and profile is None:
            msg = "say --profile DIR for a member, or --home HOME for an administrator"
            raise click.UsageError(msg)
        connect = _connecting(profile or Path(), rest, signs=signs)
        side = Access(home, None)
        if home is None and profile is not None:
            side = Access(None, connect, _member(profile))
        return command(side=side, **rest)

    home_option = click.option(
        "--home", metavar="HOME", type=Path, help="Work at this home, as an administrator."
    )
    for option in (*_channel_options(), _profile_option(required=False), home_option):
        sided = option(sided)
    return cast("Command", sided)


@dataclass(frozen=True, slots=True)
class Access:
    """On which side of the wire a command works: at a home, or else as the member ``own``."""

    home: Path | None
    connect: Connect | None
    own: str | None = None

    def members(self) -> list[MemberDetail]:
        """Every member with its keys, in the order of their ids."""
        if self.connect is not None:
            with self.connect() as client:
                return list(client.members())
        from hashpact.home.opening import open_home  # a member's command does without it

        assert self.home is not None  # noqa: S101 - one of them is given
        with open_home(self.home) as opened:
            return opened.members()


def _directory(text: str) -> Path:
    """A directory; the environment may name it with a ~."""
    return Path(text).expanduser()


def _profile_option(*, required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--profile",
        metavar="DIR",
        type=_directory,
        required=required,
        envvar="HASHPACT_PROFILE",
        show_envvar=True,
        help="The profile directory of the member.",
    )


profile_option: Final = _profile_option(required=True)
optional_profile: Final = _profile_option(required=False)


def _channel_options() -> tuple[Callable[[Any], Any], ...]:
    return (
        timeout_option,
        click.option(
            "--address",
            metavar="HOST:PORT",
            envvar="HASHPACT_ADDRESS",
            show_envvar=True,
            help="Where the server is, instead of what the profile says; unix:PATH is a mirror's socket.",
        ),
        click.option(
            "--ca",
            metavar="FILE",
            type=Path,
            envvar="HASHPACT_CA",
            show_envvar=True,
            help="By what certificate the server is known, as pki/ca.crt of a mirror. [the profile's]",
        ),
        click.option(
            "--no-proxy", is_flag=True, help="Go to the server directly, whatever proxy https_proxy names."
        ),
    )


def _connecting(profile: Path, options: dict[str, Any], *, signs: bool) -> Connect:
    """What connects as the channel's options say, which are taken out of a command's."""
    address, ca, timeout = (options.pop(name) for name in ("address", "ca", "timeout"))
    proxy = not options.pop("no_proxy")
    return functools.partial(_connect, profile, address, ca, timeout, proxy=proxy, signs=signs)


def _connect(  # noqa: PLR0913 - an argument for each option
    profile: Path, address: str | None, ca: Path | None, timeout: float, *, proxy: bool, signs: bool
) -> Client:
    from hashpact.config import MAX_SIZE
    from hashpact.member.clients import Client
    from hashpact.member.profile import Profile

    loaded = (Profile.load if signs else Profile.reading)(profile, passphrases())
    for ending in loaded.endings(int(time.time())):
        complain(f"{ending.level}: {ending.text}; run: {ending.remedy}")
    authority = None if ca is None else read_bytes(ca, MAX_SIZE)
    reached = loaded.at(loaded.endpoint.address if address is None else address, authority)
    # Somebody waits: a refused connection is reported at once.
    return Client(reached, timeout=timeout, channels=1, proxy=proxy, retry_refused=False)


def _open_mirror(home: Path) -> Mirror:
    from hashpact.mirror.local import Mirror

    return Mirror(home, passphrases=passphrases())


def _member(profile: Path) -> str:
    from hashpact.member.profile import member_of

    return member_of(profile)


def passphrases() -> Passphrases:
    """Passphrases from the environment, or asked for at the terminal."""
    return Passphrases(prompt=_prompt if sys.stdin.isatty() else None)


def _prompt(text: str, twice: bool) -> str:  # noqa: FBT001 - as Passphrases calls it
    typed: str = click.prompt(text, hide_input=True, confirmation_prompt=twice, err=True)
    return typed


def entry_index(text: str) -> int:
    """An entry's log index, from a number or from ``entries/NUMBER``."""
    found = _ENTRY.fullmatch(text)
    if found is None:
        msg = f"{text!r} is not an entry; name it as check does, such as 12 or entries/12"
        raise click.BadParameter(msg)
    return int(found[1])


def moment(text: str) -> int:
    """A moment in Unix seconds, from these or from RFC 3339 with an offset."""
    if _UNIX.fullmatch(text):
        return int(text)
    try:
        parsed = dt.datetime.fromisoformat(text)
        seconds = int(parsed.timestamp())
    except (ValueError, OverflowError):
        parsed, seconds = None, -1
    if parsed is None or parsed.tzinfo is None or seconds < 0:
        msg = f"{text!r} is not a time; write it as 2026-11-21T18:30:00Z or in Unix seconds"
        raise click.BadParameter(msg)
    return seconds


def example(*lines: str) -> str:
    """The end of a command's help: how it is used, one command a line."""
    return "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


entry_argument: Final = click.argument("entry", metavar="ENTRY", type=entry_index)


def mldsa_keys(
    _context: click.Context, _parameter: click.Parameter, texts: Sequence[str]
) -> tuple[Witness, ...]:
    """The value of an option that names ML-DSA-44 keys of a log, by their verifier keys."""
    from hashpact.domain.kinds import LOG_MLDSA_KEYS

    try:
        return tuple(map(LOG_MLDSA_KEYS.spelling.read, texts))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
