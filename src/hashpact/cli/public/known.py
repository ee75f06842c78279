"""How a log is known to a command that verifies a file: by a profile, its genesis, or its name and key."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from hashpact.cli.options import mldsa_keys
from hashpact.domain.grammar import Hex
from hashpact.domain.pinned import PinnedLog

if TYPE_CHECKING:
    from hashpact.domain.state import Witness
    from hashpact.member.trusting.bundle import BundlePart
    from hashpact.member.trusting.roots import LogHistory

Command = TypeVar("Command", bound=Callable[..., Any])


def _keys(_context: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> tuple[bytes, ...]:
    """Public keys in hex."""
    try:
        return tuple(Hex(32).read(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def digest(_context: click.Context, _parameter: click.Parameter, text: str | None) -> bytes | None:
    """A SHA-256 in hex."""
    try:
        return None if text is None else Hex(32).read(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@dataclass(frozen=True, slots=True)
class Known:
    """What was said of the log: a genesis, or an origin with keys, or else a profile."""

    profile: Path | None
    genesis: bytes | None
    origin: str | None
    keys: tuple[bytes, ...]
    mldsa_keys: tuple[Witness, ...] = ()

    def history(self, roots: Sequence[BundlePart] = ()) -> LogHistory:
        """The log, with what root statements of the file say of it.

        Raises ConfigError, MalformedError and ProofError if the profile or the roots are not what they must
        be, and click.UsageError unless one way was named.
        """
        from hashpact.member.paths import ProfilePaths
        from hashpact.member.profile import config_of
        from hashpact.member.trusting import kept
        from hashpact.member.trusting.roots import LogHistory

        named = self.origin is not None or bool(self.keys) or bool(self.mldsa_keys)
        whole = self.origin is not None and bool(self.keys)
        if (
            named != whole
            or (named and self.genesis is not None)
            or (self.profile is None and self.genesis is None and not named)
        ):
            msg = (
                "say by what the log is known: --profile DIR, or --genesis SHA256, or --origin ORIGIN and "
                "--log-key HEX"
            )
            raise click.UsageError(msg)
        if self.genesis is not None:
            return LogHistory.from_genesis(roots, self.genesis)
        if self.origin is not None:
            return LogHistory((PinnedLog(self.origin, self.keys, mldsa_keys=self.mldsa_keys),))
        assert self.profile is not None  # noqa: S101 - one way was named
        paths = ProfilePaths(self.profile.expanduser())
        config = config_of(paths)
        known = kept.history(paths, config)
        if not roots or len(roots) <= len(known.logs):
            return known
        later = LogHistory.of(roots, known.now, config.genesis)
        demanded = kept.demands(paths)
        return later if demanded is None else later.demanding(demanded)


def known_options(command: Command) -> Command:
    """The options that say by what the log is known; the command gets them as ``known``."""

    @functools.wraps(command)
    def knowing(
        *,
        profile: Path | None,
        genesis: bytes | None,
        origin: str | None,
        keys: tuple[bytes, ...],
        mldsa_keys: tuple[Witness, ...],
        **rest: Any,  # noqa: ANN401  # click's
    ) -> Any:  # noqa: ANN401  # click's
        return command(known=Known(profile, genesis, origin, keys, mldsa_keys), **rest)

    for option in (_mldsa_option, _key_option, _origin_option, _genesis_option, _profile_option):
        knowing = option(knowing)
    return cast("Command", knowing)


_profile_option: Final = click.option(
    "--profile",
    metavar="DIR",
    type=Path,
    envvar="HASHPACT_PROFILE",
    show_envvar=True,
    help="The profile that knows the log.",
)
_genesis_option: Final = click.option(
    "--genesis",
    metavar="SHA256",
    callback=digest,
    help="Without a profile: the SHA-256 of leaf 0, as it was published.",
)
_origin_option: Final = click.option("--origin", metavar="ORIGIN", help="Without either: the log's name.")
_key_option: Final = click.option(
    "--log-key", "keys", metavar="HEX", multiple=True, callback=_keys, help="Its public key; may be repeated."
)
_mldsa_option: Final = click.option(
    "--log-mldsa-key",
    "mldsa_keys",
    metavar="KEY",
    multiple=True,
    callback=mldsa_keys,
    help="The ML-DSA-44 verifier key that must have signed too; may be repeated.",
)
