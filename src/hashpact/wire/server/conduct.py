"""The RPCs about the code of conduct: decode, one call, encode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import grpc

from hashpact.service.conduct import Desk
from hashpact.wire import fields, matters
from hashpact.wire.server.admission.pools import Pool
from hashpact.wire.server.identity import CALLER
from hashpact.wire.v1 import conduct_pb2, conduct_pb2_grpc

Context: TypeAlias = grpc.ServicerContext
"""In fact a `core.incoming.IncomingCall`."""
Result = TypeVar("Result")


class ConductHandler(conduct_pb2_grpc.ConductServiceServicer):
    """Answers questions about matters of the code of conduct."""

    def __init__(self, desk: Desk, pool: Pool) -> None:
        self._desk = desk
        self._pool = pool

    def ListContacts(  # noqa: N802  # gRPC names it
        self,
        request: conduct_pb2.ListContactsRequest,
        context: Context,
    ) -> conduct_pb2.ListContactsResponse:
        """A page of contact points."""
        after = matters.contacts_request_from_wire(request)
        return matters.contacts_to_wire(self._read(context, lambda: self._desk.contacts(after)))

    def ListNotices(  # noqa: N802  # gRPC names it
        self,
        request: conduct_pb2.ListNoticesRequest,
        context: Context,
    ) -> conduct_pb2.ListNoticesResponse:
        """A page of notices that concern the caller."""
        asked, caller = matters.notices_request_from_wire(request), CALLER.get()
        return matters.notices_to_wire(self._read(context, lambda: self._desk.notices(caller, asked)))

    def ListAppeals(  # noqa: N802  # gRPC names it
        self,
        request: conduct_pb2.ListAppealsRequest,
        context: Context,
    ) -> conduct_pb2.ListAppealsResponse:
        """A page of appeals."""
        asked, caller = matters.appeals_request_from_wire(request), CALLER.get()
        return matters.appeals_to_wire(self._read(context, lambda: self._desk.appeals(caller, asked)))

    def ListReplies(  # noqa: N802  # gRPC names it
        self,
        request: conduct_pb2.ListRepliesRequest,
        context: Context,
    ) -> conduct_pb2.ListRepliesResponse:
        """A page of replies that are awaited or were given."""
        asked, caller = matters.replies_request_from_wire(request), CALLER.get()
        return matters.replies_to_wire(self._read(context, lambda: self._desk.replies(caller, asked)))

    def ListFilings(  # noqa: N802  # gRPC names it
        self,
        request: conduct_pb2.ListFilingsRequest,
        context: Context,
    ) -> conduct_pb2.ListFilingsResponse:
        """A page of what members report to all."""
        kind, asked = matters.filings_request_from_wire(request)
        caller = CALLER.get()
        return matters.filings_to_wire(self._read(context, lambda: self._desk.filings(caller, kind, asked)))

    def GetDocument(  # noqa: N802  # gRPC names it
        self,
        request: conduct_pb2.GetDocumentRequest,
        context: Context,
    ) -> conduct_pb2.GetDocumentResponse:
        """A document that a statement names."""
        digest = fields.sized("digest", request.digest, fields.HASH_SIZE)
        document = self._read(context, lambda: self._desk.document(digest))
        return conduct_pb2.GetDocumentResponse(document=document)

    def _read(self, context: Context, work: Callable[[], Result]) -> Result:
        with self._pool.turn(CALLER.get().id, context.is_active):
            return work()
