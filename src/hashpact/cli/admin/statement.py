"""Commands on statements that several people sign: statement draft, show, sign, submit, list, fetch."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from hashpact.cli.admin.acting import NAME_DIGITS, named_option, propose, write_draft
from hashpact.cli.conduct.shown import read_file
from hashpact.cli.options import (
    Access,
    example,
    home_argument,
    json_option,
    passphrases,
    reading_side_options,
    side_options,
)
from hashpact.cli.output import emit, one_line, rfc3339, show_table
from hashpact.domain.kinds import ADMIN, Policy
from hashpact.domain.state import Charter
from hashpact.domain.statements import Statement, key_name, parse
from hashpact.errors import ConfigError, NotFoundError
from hashpact.governance import describe, drafts
from hashpact.governance.drafts import Draft
from hashpact.governance.exchange import read_statements, sign_statements, write_statements
from hashpact.governance.labels import check_explains

_file_argument = click.argument("file", metavar="FILE", type=Path)


@click.group()
def statement() -> None:
    """Sign statements together: one file, passed from machine to machine."""


@statement.command(
    epilog=example(
        "hashpact statement draft /srv/hashpact void entry=12 reason=court-order --out void.note",
        "hashpact statement draft HOME policy label=fraud label=ncii key-delay=3600 --out policy.note",
    )
)
@home_argument
@click.argument("kind", metavar="KIND")
@click.argument("values", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--out", metavar="FILE", type=Path, required=True, help="The file to write; a new one.")
@named_option
@json_option
def draft(  # noqa: PLR0913 - an argument for each option
    home: Path, kind: str, values: tuple[str, ...], out: Path, named: str | None, *, as_json: bool
) -> None:
    """Draft a statement of the administrators, of any kind, for them to sign.

    docs/formats/statement.md lists the kinds and their fields. A value @FILE is the SHA-256 of that file. A
    version and an expiry that are not given are the next version and a year from now. A draft that the rules
    would refuse however many sign it is refused here.
    """
    from hashpact.clock import unix_time
    from hashpact.domain.keys import KEY_LIFE
    from hashpact.home.enrolling import drafter, refuse_in_vain
    from hashpact.home.opening import open_home

    given: dict[str, list[str]] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals:
            msg = f"{value!r} is not FIELD=VALUE"
            raise click.UsageError(msg)
        given.setdefault(name, []).append(_digest_of(kind, text, values) if text.startswith("@") else text)
    with open_home(home) as opened:
        charter = opened.charter()
        if kind == "policy":
            given.setdefault("version", [str(charter.policy_version + 1)])
        elif kind == "root":
            given.setdefault("version", [str(charter.root_version + 1)])
        elif kind == "key-enrol":
            given.setdefault("expires", [str(unix_time() + KEY_LIFE)])
        made = drafter(opened, named).draft(drafts.compose(kind, given))
        refuse_in_vain(opened, made)
    if not as_json:
        for line in describe.describe(made.statement, charter):
            click.echo(one_line(line))
    write_draft(out, [made], as_json=as_json)


def _digest_of(kind: str, text: str, values: Sequence[str]) -> str:
    """The SHA-256, in hex, of the file that ``@FILE`` names; a policy's must explain its labels."""
    document = read_file(Path(text[1:]))
    if kind == Policy.kind:
        check_explains(
            document, [value.removeprefix("label=") for value in values if value.startswith("label=")]
        )
    return hashlib.sha256(document).hexdigest()


@statement.command(epilog=example("hashpact statement show void.note --home /srv/hashpact"))
@_file_argument
@click.option("--home", metavar="HOME", type=Path, help="Check the signatures by the administrators there.")
@json_option
def show(file: Path, home: Path | None, *, as_json: bool) -> None:
    """Show in plain words what a file's statements do, and who has signed them."""
    charter = None if home is None else _charter(home)
    found = read_statements(file)
    if as_json:
        _emit_all(found, charter)
    else:
        _show_all(found, charter)


@statement.command(
    epilog=example(
        "hashpact statement sign void.note --key admin-alice.key",
        "hashpact statement sign acme.note --profile acme-video      (the enrolment of one's own key)",
    )
)
@_file_argument
@click.option("--key", metavar="FILE", type=Path, help="The key to sign with.")
@click.option("--profile", metavar="DIR", type=Path, help="Sign with the key of this profile instead.")
@click.option(
    "--as", "name", metavar="NAME", help="The key's name, such as admin/alice. [from the file's name]"
)
@click.option("--home", metavar="HOME", type=Path, help="Say who is missing, by the administrators there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def sign(  # noqa: PLR0913 - an argument for each option
    file: Path,
    key: Path | None,
    profile: Path | None,
    name: str | None,
    home: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Sign a file's statements, after showing what they do.

    An administrator's key signs every statement of the administrators; any other key only the statements that
    enrol it. A file that is not understood to the last byte is not signed. Asks before it signs; without a
    terminal to ask at, --yes is needed. If stdout has JSON or is not a terminal, it shows the statements on
    stderr before it asks. With --home it says who is still missing.
    """
    if (key is None) == (profile is None):
        msg = "say either --key FILE or --profile DIR"
        raise click.UsageError(msg)
    before, charter = read_statements(file), None if home is None else _charter(home)
    if not yes and not sys.stdin.isatty():
        msg = "there is no terminal to ask at; read it with hashpact statement show, then say --yes"
        raise click.UsageError(msg)
    if as_json:
        _emit_all(before, charter)
    if not (yes and as_json):
        _show_all(before, charter, err=as_json or not (yes or sys.stdout.isatty()))
    if not yes:
        what = "this" if len(before) == 1 else f"these {len(before)} statements"
        click.confirm(f"Sign {what}?", abort=True, err=True)
    chosen, called = (key, name) if key is not None else _profile_key(profile)
    after = sign_statements(before, chosen, called, passphrases())
    count = sum(old != new for old, new in zip(before, after, strict=True))
    write_statements(file, after, replace=True)
    signers = [_signers(each, charter) for each in after]
    if as_json:
        emit({"file": str(file), "signed": count, "statements": signers})
        return
    click.echo(f"signed {count} of {len(after)} statements in {one_line(str(file))}")
    for each, found in zip(after, signers, strict=True):
        click.echo(one_line(f"{each.statement.body.kind}: {_who(found)}"))


@statement.command(
    epilog=example(
        "hashpact statement submit void.note --profile desk-alice",
        "hashpact statement submit a.note b.note --home /srv/hashpact",
    )
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=Path)
@click.option(
    "--document", "named", metavar="FILE", multiple=True, type=Path, help="A document that a statement names."
)
@side_options
@json_option
def submit(side: Access, files: tuple[Path, ...], named: tuple[Path, ...], *, as_json: bool) -> None:
    """Append a file's statements to the log: all of them, or none.

    Several files are copies of one, signed by different people; their signatures are put together. With an
    administrator's profile, statements that too few have signed wait at the server for the others'.
    """
    merged = drafts.merge([read_statements(file) for file in files])
    documents = [read_file(path) for path in named]
    unsigned = [each.statement.body.kind for each in merged if not each.lines]
    if unsigned:
        msg = f"nobody has signed the {unsigned[0]} statement"
        raise ConfigError(msg)
    if side.connect is not None:
        with side.connect() as client:
            propose(client, merged, documents, as_json=as_json)
        return
    from hashpact.home.enrolling import submit_drafts
    from hashpact.home.opening import open_home

    assert side.home is not None  # noqa: S101 - one of them is given
    with open_home(side.home) as opened:
        leaves = submit_drafts(opened, merged, documents)
    for each, leaf in zip(merged, leaves, strict=True):
        kind = each.statement.body.kind
        if as_json:
            emit({"kind": kind, "index": leaf.index, "leaf_hash": leaf.hash.hex()})
        else:
            click.echo(f"{kind}: leaf {leaf.index}")


@statement.command("list", epilog=example("hashpact statement list --waiting --profile desk-alice"))
@click.option("--waiting", is_flag=True, help="Those that wait for signatures, instead of those in the log.")
@reading_side_options
@json_option
def list_(side: Access, *, waiting: bool, as_json: bool) -> None:
    """List the administrators' statements: those in the log or, with --waiting, those that wait to be signed.

    Each proposal that waits has a name, by which `hashpact statement fetch` gets it.
    """
    if waiting:
        _list_waiting(side, as_json=as_json)
        return
    rows = (
        (str(index), one.body.kind, rfc3339(one.time), one.body.summary()) for index, one in _stated(side)
    )
    columns = ("index", "kind", "time", "summary")
    if as_json:
        for row in rows:
            emit(dict(zip(columns, (int(row[0]), *row[1:]), strict=True)))
    else:
        show_table(columns, rows)


@statement.command(epilog=example("hashpact statement fetch 3f1c7a9be04d --out void.note --profile desk-bob"))
@click.argument("name", metavar="NAME")
@click.option("--out", metavar="FILE", type=Path, required=True, help="The file to write; a new one.")
@reading_side_options
@json_option
def fetch(side: Access, name: str, out: Path, *, as_json: bool) -> None:
    """Get a proposal that waits, as a file to be shown, signed and submitted.

    NAME is as `hashpact statement list --waiting` shows it; the first digits are enough.
    """
    proposals, charter = _waiting(side)
    found = [one for one in proposals if drafts.name_of(one).startswith(name)]
    if len(found) != 1:
        msg = f"{len(found)} proposals that wait have a name that begins with {name!r}"
        raise NotFoundError(msg, resource=f"proposals/{name}")
    write_statements(out, found[0])
    if as_json:
        _emit_all(found[0], charter)
        return
    _show_all(found[0], charter)
    click.echo(f"written to {one_line(str(out))}. Next: hashpact statement sign {one_line(str(out))}")


def _list_waiting(side: Access, *, as_json: bool) -> None:
    proposals, charter = _waiting(side)
    for one in proposals:
        name = drafts.name_of(one)
        if as_json:
            statements = [{"kind": each.statement.body.kind, **_signers(each, charter)} for each in one]
            emit({"waiting": name, "statements": statements})
            continue
        for each in one:
            body = each.statement.body
            click.echo(one_line(f"{name[:NAME_DIGITS]}  {body.kind}: {body.summary()}"))
            click.echo(one_line(f"  {_who(_signers(each, charter))}"))
    if not as_json and not proposals:
        click.echo("nothing waits for signatures")


def _waiting(side: Access) -> tuple[Sequence[Sequence[Draft]], Charter]:
    """The proposals that wait, and the charter in force."""
    if side.connect is not None:
        with side.connect() as client:
            return client.proposals(), client.charter()
    from hashpact.home.opening import open_home

    assert side.home is not None  # noqa: S101 - one of them is given
    with open_home(side.home) as opened:
        return [drafts.parse(data) for data in opened.waiting().all().values()], opened.charter()


def _stated(side: Access) -> Iterator[tuple[int, Statement]]:
    """The administrators' statements in the log, each with its index."""
    for index, data in _leaves(side):
        found = parse(data).statement
        if found.member == ADMIN:
            yield index, found


def _leaves(side: Access) -> Iterator[tuple[int, bytes]]:
    if side.connect is not None:
        with side.connect() as client:
            yield from ((leaf.index, leaf.statement) for leaf in client.leaves())
        return
    from hashpact.home.opening import open_home

    assert side.home is not None  # noqa: S101 - one of them is given
    with open_home(side.home) as opened:
        size = opened.ledger.head().size
        yield from ((leaf.index, leaf.data) for leaf in opened.ledger.leaves(0, size))


def _profile_key(profile: Path | None) -> tuple[Path, str | None]:
    """The key of a profile, whether it is complete or waits, and the name of an administrator's."""
    from hashpact.member.keys import statement_key, statement_key_name

    assert profile is not None  # noqa: S101 - either it or a key is given
    key, name = statement_key(profile), statement_key_name(profile)
    return key, name if name.startswith(key_name(ADMIN, "")) else None


def _charter(home: Path) -> Charter:
    from hashpact.home.opening import open_home

    with open_home(home) as opened:
        return opened.charter()


def _signers(each: Draft, charter: Charter | None) -> dict[str, list[str] | int | None]:
    """Who has signed a statement, and which administrators have not; the latter only with a charter."""
    signed = [one.name for one in drafts.signatures(each, charter) if one.valid is not False]
    if charter is None or each.statement.member != ADMIN:
        return {"signed": signed, "missing": None, "needed": None}
    missing = [name for admin in charter.admins if (name := key_name(ADMIN, admin.name)) not in signed]
    return {"signed": signed, "missing": missing, "needed": describe.needed(each.statement, charter)}


def _who(signers: dict[str, list[str] | int | None]) -> str:
    signed, missing = signers["signed"], signers["missing"]
    text = f"signed by {', '.join(signed) if isinstance(signed, list) and signed else 'nobody'}"
    if isinstance(missing, list):
        text += f"; {signers['needed']} administrators must sign"
        text += f", not yet: {', '.join(missing)}" if missing else ""
    return text


def _emit_all(found: Sequence[Draft], charter: Charter | None) -> None:
    """Print each statement as a JSON object."""
    for each in found:
        emit(
            {
                "kind": each.statement.body.kind,
                "member": each.statement.member,
                "time": rfc3339(each.statement.time),
                "words": describe.describe(each.statement, charter),
                "signatures": [
                    {"name": one.name, "valid": one.valid} for one in drafts.signatures(each, charter)
                ],
                "administrators_needed": _needed(each, charter),
            }
        )


def _show_all(found: Sequence[Draft], charter: Charter | None, *, err: bool = False) -> None:
    """Print the statements in words, with escapes for what is not printable."""
    for line in describe.summary([each.statement for each in found]):
        click.echo(f"{line}\n", err=err)
    for each in found:
        for line in _words(each, charter):
            click.echo(one_line(line), err=err)
        click.echo(err=err)


def _words(each: Draft, charter: Charter | None) -> Iterator[str]:
    yield from describe.describe(each.statement, charter)
    verdicts = {True: "", False: " (DOES NOT VERIFY)", None: " (not checked; --home checks it)"}
    names = ", ".join(f"{one.name}{verdicts[one.valid]}" for one in drafts.signatures(each, charter))
    yield f"Signed by: {names or 'nobody yet'}."
    need = _needed(each, charter)
    if need is not None:
        yield f"Administrators that must sign: {need}."


def _needed(each: Draft, charter: Charter | None) -> int | None:
    """How many administrators must sign it; None without a charter, or if it is not theirs."""
    if charter is None or each.statement.member != ADMIN:
        return None
    return describe.needed(each.statement, charter)
