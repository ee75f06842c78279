"""The command that fingerprints files, and what commands say of content."""

from __future__ import annotations

import sys
from typing import Final

import click

from hashpact.cli import exits
from hashpact.cli.options import example, files_argument, json_option
from hashpact.cli.output import complain, emit, error_fields, one_line, with_progress
from hashpact.cli.platform.pieces import STDIN
from hashpact.domain.fingerprints import PARTS, TYPES, Fingerprint
from hashpact.errors import HashpactError, InvalidInputError
from hashpact.fingerprint.content import Fingerprinted, fingerprints_of


def _installed(_context: click.Context, _option: click.Parameter, wanted: bool) -> bool:  # noqa: FBT001 - click's
    """Fail before any file is read, and not at each of them."""
    if wanted:
        from hashpact.fingerprint.reading.ocr import installed

        installed()
    return wanted


ocr_option: Final = click.option(
    "--ocr", is_flag=True, callback=_installed, help="Also by the text in pictures, which tesseract reads."
)

TYPE_CHOICE: Final = click.Choice([name for name in TYPES if name != PARTS.name])
"""The types that a command makes when they are asked for by name."""


@click.command(epilog=example("hashpact fingerprint --type pdq/1 photo.jpg"))
@files_argument
@click.option("--type", "types", type=TYPE_CHOICE, multiple=True, help="Only this type; may be repeated.")
@ocr_option
@json_option
def fingerprint(files: tuple[str, ...], types: tuple[str, ...], *, ocr: bool, as_json: bool) -> None:
    """Fingerprint files; nothing leaves this machine.

    A picture has pdq/1 and phash/1, a text minhash/1 and winnow/1, every file sha256/1 and md5/1. Of winnow/1
    all hashes are shown that a check has; an entry holds the first 128. A type that this content cannot have
    is named with the reason.

    With --ocr, the text in a picture is read on this machine and has its fingerprints too, as submit --ocr
    shares them and check --ocr asks for them.
    """
    failed = False
    for name in with_progress(files, "files", len(files)):
        try:
            made = fingerprints_of(sys.stdin.buffer if name == STDIN else name, types or None, ocr=ocr)
        except InvalidInputError as error:
            failed = True
            show_unread(name, error, as_json=as_json)
            continue
        show_warnings(name, made)
        if as_json:
            shown = [_shown(each) for each in made.fingerprints]
            emit({"file": name, "fingerprints": shown, **limits_of(made)})
            continue
        for each in made.fingerprints:
            quality = "" if each.quality is None else f" quality {each.quality}"
            click.echo(f"{one_line(name)}: {each.type.name} {each.value.hex()}{quality}")
    if failed:
        raise click.exceptions.Exit(exits.MISUSED)


def show_unread(name: str, error: HashpactError, *, as_json: bool) -> None:
    """Print that content could not be read, and why; its error names it."""
    if as_json:
        emit({"file": name, "error": error_fields(error)})
    else:
        complain(error.message)


def show_warnings(name: str, found: Fingerprinted) -> None:
    """Print, on stderr, which types content cannot have, and as what it could not be read."""
    for message in (*found.warnings, *(reason for _, reason in found.refused)):
        complain(f"{name!r}: {message}")


def limits_of(found: Fingerprinted) -> dict[str, object]:
    """The same for JSON: only what there is."""
    shown: dict[str, object] = {}
    if found.refused:
        shown["refused"] = [{"type": name, "reason": reason} for name, reason in found.refused]
    if found.warnings:
        shown["warnings"] = list(found.warnings)
    return shown


def _shown(fingerprint: Fingerprint) -> dict[str, object]:
    shown: dict[str, object] = {"type": fingerprint.type.name, "value": fingerprint.value.hex()}
    if fingerprint.quality is not None:
        shown["quality"] = fingerprint.quality
    return shown
