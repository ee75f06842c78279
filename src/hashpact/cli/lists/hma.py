"""The command that copies the contents of a Hasher-Matcher-Actioner into a file."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import click

from hashpact.cli.options import example, json_option
from hashpact.cli.output import emit, one_line, progress_of
from hashpact.errors import InvalidInputError, MalformedError


@click.command(
    "copy",
    epilog=example(
        "hashpact hma copy http://127.0.0.1:5000 contents.jsonl",
        "hashpact import hma contents.jsonl --private ours --profile acme-video      (then)",
    ),
)
@click.argument("url", metavar="URL")
@click.argument("file", metavar="FILE", type=Path)
@json_option
def copy_hma(url: str, file: Path, *, as_json: bool) -> None:
    """Copy the contents of an HMA into a file, for: hashpact import hma.

    HMA has no route that lists contents, so this asks for one id after another. Signals, banks and the names
    of exchanges are copied; notes and other metadata are not. A file that is there already is continued
    after its last content, so a copy that was interrupted goes on.
    """
    from hashpact.http.hma import HmaContents  # noqa: PLC0415 - late: help does without it

    if urlsplit(url).scheme not in {"http", "https"}:
        msg = f"{one_line(url)} is no http or https address of an HMA, such as http://127.0.0.1:5000"
        raise InvalidInputError(msg, field="url")
    with (
        os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as out,
        closing(HmaContents(url)) as contents,
        progress_of("contents") as progress,
    ):
        before, after = _continued(out, file)
        count, last = before, after
        for content in contents.after(after):
            count, last = count + 1, content["id"]
            out.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
            progress(count, 0)
        out.flush()
        os.fsync(out.fileno())
    if as_json:
        emit({"file": str(file), "contents": count, "new": count - before, "last": last})
    else:
        click.echo(f"{count} contents in {one_line(str(file))}, {count - before} of them new")


def _continued(out: BinaryIO, file: Path) -> tuple[int, int]:
    """How many contents a file has, and the id of the last one; a last line that is broken off is removed."""
    count = last = whole = 0
    for line in out:
        if not line.endswith(b"\n"):
            break
        try:
            last = int(json.loads(line)["id"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            msg = f"line {count + 1} of {one_line(str(file))} is no content of an HMA: name another file"
            raise MalformedError(msg, field="file") from error
        count, whole = count + 1, whole + len(line)
    out.seek(whole)
    out.truncate()
    return count, last
