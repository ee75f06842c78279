"""How a command posts events to a webhook: its options, and the webhook that they describe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hashpact.cli.conduct.shown import read_text
from hashpact.cli.output import complain
from hashpact.errors import UnavailableError

if TYPE_CHECKING:
    from hashpact.member.watching.webhook import Webhook

_PATIENCE: Final = 30.0
"""Seconds that a command that looks once waits for the webhook's receiver."""

webhook_option: Final = click.option(
    "--webhook", metavar="URL", help="Post each event there too, signed (Standard Webhooks)."
)
secret_option: Final = click.option(
    "--secret-file", metavar="FILE", type=Path, help="With --webhook: the file with its whsec_... secret."
)


@contextlib.contextmanager
def hooked(url: str | None, secret_file: Path | None) -> Iterator[Webhook | None]:
    """The webhook, if there is one."""
    if url is None:
        yield None
        return
    if secret_file is None:
        msg = "--webhook needs --secret-file, a file with whsec_ and the base64 of at least 24 bytes"
        raise click.UsageError(msg)
    from hashpact.clock import unix_time
    from hashpact.member.watching.webhook import Webhook, secret_of

    hook = Webhook(url, secret_of(read_text(secret_file)), unix_time, _given_up)
    try:
        yield hook
    finally:
        hook.close()
        if hook.dropped:
            complain(f"the webhook was too slow: {hook.dropped} events were dropped")


def _given_up(message_id: str) -> None:
    complain(f"the webhook has not taken the event {message_id}")


def flush(hook: Webhook) -> None:
    """Wait until the receiver has taken what was posted. Raises UnavailableError if it takes too long."""
    hook.flush(_PATIENCE)
    if hook.waiting:
        events = f"{hook.waiting} events in {_PATIENCE:g} s"
        msg = f"the webhook has not taken {events}; run the command again to post them"
        raise UnavailableError(msg)
