"""Renew: issues channel certificates to members whose statement key vouches for the request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hashpact.domain import keys, standing
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import ADMIN, moment
from hashpact.domain.ports import Clock, Ledger
from hashpact.domain.renewal import MAX_PROOF, Renewal, Voucher
from hashpact.domain.state import Key, Use, View
from hashpact.domain.statements import key_name
from hashpact.errors import (
    BadSignatureError,
    ClockSkewError,
    ConflictError,
    InvalidInputError,
    NotPermittedError,
    UnknownKeyError,
)
from hashpact.keys import certificates
from hashpact.keys.certificates import Credential, Grant
from hashpact.log import note
from hashpact.log.lines import MAX_INTEGER
from hashpact.service.append import MAX_SKEW


@dataclass(frozen=True, slots=True)
class Renewer:
    """Issues members' certificates; ``authority`` is None if the authority's key is kept elsewhere."""

    origin: str
    authority: Credential | None
    ledger: Ledger
    clock: Clock

    def renew(self, caller: str, renewal: Renewal) -> bytes:
        """The new certificate, in PEM, of the member that the channel authenticates.

        Raises ConflictError if this server issues none, and the HashpactError of the first check that fails:
        format, log, caller, request, time, key, signature.
        """
        if self.authority is None:
            msg = "this server issues no certificates; ask an administrator for one (hashpact cert issue)"
            raise ConflictError(msg)
        opened = note.parse(renewal.proof, MAX_PROOF)
        stated = Voucher.read(opened.text)
        if stated.origin != self.origin:
            msg = f"the renewal is for the log {stated.origin!r}, this one is {self.origin!r}"
            raise InvalidInputError(msg, field="log")
        if stated.member != caller:
            msg = f"the renewal is of {stated.member!r}, the channel is of {caller!r}"
            raise NotPermittedError(msg)
        if stated.digest != hashlib.sha256(renewal.request).digest():
            msg = "the renewal vouches for another certificate request"
            raise InvalidInputError(msg, field="request")
        now = self.clock()
        if abs(stated.time - now) > MAX_SKEW:
            msg = f"the renewal's time is more than {MAX_SKEW} s off; the server's clock says {now}"
            raise ClockSkewError(msg, server_time=str(now))
        self._check_signature(opened, caller, stated.key, now)
        grant = Grant(caller, stated.key, stated.check_only, stated.days)
        return certificates.certify_member(self.authority, self.origin, grant, renewal.request, self.clock)

    def _check_signature(self, opened: note.Note, member: str, key_id: bytes, now: int) -> None:
        with self.ledger.snapshot() as view:
            found = voucher(view, member, key_id, now)
        if found is None:
            msg = f"the renewal names no key of {member!r}"
            raise UnknownKeyError(msg)
        key, hindered = found
        if hindered is not None:
            msg = f"the key {member}/{key.name} vouches for no certificate: {hindered}"
            raise NotPermittedError(msg)
        name = key_name(member, key.name)
        if not note.verify(opened, name, key.public, keys.verify):
            msg = "the key that the renewal names has not signed it"
            raise BadSignatureError(msg)


def voucher(view: View, member: str, key_id: bytes, now: int) -> tuple[NamedKey, str | None] | None:
    """The key of that id by which a member vouches for certificates, or an administrator if it is `ADMIN`.

    Beside it why it vouches for none at ``now``, in Unix seconds; None if it does. Without such a key, None.
    An administrator's key vouches as long as the charter names it.
    """
    if member == ADMIN:
        charter = view.charter()
        admins = () if charter is None else charter.admins
        return next(((admin, None) for admin in admins if admin.id == key_id), None)
    key = view.key(key_id)
    if key is None or key.member != member:
        return None
    return NamedKey(key.name, key.public), _hindrance(view, key, now)


def _hindrance(view: View, key: Key, now: int) -> str | None:
    """Why a key vouches for no certificate at ``now``, in Unix seconds; None if it does."""
    then = moment.of_statement(view.times(), now)
    found = standing.hindrance(view, key, MAX_INTEGER, then)
    if found is None and key.use is not Use.SIGN:
        return "it is a recovery key, which only replaces keys"
    if found is None and then >= key.expires:
        return "it has expired"
    return found
