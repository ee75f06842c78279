"""Sources of an audit that are not a ledger: published tiles, and a server through a member's connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

from hashpact.audit.private import GivenEntry
from hashpact.audit.source import ReportedLeaf
from hashpact.domain.messages import MAX_PAGE, EntriesRequest, LeafDetail, LeavesRequest, PageRequest
from hashpact.domain.state import Entry, Head, Key, Member, Opinion, Record
from hashpact.errors import ConfigError, CorruptError, InvalidInputError, MalformedError
from hashpact.http.fetching import HttpFiles
from hashpact.log import checkpoint
from hashpact.log.tiles import CHECKPOINT, Tile
from hashpact.settings import URL
from hashpact.storage.published import Directory, TileCopy
from hashpact.wire.client import calls, desk, feeds
from hashpact.wire.client.calls import Call
from hashpact.wire.client.connection import Connection
from hashpact.wire.fields import entry_from_name

Result = TypeVar("Result")

TIMEOUT: Final = 30.0
"""Seconds that one call to the server may take, and that a stream may be idle."""

_GAP: Final = 256
"""Leaves between two entries that are read along rather than opening another stream."""


class TileSource:
    """A mirror as a source: signed leaves, tiles, and the documents that are for everybody; no state."""

    reports: Final[frozenset[type[Record]]] = frozenset()
    only_standing = False
    only_published = True

    def __init__(self, mirror: TileCopy) -> None:
        self._mirror = mirror
        self._size = 0

    def checkpoints(self) -> Iterator[bytes]:
        """The newest signed checkpoint."""
        newest = self._mirror.checkpoint()
        with suppress(MalformedError):  # its reader reports that
            self._size = checkpoint.parse(newest).checkpoint.size
        yield newest

    def head(self) -> Head | None:
        """None: only what is signed is read."""
        return None

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """The leaves, with nothing stored beside them."""
        leaves = self._mirror.leaves(start, stop, self._size)
        return (ReportedLeaf(index, data) for index, data in leaves)

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a hash tile."""
        return self._mirror.hashes(tile)

    def document(self, digest: bytes) -> bytes:
        """The bytes of a document that is for everybody."""
        return self._mirror.document(digest)

    def records(self, _stop: int, _entries: Sequence[int] | None = None) -> Iterator[Record]:
        """Nothing: tiles hold no state."""
        return iter(())


def is_url(place: str) -> bool:
    """Whether a place where a log is looked for is the URL of published files."""
    return place.startswith(("http://", "https://"))


@contextmanager
def tile_source(place: str) -> Iterator[TileSource]:
    """The log that is published at an http or https URL, or in a directory, for the length of the block.

    Raises ConfigError for a URL with user, query or fragment, and for a directory that has no checkpoint.
    """
    if not is_url(place):
        if not (Path(place) / CHECKPOINT).exists():
            msg = f"{place} has no file {CHECKPOINT}: it is no directory of tiles"
            raise ConfigError(msg)
        yield TileSource(TileCopy(Directory(Path(place))))
        return
    if not URL.fullmatch(place):
        msg = f"a log's URL is like https://log.example/prefix, without user, query and fragment: {place!r}"
        raise ConfigError(msg)
    with closing(HttpFiles(place)) as files:
        yield TileSource(TileCopy(files))


class ServerSource:
    """A server as a source, through the connection of the member ``reader``.

    If given, ``taken`` is called with each leaf that is read, with the private parts of entries.
    """

    reports: Final[frozenset[type[Record]]] = frozenset({Member, Key, Entry, Opinion})
    only_standing = True
    only_published = False

    def __init__(
        self, connection: Connection, reader: str, taken: Callable[[LeafDetail], None] | None = None
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._taken = taken

    def checkpoints(self) -> Iterator[bytes]:
        """The newest signed checkpoint."""
        yield self._run(calls.checkpoint())

    def head(self) -> Head | None:
        """None: only what is signed is read."""
        return None

    def leaves(self, start: int, stop: int) -> Iterator[ReportedLeaf]:
        """The leaves, with nothing stored beside them."""
        feed = feeds.leaves(LeavesRequest(start, stop, self._taken is not None))
        for leaf in self._connection.stream(feed, TIMEOUT):
            if self._taken is not None:
                self._taken(leaf)
            yield ReportedLeaf(leaf.index, leaf.statement)

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a hash tile."""
        return self._run(calls.tile(tile.path))

    def document(self, digest: bytes) -> bytes:
        """The bytes of a document."""
        return self._run(desk.document(digest))

    def records(self, stop: int, entries: Sequence[int] | None = None) -> Iterator[Record | GivenEntry]:
        """The members with their keys, and the entries with their private parts and opinions."""
        page = self._run(calls.members(PageRequest(size=MAX_PAGE)))
        while True:
            for detail in page.members:
                yield detail.member
                yield from detail.keys
            if not page.next_token:
                break
            after = page.members[-1].member.id
            page = self._run(calls.members(PageRequest(page.next_token, MAX_PAGE), after))
        wanted = None if entries is None else frozenset(entries)
        spans = [(0, stop)] if entries is None and stop else _spans(entries or ())
        for first, last in spans:
            for given, records in self._entries(first, last):
                if wanted is None or given.entry in wanted:
                    yield given
                    yield from records

    def _entries(self, start: int, stop: int) -> Iterator[tuple[GivenEntry, tuple[Entry | Opinion, ...]]]:
        """What is given of each entry of a span. The others are asked for around one that is refused."""
        spans = [(start, stop)]
        while spans:
            at, stop = spans.pop()
            try:
                for sent, commitments in self._connection.stream(
                    feeds.entries_as_sent(EntriesRequest(at, stop)), TIMEOUT
                ):
                    index, at = sent.entry.index, sent.entry.index + 1
                    given = GivenEntry(
                        index,
                        sent.statement,
                        commitments,
                        sent.private,
                        self._reader,
                        sent.withheld,
                        stands=sent.stands,
                    )
                    yield given, (sent.entry, *sent.opinions)
            except CorruptError as error:
                refused = _refused(error)
                if refused is None or not at <= refused < stop:
                    raise
                yield GivenEntry(refused, refusal=error.message), ()
                around = ((refused + 1, stop), (at, refused))
                spans += [span for span in around if span[0] < span[1]]

    def _run(self, call: Call[Result]) -> Result:
        return self._connection.run(call, TIMEOUT)


def _refused(error: CorruptError) -> int | None:
    """The entry that the server says it cannot give, None if the error is about something else."""
    try:
        return entry_from_name(error.details.get("resource", ""))
    except InvalidInputError:
        return None


def _spans(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges ``(start, stop)`` that cover ascending indexes, without their wide gaps."""
    ends = [place for place, (one, two) in enumerate(pairwise(indexes), 1) if two - one > _GAP]
    for first, last in pairwise([0, *ends, len(indexes)] if indexes else []):
        yield indexes[first], indexes[last - 1] + 1
