"""Commands on who governs the log: root show, propose, sign."""

from __future__ import annotations

from pathlib import Path

import click

from hashpact.cli.admin.acting import named_option, write_draft
from hashpact.cli.admin.statement import sign
from hashpact.cli.options import example, home_argument, json_option, mldsa_keys
from hashpact.cli.output import emit, show_table
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import (
    HASH,
    LOG_MLDSA_KEYS,
    MAX_ADMINS,
    MAX_WITNESSES,
    WITNESSES,
    NamedKeyLine,
    Root,
)
from hashpact.domain.state import Witness
from hashpact.errors import ConfigError
from hashpact.governance.exchange import read_statements


def _administrator(text: str) -> NamedKey:
    """NAME=HEX, a new administrator."""
    name, _, public = text.partition("=")
    try:
        return NamedKeyLine().read(f"{name} {public}")
    except ValueError as error:
        msg = f"{text!r} is not NAME=PUBLIC, the line that hashpact key new prints: {error}"
        raise click.BadParameter(msg) from error


def _public(text: str) -> bytes:
    """A public key in hex."""
    try:
        return HASH.read(text)
    except ValueError as error:
        msg = f"{text!r}: {error}"
        raise click.BadParameter(msg) from error


def _witnesses(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[Witness, ...]:
    """Verifier keys of witnesses."""
    try:
        return tuple(map(WITNESSES.spelling.read, texts))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group()
def root() -> None:
    """Show and change the administrators, their threshold and the log's keys."""


@root.command(epilog=example("hashpact root show /srv/hashpact"))
@home_argument
@json_option
def show(home: Path, *, as_json: bool) -> None:
    """Show who governs the log of a home."""
    from hashpact.home.opening import open_home

    with open_home(home) as opened:
        charter, genesis = opened.charter(), opened.genesis()
        here = {admin.name for admin in charter.admins if opened.paths.admin_key(admin.name).exists()}
    if as_json:
        emit(
            {
                "origin": charter.origin,
                "genesis_sha256": genesis.hex(),
                "version": charter.root_version,
                "threshold": charter.threshold,
                "single_admin": charter.single_admin,
                "admins": [
                    {"name": admin.name, "id": admin.id.hex(), "public": admin.public.hex()}
                    for admin in charter.admins
                ],
                "log_keys": [key.hex() for key in charter.log_keys],
                "log_mldsa_keys": [key.key for key in charter.log_mldsa_keys],
                "attestation_keys": [key.hex() for key in charter.attestation_keys],
                "witnesses": [witness.key for witness in charter.witnesses],
                "witness_quorum": charter.witness_quorum,
            }
        )
        return
    click.echo(f"{charter.origin}: version {charter.root_version}, genesis {genesis.hex()}")
    click.echo(f"{charter.threshold} of {len(charter.admins)} administrators must sign")
    show_table(
        ("administrator", "public key", "private key"),
        (
            (admin.name, admin.public.hex(), "here" if admin.name in here else "elsewhere")
            for admin in charter.admins
        ),
    )
    for key in charter.log_keys:
        click.echo(f"checkpoints are signed by {key.hex()}")
    for mldsa in charter.log_mldsa_keys:
        click.echo(f"and by {mldsa.key}")
    for key in charter.attestation_keys:
        click.echo(f"answers to checks are attested by {key.hex()}")
    if charter.witness_quorum:
        click.echo(f"and cosigned by {charter.witness_quorum} of these witnesses:")
    for witness in charter.witnesses:
        click.echo(f"  {witness.key}")


@root.command(
    epilog=example(
        "hashpact root propose /srv/hashpact --add alice=PUBLIC --remove 1 --out root.note",
        "hashpact root propose /srv/hashpact --witness-quorum 1 --out root.note --witness "
        "witness.example/north+31e337c1+BB1wcKQTZ/xyTxA4jNJBTN+/gb5sOTosHyQ8nDfL28aT",
    )
)
@home_argument
@click.option(
    "--add",
    metavar="NAME=PUBLIC",
    type=_administrator,
    multiple=True,
    help="Another administrator; repeatable.",
)
@click.option("--remove", metavar="NAME", multiple=True, help="An administrator who goes; may be repeated.")
@click.option(
    "--threshold", metavar="M", type=click.IntRange(1, MAX_ADMINS), help="How many must sign. [as now]"
)
@click.option(
    "--log-key", "log_keys", metavar="PUBLIC", type=_public, multiple=True, help="The log's keys. [as now]"
)
@click.option(
    "--log-mldsa-key",
    "log_mldsa_keys",
    metavar="KEY",
    multiple=True,
    callback=mldsa_keys,
    help="The log's ML-DSA-44 keys, one of which must sign too, by their verifier keys. [as now]",
)
@click.option("--no-log-mldsa-key", "without_mldsa", is_flag=True, help="The log has no ML-DSA-44 key.")
@click.option(
    "--attestation-key",
    "attestation_keys",
    metavar="PUBLIC",
    type=_public,
    multiple=True,
    help="The keys that attest answers to checks. [as now]",
)
@click.option(
    "--witness",
    "witnesses",
    metavar="KEY",
    multiple=True,
    callback=_witnesses,
    help="The witnesses that readers demand, by their verifier keys; may be repeated. [as now]",
)
@click.option(
    "--witness-quorum",
    metavar="N",
    type=click.IntRange(0, MAX_WITNESSES),
    help="How many of them must cosign; 0 for no witnesses at all. [as now]",
)
@click.option("--out", metavar="FILE", type=Path, required=True, help="The file to write; a new one.")
@named_option
@json_option
def propose(  # noqa: PLR0913, PLR0917 - an argument for each option
    home: Path,
    add: tuple[NamedKey, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    log_keys: tuple[bytes, ...],
    log_mldsa_keys: tuple[Witness, ...],
    attestation_keys: tuple[bytes, ...],
    witnesses: tuple[Witness, ...],
    witness_quorum: int | None,
    out: Path,
    named: str | None,
    *,
    without_mldsa: bool,
    as_json: bool,
) -> None:
    """Draft a change of who governs the log: a threshold of the old and of the new must sign it."""
    from hashpact.home.enrolling import drafter
    from hashpact.home.opening import open_home

    with open_home(home) as opened:
        charter = opened.charter()
        unknown = sorted(set(remove) - {admin.name for admin in charter.admins})
        if unknown:
            msg = f"there is no administrator {unknown[0]!r}"
            raise ConfigError(msg)
        admins = (*(admin for admin in charter.admins if admin.name not in remove), *add)
        quorum = charter.witness_quorum if witness_quorum is None else witness_quorum
        mldsa_now = () if without_mldsa else log_mldsa_keys or charter.log_mldsa_keys
        named_now = sorted(witnesses or charter.witnesses, key=WITNESSES.spelling.write) if quorum else ()
        body = Root(
            charter.root_version + 1,
            admins,
            threshold or charter.threshold,
            log_keys or charter.log_keys,
            tuple(named_now),
            quorum or None,
            attestation_keys or charter.attestation_keys,
            tuple(sorted(mldsa_now, key=LOG_MLDSA_KEYS.spelling.write)),
        )
        draft = drafter(opened, named).draft(body)
    write_draft(out, [draft], as_json=as_json)


@root.command("sign", epilog=example("hashpact root sign root.note --key admin-alice.key"))
@click.argument("file", metavar="FILE", type=Path)
@click.option("--key", metavar="FILE", type=Path, required=True, help="The key to sign with.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def sign_(context: click.Context, file: Path, key: Path, *, yes: bool, as_json: bool) -> None:
    """Sign a change of who governs the log, after showing what it does.

    As `hashpact statement sign`, for a file that holds nothing else; `hashpact statement submit` appends it.
    """
    for draft in read_statements(file):
        if not isinstance(draft.statement.body, Root):
            msg = f"{file} holds a {draft.statement.body.kind} statement; use hashpact statement sign"
            raise ConfigError(msg)
    context.invoke(sign, file=file, key=key, profile=None, name=None, yes=yes, as_json=as_json)
