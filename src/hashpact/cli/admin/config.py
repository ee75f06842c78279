"""The command config check: what is in force in a home's configuration."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import click

from hashpact.cli.options import example, home_argument, json_option
from hashpact.cli.output import emit, one_line
from hashpact.config import HomeConfig


@click.group()
def config() -> None:
    """Check the configuration of a home."""


@config.command(epilog=example("hashpact config check /srv/hashpact"))
@home_argument
@json_option
def check(home: Path, *, as_json: bool) -> None:
    """Check hashpact.toml, and show what is in force, the environment included.

    Nothing is opened but the file. A running server takes a change when it is started again.
    """
    from hashpact.home.opening import read_config

    found = read_config(home, os.environ)
    values = _values(found)
    if as_json:
        emit(values)
        return
    for name, value in values.items():
        click.echo(f"{name:12}{'-' if value in (None, []) else one_line(str(value))}")


def _values(found: HomeConfig) -> dict[str, object]:
    asked = {"witnesses": found.witnesses, "mirrors": found.mirrors}
    plain = {each.name: getattr(found, each.name) for each in fields(found) if each.name not in asked}
    return plain | {
        name: [f"{one.witness.name} {one.url}" for one in several] for name, several in asked.items()
    }
