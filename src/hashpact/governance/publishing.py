"""Publishes the methods statement of a clearinghouse: what its version and its configuration do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hashpact.domain.kinds import ADMIN, Methods
from hashpact.domain.kinds.conduct.filed import newest
from hashpact.domain.state import Filing, View
from hashpact.errors import ConflictError
from hashpact.governance.administer import Administrators
from hashpact.report.methods import methods_statement


def published(view: View, settings: Mapping[str, object]) -> tuple[bytes, Filing | None]:
    """The methods statement as it is now, and where the log has just that as its newest; None if nowhere.

    Raises ConflictError before the log's genesis.
    """
    charter = view.charter()
    if charter is None:
        msg = "the log has no genesis statement yet"
        raise ConflictError(msg)
    document = methods_statement(charter, settings)
    found = newest(view, Methods, Methods.kind, ADMIN)
    same = found is not None and Methods.read(found).document == hashlib.sha256(document).digest()
    return document, found if same else None


def publish(administrators: Administrators, document: bytes) -> int:
    """Sign a methods statement into the log; its leaf's index."""
    (leaf,) = administrators.say(Methods(hashlib.sha256(document).digest()), documents=[document])
    return leaf.index
