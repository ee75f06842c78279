"""The files that pass between members and administrators: statements to be signed, join and welcome files.

None of them holds a secret, and each is read to the last byte or refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashpact.domain.kinds import ADMIN
from hashpact.domain.statements import key_name
from hashpact.durable import read_bytes, read_private, write_public
from hashpact.errors import ConfigError
from hashpact.governance import drafts, joining
from hashpact.governance.drafts import Draft
from hashpact.governance.joining import Join, Welcome
from hashpact.keys import pkcs8


def read_statements(file: Path) -> list[Draft]:
    """The statements in a file. Raises ConfigError, MalformedError."""
    return drafts.parse(read_bytes(file, drafts.MAX_FILE))


def write_statements(file: Path, statements: Sequence[Draft], *, replace: bool = False) -> None:
    """Write a file of statements. Raises ConfigError if it exists, unless ``replace``."""
    write_public(file, drafts.write(statements), replace=replace)


def sign_statements(
    statements: Sequence[Draft], key: Path, name: str | None, passphrases: pkcs8.Passphrases
) -> list[Draft]:
    """The statements, signed by that file's key where it must sign.

    An administrator's key signs the administrators' statements, under ``name`` or, if its file is called
    ``admin-NAME.key``, as ``admin/NAME``. Any other key signs only the statements that enrol it. Raises
    ConfigError if there is nothing to sign.
    """
    private = pkcs8.from_pem(read_private(key, drafts.MAX_FILE), str(key), passphrases)
    public = pkcs8.named("", private).public
    stem = key.name.removesuffix(".key")
    if name is None and stem.startswith("admin-"):
        name = key_name(ADMIN, stem.removeprefix("admin-"))
    signed, found = [], False
    for draft in statements:
        own = draft.name_of(public) or (name if draft.statement.member == ADMIN else None)
        found = found or own is not None
        signed.append(draft if own is None else draft.signed(own, public, private))
    if not found:
        msg = f"{key} has nothing to sign here; an administrator's key needs --as admin/NAME"
        raise ConfigError(msg)
    return signed


def read_join(file: Path) -> Join:
    """The join file of a new member. Raises ConfigError, InvalidInputError."""
    return Join.parse(read_bytes(file, joining.MAX_FILE))


def write_welcome(file: Path, welcome: Welcome) -> None:
    """Write what a member completes its profile with. Raises ConfigError if the file exists."""
    write_public(file, welcome.data())
