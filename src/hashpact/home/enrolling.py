"""Enrols members in a home with the administrators' keys at hand, and issues certificates from it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashpact.clock import unix_time
from hashpact.config import MAX_SIZE, ProfileConfig
from hashpact.domain import kinds, rules
from hashpact.domain.keys import KEY_LIFE, NamedKey
from hashpact.domain.state import Charter, Leaf, Role
from hashpact.durable import new_directory, read_bytes, write_private, write_public
from hashpact.errors import ConfigError, NotFoundError, NotPermittedError
from hashpact.governance.administer import Administrators, Drafter
from hashpact.governance.drafts import Draft, submissions
from hashpact.governance.joining import Join, Welcome
from hashpact.home.opening import Home
from hashpact.home.paths import HomePaths
from hashpact.keys import certificates, pkcs8
from hashpact.keys.certificates import Credential, Grant
from hashpact.keys.expiry import Ending, ending
from hashpact.keys.pkcs8 import write_key
from hashpact.member.paths import ProfilePaths
from hashpact.service.append import Appender


def enrol_member(
    home: Home, member_id: str, roles: frozenset[Role], out: Path, passphrase: bytes | None
) -> list[Leaf]:
    """Enrol a member, and write the profile with which it reaches the clearinghouse.

    The profile's keys are encrypted under ``passphrase``, if there is one. Works whether a server of the home
    runs or not. Raises ConfigError if ``out`` exists and is not empty or too few administrators' keys are in
    the home, and the error of the rule that the enrolment breaks.
    """
    kinds.ID.write((member_id,))
    charter = home.charter()
    governing = administrators(home)
    with new_directory(out) as draft:
        key = Ed25519PrivateKey.generate()
        profile = ProfileConfig(
            charter.origin,
            charter.log_keys,
            home.genesis(),
            member_id,
            pkcs8.FIRST_KEY,
            unix_time() + KEY_LIFE,
            home.address(),
        )
        named = pkcs8.named(pkcs8.FIRST_KEY, key)
        grant = Grant(member_id, named.id)
        credential = certificates.issue_member(home.open_authority(), charter.origin, grant, unix_time)
        paths = ProfilePaths(draft)
        write_key(paths.member_key(pkcs8.FIRST_KEY), pkcs8.to_pem(key), passphrase)
        tls = pkcs8.encrypt(credential.key, passphrase, secrets.token_bytes)
        write_private(paths.tls, tls + credential.certificate)
        write_public(paths.ca_cert, read_bytes(home.paths.ca_cert, MAX_SIZE))
        write_public(paths.config, profile.to_toml().encode())
        return governing.enrol(member_id, roles, named, key)


def administrators(home: Home, files: Sequence[Path] = (), needed: int | None = None) -> Administrators:
    """The administrators whose keys are in these files or, without any, in the home; enough to sign.

    ``needed`` is how many must sign (None: the charter's threshold). Raises ConfigError if there are fewer,
    or a file's key is no administrator's.
    """
    charter = home.charter()
    enough = charter.threshold if needed is None else needed
    signers = _named_signers(home, charter, files) if files else list(_signers(home, charter, enough))
    if len(signers) < enough:
        where = "these files have" if files else f"{home.paths.pki} has"
        msg = f"{enough} administrators must sign; {where} the keys of {len(signers)}"
        raise ConfigError(msg)
    append = partial(Appender(home.ledger, home.clock()).append_all, None)
    return Administrators(charter.origin, signers, append, unix_time, secrets.token_bytes)


def submit_drafts(home: Home, drafts: Sequence[Draft], documents: Sequence[bytes] = ()) -> list[Leaf]:
    """Append signed statements to the log of a home: all of them, or none.

    Each of the ``documents`` goes with the statements that name it.
    """
    # The clocks that a mend repairs may have been the witnesses' too, whose cosignatures are kept.
    mends = all(isinstance(draft.statement.body, kinds.ClockMend) for draft in drafts)
    appender = Appender(home.ledger, unix_time if mends else home.clock())
    return appender.append_all(None, submissions(drafts, documents))


def refuse_in_vain(home: Home, draft: Draft) -> None:
    """Raise the error of a rule that the draft breaks on the log as it is now, however many sign it."""
    with home.ledger.snapshot() as view:
        rules.foresee(view, home.ledger.head().size, draft.statement)


def drafter(home: Home, named: str | None) -> Drafter:
    """The drafter of statements that name the administrator ``named`` (None: the first one)."""
    admins = home.charter().admins
    found = next((admin for admin in admins if named in {None, admin.name}), None)
    if found is None:
        msg = f"there is no administrator {named!r}; there are {', '.join(admin.name for admin in admins)}"
        raise ConfigError(msg)
    return Drafter(home.config.origin, found.id, unix_time, secrets.token_bytes)


def welcome(home: Home, join: Join) -> Welcome:
    """A new channel certificate for a member or an administrator, and all else that its profile needs.

    Raises NotFoundError unless the member and its key are enrolled, or the key is the administrator's;
    NotPermittedError if the member is suspended.
    """
    expires = _key_end(home, join)
    authority, charter = home.open_authority(), home.charter()
    grant = Grant(join.member, join.key.id)
    return Welcome(
        charter.origin,
        join.member,
        expires,
        home.genesis(),
        charter.log_keys,
        certificates.certify_member(authority, charter.origin, grant, join.request, unix_time),
        read_bytes(home.paths.ca_cert, MAX_SIZE),
    )


def _key_end(home: Home, join: Join) -> int:
    """When the key of a join file expires, in Unix seconds; 0 for an administrator's, which does not."""
    unknown = NotFoundError(
        f"the key {join.member}/{join.key.name} of the join file is not enrolled",
        resource=f"members/{join.member}",
    )
    if join.member == kinds.ADMIN:
        if join.key not in home.charter().admins:
            raise unknown
        return 0
    with home.ledger.snapshot() as view:
        member, key = view.member(join.member), view.key(join.key.id)
    if member is None:
        msg = f"there is no member {join.member!r}; enrol it first"
        raise NotFoundError(msg, resource=f"members/{join.member}")
    if member.suspended_index is not None:
        msg = f"the member {join.member!r} is suspended"
        raise NotPermittedError(msg)
    if key is None or (key.member, key.name) != (join.member, join.key.name):
        raise unknown
    return key.expires


def ending_certificates(directory: Path, now: int) -> list[Ending]:
    """The warnings due for the certificates of a home's server and authority."""
    paths = HomePaths(directory)
    found = (
        ending(path.name, certificates.expires(read_bytes(path, MAX_SIZE)), now)
        for path in (paths.server_cert, paths.ca_cert)
    )
    return [each for each in found if each is not None]


def renew_server(home: Home, authority: Credential, passphrase: bytes | None) -> None:
    """Give the server a new key and certificate; a running server uses them at the next handshake."""
    credential = certificates.issue_server(authority, home.config.hosts, unix_time)
    pem = pkcs8.encrypt(credential.key, passphrase, secrets.token_bytes)
    write_private(home.paths.server_key, pem, replace=True)
    write_public(home.paths.server_cert, credential.certificate, replace=True)


def _signers(home: Home, charter: Charter, enough: int) -> Iterator[tuple[NamedKey, Ed25519PrivateKey]]:
    """The administrators' keys in the home, at most as many as must sign."""
    found = 0
    for admin in charter.admins:
        path = home.paths.admin_key(admin.name)
        if found < enough and path.exists():
            key = home.open_signer(path)
            if pkcs8.named(admin.name, key) == admin:  # not the key of an earlier root
                found += 1
                yield admin, key


def _named_signers(
    home: Home, charter: Charter, files: Sequence[Path]
) -> list[tuple[NamedKey, Ed25519PrivateKey]]:
    by_public = {admin.public: admin for admin in charter.admins}
    signers: dict[NamedKey, Ed25519PrivateKey] = {}
    for path in files:
        key = home.open_signer(path)
        named = by_public.get(pkcs8.named("", key).public)
        if named is None:
            msg = f"{path} is no administrator's key"
            raise ConfigError(msg)
        signers[named] = key
    return list(signers.items())
