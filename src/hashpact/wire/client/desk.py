"""Calls of ConductService: matters of the code of conduct, as they stand."""

from __future__ import annotations

import hashlib
from typing import Final

from hashpact.domain.conduct.answers import (
    AppealDetail,
    Contacts,
    FiledDetail,
    Matters,
    MattersRequest,
    NoticeChange,
    NoticeDetail,
    ReplyDetail,
)
from hashpact.domain.conduct.watching import WatchPlace
from hashpact.errors import CorruptError
from hashpact.wire import matters
from hashpact.wire.client.calls import Call
from hashpact.wire.client.feeds import Feed
from hashpact.wire.v1 import conduct_pb2

_CONDUCT: Final = "/hashpact.wire.v1.ConductService/"
WATCHED: Final = 300.0
"""Seconds for which a watch waits to hear anything again; a server ends each stream before."""


def contacts(after: str) -> Call[Contacts]:
    """Listing a page of contact points: those of members after that one."""

    def read(data: bytes) -> Contacts:
        return matters.contacts_from_wire(conduct_pb2.ListContactsResponse.FromString(data))

    request = matters.contacts_request_to_wire(after)
    return Call(f"{_CONDUCT}ListContacts", request.SerializeToString(), read)


def notices(asked: MattersRequest) -> Call[Matters[NoticeDetail]]:
    """Listing a page of notices."""

    def read(data: bytes) -> Matters[NoticeDetail]:
        return matters.notices_from_wire(conduct_pb2.ListNoticesResponse.FromString(data))

    request = matters.notices_request_to_wire(asked)
    return Call(f"{_CONDUCT}ListNotices", request.SerializeToString(), read)


def changes(seen: WatchPlace) -> Feed[NoticeChange]:
    """Watching the notices to the member, from what was seen on, over as many streams as needed."""
    place = [seen]

    def request(_: int) -> bytes:
        return matters.watch_request_to_wire(place[0]).SerializeToString()

    def read(at: int, data: bytes) -> tuple[NoticeChange, int]:
        change = matters.change_from_wire(conduct_pb2.WatchNoticesResponse.FromString(data))
        place[0] = change.seen
        return change, at + 1

    return Feed(f"{_CONDUCT}WatchNotices", 0, request, read)


def appeals(asked: MattersRequest) -> Call[Matters[AppealDetail]]:
    """Listing a page of appeals."""

    def read(data: bytes) -> Matters[AppealDetail]:
        return matters.appeals_from_wire(conduct_pb2.ListAppealsResponse.FromString(data))

    request = matters.appeals_request_to_wire(asked)
    return Call(f"{_CONDUCT}ListAppeals", request.SerializeToString(), read)


def replies(asked: MattersRequest) -> Call[Matters[ReplyDetail]]:
    """Listing a page of replies that are awaited or were given."""

    def read(data: bytes) -> Matters[ReplyDetail]:
        return matters.replies_from_wire(conduct_pb2.ListRepliesResponse.FromString(data))

    request = matters.replies_request_to_wire(asked)
    return Call(f"{_CONDUCT}ListReplies", request.SerializeToString(), read)


def filings(kind: str, asked: MattersRequest) -> Call[Matters[FiledDetail]]:
    """Listing a page of what members report to all."""

    def read(data: bytes) -> Matters[FiledDetail]:
        return matters.filings_from_wire(conduct_pb2.ListFilingsResponse.FromString(data))

    request = matters.filings_request_to_wire(kind, asked)
    return Call(f"{_CONDUCT}ListFilings", request.SerializeToString(), read)


def document(digest: bytes) -> Call[bytes]:
    """Getting a document. One that does not have the digest is a CorruptError."""

    def read(data: bytes) -> bytes:
        found = conduct_pb2.GetDocumentResponse.FromString(data).document
        if hashlib.sha256(found).digest() != digest:
            msg = "the server answered with another document than the statement names"
            raise CorruptError(msg)
        return found

    request = conduct_pb2.GetDocumentRequest(digest=digest)
    return Call(f"{_CONDUCT}GetDocument", request.SerializeToString(), read)
