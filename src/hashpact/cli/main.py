"""The command `hashpact`: its commands by name, and what every one of them does with an error.

Each command is imported when it is called, so that `hashpact --help` answers at once.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from hashpact.cli import exits
from hashpact.cli.options import example
from hashpact.cli.output import complain, one_line, report
from hashpact.errors import HashpactError, InvalidInputError
from hashpact.keys.core_dumps import forbid_core_dumps

COMMANDS: Final = {
    "init": ("admin.home:init", "Make the home of a new clearinghouse."),
    "serve": ("admin.home:serve", "Serve a home until SIGTERM or Ctrl-C."),
    "backup": ("admin.backup:backup", "Copy a home into one new archive."),
    "restore": ("admin.backup:restore", "Make a home of a backup again."),
    "member": (
        "admin.member:member",
        "Enrol members, list them, change their roles, suspend, resume.",
    ),
    "key": ("admin.key:key", "See to the keys that sign."),
    "root": ("admin.root:root", "Show and change the administrators."),
    "statement": ("admin.statement:statement", "Sign statements together."),
    "cert": ("admin.cert:cert", "Issue and renew the certificates of channels."),
    "profile": ("platform.profile:profile", "Make a member's profile on its own machine."),
    "config": ("admin.config:config", "Check the configuration of a home."),
    "witness": ("public.witness:witness", "Cosign the checkpoints of logs."),
    "log": ("public.log:log", "Read the log of a home, or what has changed about entries."),
    "receipt": ("public.receipt:receipt", "Verify that receipts prove their statements."),
    "bundle": (
        "public.bundle:bundle",
        "Put statements and what proves them into one file.",
    ),
    "checkpoint": ("public.checkpoint:checkpoint", "Compare signed checkpoints."),
    "evidence": ("public.evidence:evidence", "Verify what clients keep when a log contradicts itself."),
    "audit": ("public.audit:audit", "Derive a whole log again from its leaves."),
    "monitor": (
        "platform.monitor:monitor",
        "Audit a log, then only what is new in it, and report what concerns a member.",
    ),
    "fingerprint": ("platform.content:fingerprint", "Fingerprint files; nothing leaves this machine."),
    "submit": ("platform.submit:submit", "Share fingerprints of removed files."),
    "check": ("platform.check:check", "Look for shared entries that files are copies of."),
    "mirror": ("mirroring.mirror:mirror", "Keep a verified copy of a log, and answer checks from it."),
    "mirror retro": (
        "mirroring.retro:retro",
        "Report which past uploads match entries that arrived later.",
    ),
    "mirror snapshot": (
        "mirroring.snapshot:snapshot",
        "Write a log into one file, from which a mirror begins.",
    ),
    "gateway": (
        "mirroring.gateway:gateway",
        "Serve HMA's REST interface to programs of this member, such as ROOST Coop.",
    ),
    "mirror quarantine": (
        "mirroring.quarantine:quarantine",
        "Entries that match far more often than they did, until somebody confirms them.",
    ),
    "import": ("lists.importing:import_list", "Import a list of hashes."),
    "export": (
        "lists.exporting:export",
        "Write a private list, or entries.",
    ),
    "hma copy": ("lists.hma:copy_hma", "Copy the contents of an HMA into a file, for: hashpact import hma."),
    "list-local": ("lists.local_lists:list_local", "Private lists: hashes on this machine."),
    "list": ("platform.listing:list_entries", "List entries in the order of the log."),
    "labels": ("platform.labels:labels", "List the labels of the policy in force, each with what it is for."),
    "entry": ("platform.entry:entry", "Show an entry and what members say of it."),
    "withdraw": ("platform.entry:withdraw", "Take back an entry of one's own."),
    "opinion": ("platform.entry:opinion", "Endorse or dispute another member's entry."),
    "contact": ("conduct.contact:contact", "Name contact points, confirm them, and see those of others."),
    "notice": ("conduct.notice:notice", "Give notice of content, and work through the notices one has got."),
    "appeal": ("conduct.appeal:appeal", "Appeal against entries and decisions, and rule on appeals."),
    "question": ("conduct.appeal:question", "Ask authorities."),
    "reply": ("conduct.appeal:reply", "See which replies are awaited from authorities, and give them."),
    "practice": ("conduct.reports:practice", "Share documents about what works, with the members."),
    "training": ("conduct.reports:training", "Record that reviewers were trained."),
    "tally": (
        "conduct.reports:tally",
        "Report how many uploads were checked, and what became of the matches.",
    ),
    "review": ("conduct.reports:review", "Sign the joint review of a quarter, and state what was done."),
    "methods": (
        "public.methods:methods",
        "See how content is found and what is kept, as it is published in the log.",
    ),
    "report": (
        "public.report:report",
        "Report on a quarter such as 2026Q4, from the leaves of a log and nothing else.",
    ),
    "demo": ("public.demo:demo", "Play the whole path on this machine."),
}
"""Where each command is below hashpact.cli, and its line in the help."""

_ALLOCATIONS: Final = 50_000
"""New objects after which Python collects garbage, instead of 700. What a command imports stays, and looking
through it again and again is a noticeable part of a short command."""


class _ReaderGoneError(Exception):
    """The process that read our output has ended."""


class _LateGroup(click.Group):
    """A group whose commands are imported when they are called, and not to be listed."""

    def invoke(self, ctx: click.Context) -> object:
        """Keep a closed pipe from click, which would exit with 1: for `check` that is an answer."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"hashpact.cli.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - COMMANDS names commands; a test proves it
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first words: of two, if there is one of that name."""
        two = " ".join(args[:2])
        return super().resolve_command(ctx, [two, *args[2:]] if two in COMMANDS else args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])


@click.group(
    cls=_LateGroup,
    epilog=example("hashpact demo"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="hashpact", message="hashpact %(version)s")
def cli() -> None:
    """Share fingerprints of removed content, and recognise its copies.

    Content never leaves this machine; only fingerprints do. A match is a signal, never a verdict.
    """


def main() -> NoReturn:
    """The entry point of the command."""
    gc.set_threshold(_ALLOCATIONS)
    forbid_core_dumps()
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file's name need not be text in this terminal's encoding; show it all the same.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status.

    `exits` lists the statuses. An error is one line on stderr, or with ``--json`` one object.
    """
    as_json = "--json" in arguments
    try:
        status = cli.main(args=list(arguments), prog_name="hashpact", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        report(InvalidInputError(_misused(error), field="arguments"), as_json=as_json)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except (_ReaderGoneError, BrokenPipeError):
        _discard_output()
        return exits.NO_OUTPUT
    except Exception as error:  # noqa: BLE001 - every error has its status
        return _failed(error, as_json=as_json)
    return status if isinstance(status, int) else 0


def _failed(error: Exception, *, as_json: bool) -> int:
    """Report the error that a command ended with, and return its status."""
    match error:
        case HashpactError():
            report(error, as_json=as_json)
            return exits.status_of(error)
        case OSError():
            _discard_output()
            complain(_described(error))
            return exits.NO_OUTPUT if error.filename is None else exits.MISUSED
        case _:  # its text may quote content, so it is not shown
            report(HashpactError(_crashed(error)), as_json=as_json)
            return exits.INTERNAL


def _misused(error: click.ClickException) -> str:
    said = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    return said if context is None else f"{said.rstrip('.')}; see: {context.command_path} --help"


def _crashed(error: Exception) -> str:
    """What to report: the class and the place of an error that no command expects."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"internal error: {type(error).__name__} in {place.filename}, line {place.lineno}; please report it"
    )


def _open_closed_streams() -> None:
    """Give a process that was started without standard streams empty ones, as some supervisors do.

    Otherwise the next file or socket that is opened would get the descriptor of, say, stdout.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for the process


def _described(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return reason if error.filename is None else f"{one_line(os.fsdecode(error.filename))}: {reason}"


def _discard_output() -> None:
    """Keep what stdout could not take from failing again when the interpreter flushes it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
