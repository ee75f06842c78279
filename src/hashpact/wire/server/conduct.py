"""The RPCs about the code of conduct: decode, one call, encode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Final, TypeAlias, TypeVar

import grpc

from hashpact.domain.conduct.answers import NoticeChange
from hashpact.errors import StoppingError
from hashpact.service.conduct import MatterReader
from hashpact.wire import fields, matters
from hashpact.wire.server.admission.pools import Pool, in_turns
from hashpact.wire.server.identity import CALLER
from hashpact.wire.v1 import conduct_pb2, conduct_pb2_grpc

Context: TypeAlias = grpc.ServicerContext
"""In fact a `core.incoming.IncomingCall`."""
Result = TypeVar("Result")

LASTS: Final = 240.0
"""Seconds after which a stream that watches ends, before its connection does; another one goes on."""
_LOOK: Final = 0.5
"""Seconds between two looks at what has changed."""
_STILL: Final = 10.0
"""Seconds after which a caller hears that nothing has changed."""


class ConductHandler(conduct_pb2_grpc.ConductServiceServicer):
    """Answers questions about matters of the code of conduct.

    Streams that watch end once ``stopping`` is set. ``timer`` counts seconds, from any moment.
    """

    def __init__(
        self, reader: MatterReader, pool: Pool, streams: Pool, stopping: Event, timer: Callable[[], float]
    ) -> None:
        self._reader = reader
        self._pool = pool
        self._streams = streams
        self._stopping = stopping
        self._timer = timer

    def ListContacts(
        self,
        request: conduct_pb2.ListContactsRequest,
        context: Context,
    ) -> conduct_pb2.ListContactsResponse:
        """A page of contact points."""
        after = matters.contacts_request_from_wire(request)
        return matters.contacts_to_wire(self._read(context, lambda: self._reader.contacts(after)))

    def ListNotices(
        self,
        request: conduct_pb2.ListNoticesRequest,
        context: Context,
    ) -> conduct_pb2.ListNoticesResponse:
        """A page of notices that concern the caller."""
        asked, caller = matters.notices_request_from_wire(request), CALLER.get()
        return matters.notices_to_wire(self._read(context, lambda: self._reader.notices(caller, asked)))

    def WatchNotices(
        self,
        request: conduct_pb2.WatchNoticesRequest,
        context: Context,
    ) -> Iterator[conduct_pb2.WatchNoticesResponse]:
        """What changes of the notices to the caller. It keeps a thread, which waits most of the time."""
        caller = CALLER.get()
        watch = self._reader.watch(caller.id, matters.watch_request_from_wire(request))
        ends, quiet = self._timer() + LASTS, float("-inf")
        while self._timer() < ends:
            changes = self._reader.changes(caller, watch)
            for change in in_turns(self._streams, caller.id, changes, context.is_active):
                if change is not None:
                    yield matters.change_to_wire(change)
                    quiet = float("-inf")
            if self._timer() - quiet >= _STILL:
                yield matters.change_to_wire(NoticeChange(None, None, watch.seen))
                quiet = self._timer()
            if self._stopping.wait(_LOOK):
                msg = "the server is stopping; go on from the last response"
                raise StoppingError(msg)

    def ListAppeals(
        self,
        request: conduct_pb2.ListAppealsRequest,
        context: Context,
    ) -> conduct_pb2.ListAppealsResponse:
        """A page of appeals."""
        asked, caller = matters.appeals_request_from_wire(request), CALLER.get()
        return matters.appeals_to_wire(self._read(context, lambda: self._reader.appeals(caller, asked)))

    def ListReplies(
        self,
        request: conduct_pb2.ListRepliesRequest,
        context: Context,
    ) -> conduct_pb2.ListRepliesResponse:
        """A page of replies that are awaited or were given."""
        asked, caller = matters.replies_request_from_wire(request), CALLER.get()
        return matters.replies_to_wire(self._read(context, lambda: self._reader.replies(caller, asked)))

    def ListFilings(
        self,
        request: conduct_pb2.ListFilingsRequest,
        context: Context,
    ) -> conduct_pb2.ListFilingsResponse:
        """A page of what members report to all."""
        kind, asked = matters.filings_request_from_wire(request)
        caller = CALLER.get()
        return matters.filings_to_wire(self._read(context, lambda: self._reader.filings(caller, kind, asked)))

    def GetDocument(
        self,
        request: conduct_pb2.GetDocumentRequest,
        context: Context,
    ) -> conduct_pb2.GetDocumentResponse:
        """A document that a statement names."""
        digest = fields.sized("digest", request.digest, fields.HASH_SIZE)
        document = self._read(context, lambda: self._reader.document(digest))
        return conduct_pb2.GetDocumentResponse(document=document)

    def _read(self, context: Context, work: Callable[[], Result]) -> Result:
        with self._pool.turn(CALLER.get().id, context.is_active):
            return work()
