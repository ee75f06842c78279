"""The Index port over the native kernel."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hashpact._kernel import HammingStore, MinHashStore, PartsStore, WinnowStore
from hashpact.domain.checks import Hits
from hashpact.domain.fingerprints import TYPES, Fingerprint, FingerprintType, Measure
from hashpact.errors import CorruptError, InvalidInputError
from hashpact.lookup.directory import Frozen, IndexFiles, IndexManifest, Located
from hashpact.lookup.hamming import WORD, HammingIndex
from hashpact.lookup.minhash import VALUES, MinHashIndex
from hashpact.lookup.parts import PartsIndex
from hashpact.lookup.shapes import Ids, check_limit, checked_ids
from hashpact.lookup.winnow import WinnowIndex

EQUAL: Final = 0
"""The distance of equal values."""

BENIGN: Final = "benign-"
"""What the name of a type's part begins with that has the items of the negative collection."""

_Scores: TypeAlias = NDArray[np.uint16] | NDArray[np.float64]
_Found: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint64], _Scores]


class NativeIndex:
    """An index over every fingerprint type; ``hashpact.domain.ports.Index`` is its contract.

    The items of the negative collection are in parts of their own: a check that matches nothing never comes
    near them.

    Hamming distance and equality are exact, and so are winnowed texts and parts up to a bound on work; for
    MinHash the recall is ``MinHashIndex.recall``. Several threads may also add and remove: they take turns.
    """

    def __init__(self) -> None:
        self._parts = {name: _part(kind) for name, kind in _KINDS.items()}
        self._writing = threading.Lock()

    @classmethod
    def open(cls, directory: IndexFiles) -> tuple[NativeIndex, IndexManifest] | None:
        """The index that was saved last, with every byte verified, and its manifest; None if none was saved.

        Raises CorruptError if the files are not what was saved, OSError if they cannot be read.
        """
        while (manifest := directory.manifest()) is not None:
            if manifest.parts.keys() != _KINDS.keys():
                msg = f"the manifest in {directory.path} has the parts of another version of Hashpact"
                raise CorruptError(msg)
            try:
                index = cls()
                for name, saved in manifest.parts.items():
                    if saved.segments:
                        part = _part(_KINDS[name], directory.locate(saved))
                        directory.verify(saved)
                        index._parts[name] = part
            except FileNotFoundError as exc:
                # Another process may have saved since, and removed files that it no longer uses.
                if directory.manifest() == manifest:
                    msg = f"{exc.filename} is missing"
                    raise CorruptError(msg) from exc
            else:
                directory.keep(manifest)
                return index, manifest
        return None

    @classmethod
    def of_files(cls, files: Mapping[str, str]) -> NativeIndex:
        """The index whose parts, by name, were dumped to these files (`freeze`). They are mapped, and may go.

        Their headers are checked, and not their bytes. Raises CorruptError, OSError.
        """
        index = cls()
        for name, path in files.items():
            if name not in _KINDS:
                msg = f"{path} has a part of another version of Hashpact"
                raise CorruptError(msg)
            index._parts[name] = _part(_KINDS[name], ([(path, None)], None))
        return index

    def become(self, other: NativeIndex) -> None:
        """Hold what ``other`` holds, which is not used any more. A search sees one or the other whole."""
        with self._writing:
            self._parts = other._parts

    def freeze(self) -> Mapping[str, Frozen]:
        """The content of the index now, for `IndexDirectory.save`; the index can be used meanwhile."""
        with self._writing:
            return {name: part.index.freeze() for name, part in self._parts.items()}

    def compaction(self, beside: int = 0, most_bytes: float = math.inf) -> Iterator[None]:
        """Merge each type's segments into one: the steps of that, between which the caller waits a little.

        Types with at most ``beside`` items outside of their largest segment stay as they are, and so do those
        that do not fit into ``most_bytes`` together with those before. The background does the work, one type
        after the other, and needs memory for a second index of that type; no search and no writer waits. The
        iteration may be left at any step. A merge that has begun then goes on until the index is gone.
        """
        for part in self._parts.values():
            stats = part.index.stats()
            sizes = [rows for rows, _ in stats["segments"]]
            if sum(sizes[1:]) + stats["delta"] > beside and stats["bytes"] <= most_bytes:
                most_bytes -= stats["bytes"]
                part.index.compact()
                yield
                while part.index.compacting:
                    yield

    def add(self, items: Iterable[tuple[int, Fingerprint]], *, benign: bool = False) -> None:
        """Make the items findable: all of them, or none. Those that are ``benign`` by `search_benign` alone.

        Raises ValueError if an id is there already or is given twice, InvalidInputError if one is not below
        2^64.
        """
        by_type: dict[str, tuple[list[int], list[bytes]]] = {}
        ids: list[int] = []
        for item, fingerprint in items:
            name = BENIGN * benign + fingerprint.type.name
            some_ids, values = by_type.setdefault(name, ([], []))
            some_ids.append(item)
            values.append(fingerprint.value)
            ids.append(item)
        checked = checked_ids(ids)
        with self._writing:
            self._refuse_known(checked)
            for name, (some_ids, values) in by_type.items():
                self._parts[name].add(values, some_ids)

    def add_packed(self, kind: FingerprintType, values: bytes, ids: Ids) -> None:
        """Make the values of a type that follow each other findable, as ``add`` does; no sets of hashes."""
        with self._writing:
            self._refuse_known(ids)
            self._parts[kind.name].add((values,), ids)

    def remove(self, items: Iterable[int]) -> None:
        """Make the items unfindable. An id that is not there is passed over."""
        ids = checked_ids(items)
        with self._writing:
            for part in self._parts.values():
                part.index.remove(ids)

    def holds(self, items: Iterable[int]) -> bool:
        """Whether any of these can be found."""
        ids = checked_ids(items)
        return any(part.index.known(ids) is not None for part in self._parts.values())

    def search(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """The nearest items of the query's type within ``threshold``, at most ``limit`` of them."""
        kind = query.type
        if threshold != kind.default and kind.measure is not Measure.EQUALITY:
            kind.threshold(threshold)
        check_limit(limit)
        return self._parts[kind.name].search([query.value], threshold, limit)[0]

    def search_benign(self, query: Fingerprint, threshold: float, limit: int) -> Hits:
        """As ``search``, of the negative collection."""
        part = self._parts[BENIGN + query.type.name]
        return part.search([query.value], threshold, limit)[0] if len(part.index) else NOTHING

    def search_all(self, queries: Sequence[Fingerprint], threshold: float, limit: int) -> list[Hits]:
        """What ``search`` finds for each of some queries of one type."""
        kind = queries[0].type
        if kind.measure is not Measure.EQUALITY:
            kind.threshold(threshold)
        check_limit(limit)
        return self._parts[kind.name].search([query.value for query in queries], threshold, limit)

    def search_packed(
        self, kind: FingerprintType, values: bytes, threshold: float, limit: int
    ) -> dict[int, Hits]:
        """What ``search`` finds for each of many values of one size, of those with hits."""
        if kind.measure is not Measure.EQUALITY:
            kind.threshold(threshold)
        check_limit(limit)
        part = self._parts[kind.name]
        if not isinstance(part, _HammingPart | _MinHashPart):
            msg = f"the values of {kind.name} have no one size"
            raise InvalidInputError(msg, field="type")
        return _some(*part.batch(values, threshold, limit))

    def sizes(self) -> dict[str, tuple[int, int, int]]:
        """Of each type the items that can be found, its segments, and the bytes of memory that they take."""
        found = {}
        for name, part in self._parts.items():
            stats = part.index.stats()
            found[name] = len(part.index), len(stats["segments"]), stats["bytes"]
        return found

    def __len__(self) -> int:
        """How many items can be found."""
        return sum(len(part.index) for part in self._parts.values())

    def _refuse_known(self, ids: Ids) -> None:
        if len(np.unique(ids)) != len(ids):
            msg = "an id is given twice"
            raise ValueError(msg)
        for part in self._parts.values():
            known = part.index.known(ids)
            if known is not None:
                msg = f"id {known} is in the index already"
                raise ValueError(msg)


_KINDS: Final = TYPES | {BENIGN + name: kind for name, kind in TYPES.items()}
"""The parts of an index by their names, each with the type of its items."""

NOTHING: Final = Hits((), ())


class _Part(Protocol):
    """The index of one type, in terms of fingerprints' bytes."""

    @property
    def index(self) -> HammingIndex | MinHashIndex | PartsIndex | WinnowIndex: ...

    def add(self, values: Sequence[bytes], ids: Sequence[int] | Ids) -> None: ...

    def search(self, values: Sequence[bytes], threshold: float, limit: int) -> list[Hits]: ...


def _part(kind: FingerprintType, files: Located | None = None) -> _Part:
    if kind.measure is Measure.JACCARD:
        return _MinHashPart(MinHashIndex() if files is None else MinHashIndex.over(MinHashStore.open(*files)))
    if kind.measure is Measure.CONTAINMENT:
        return _WinnowPart(WinnowIndex() if files is None else WinnowIndex.over(WinnowStore.open(*files)))
    if kind.measure is Measure.POINTS:
        return _PicturePart(PartsIndex() if files is None else PartsIndex.over(PartsStore.open(*files)))
    if files is not None:
        index = HammingIndex.over(HammingStore.open(*files))
        if index.width != width_of(kind):
            msg = (
                f"{files[0][0][0]}: its codes have {index.width} bytes, those of {kind.name} {width_of(kind)}"
            )
            raise CorruptError(msg)
    else:
        index = HammingIndex(width_of(kind), EQUAL if kind.measure is Measure.EQUALITY else None)
    part = _EqualPart if kind.measure is Measure.EQUALITY else _HammingPart
    return part(index, kind.size)


def width_of(kind: FingerprintType) -> int:
    """The bytes that a value takes in an index of codes: whole words, the rest of the last one zero."""
    return -(-kind.size // WORD) * WORD


class _HammingPart:
    def __init__(self, index: HammingIndex, size: int) -> None:
        self.index = index
        self._size = size

    def add(self, values: Sequence[bytes], ids: Sequence[int] | Ids) -> None:
        self.index.add(self._codes(b"".join(values)), ids)

    def search(self, values: Sequence[bytes], threshold: float, limit: int) -> list[Hits]:
        if len(values) == 1:
            code = values[0].ljust(self.index.width, b"\0")
            found = self.index.search(code, int(self._within(threshold)), limit)
            if not found:
                return [NOTHING]
            items, distances = zip(*found, strict=True)
            return [Hits(items, distances)]
        return _hits(*self.batch(b"".join(values), threshold, limit))

    def batch(self, values: bytes, threshold: float, limit: int) -> _Found:
        """The hits of values that follow each other."""
        return self.index.search_batch(self._codes(values), int(self._within(threshold)), limit=limit)

    def _codes(self, values: bytes) -> NDArray[np.uint8]:
        """Values that follow each other, as rows of whole words."""
        codes = np.frombuffer(values, dtype=np.uint8).reshape(-1, self._size)
        missing = self.index.width - self._size
        return np.pad(codes, ((0, 0), (0, missing))) if missing else codes

    def _within(self, threshold: float) -> float:
        return threshold


class _EqualPart(_HammingPart):
    """Equal bytes are those at distance 0."""

    def _within(self, threshold: float) -> float:  # noqa: ARG002 - equality ignores it
        return EQUAL


class _MinHashPart:
    def __init__(self, index: MinHashIndex) -> None:
        self.index = index

    def add(self, values: Sequence[bytes], ids: Sequence[int] | Ids) -> None:
        # A fingerprint's values are big-endian, the index's in the machine's order.
        rows = np.frombuffer(b"".join(values), dtype=">u4").astype(np.uint32).reshape(-1, VALUES)
        self.index.add(rows, ids)

    def search(self, values: Sequence[bytes], threshold: float, limit: int) -> list[Hits]:
        return _hits(*self.batch(b"".join(values), threshold, limit))

    def batch(self, values: bytes, threshold: float, limit: int) -> _Found:
        """The hits of values that follow each other."""
        signatures = np.frombuffer(values, dtype=">u4").astype(np.uint32).reshape(-1, VALUES)
        return self.index.search_batch(signatures, threshold, limit=limit)


class _PicturePart:
    def __init__(self, index: PartsIndex) -> None:
        self.index = index

    def add(self, values: Sequence[bytes], ids: Sequence[int] | Ids) -> None:
        self.index.add(values, ids)

    def search(self, values: Sequence[bytes], threshold: float, limit: int) -> list[Hits]:
        every = (self.index.search(value, int(threshold), limit) for value in values)
        return [
            Hits(one.ids.data, one.points.data, truncated=one.truncated, places=one.transforms.tolist())
            for one in every
        ]


class _WinnowPart:
    def __init__(self, index: WinnowIndex) -> None:
        self.index = index

    def add(self, values: Sequence[bytes], ids: Sequence[int] | Ids) -> None:
        self.index.add([_hashes(value) for value in values], ids)

    def search(self, values: Sequence[bytes], threshold: float, limit: int) -> list[Hits]:
        found = (self.index.search(_hashes(value), threshold, limit) for value in values)
        return [Hits(ids.data, shares.data, truncated=truncated) for ids, shares, truncated in found]


def _hits(offsets: NDArray[np.int64], ids: NDArray[np.uint64], scores: _Scores) -> list[Hits]:
    """The hits of each query of a batch."""
    whole = Hits(ids.data, scores.data)
    if len(ids) == 0 or len(offsets) == 2:  # noqa: PLR2004 - nothing, or what the only query found
        return [whole] * (len(offsets) - 1)
    ends = offsets.tolist()
    return [whole[one:end] for one, end in itertools.pairwise(ends)]


def _some(offsets: NDArray[np.int64], ids: NDArray[np.uint64], scores: _Scores) -> dict[int, Hits]:
    """The hits of those queries of a batch that have any."""
    if len(ids) == 0:
        return {}
    whole = Hits(ids.data, scores.data)
    some = np.flatnonzero(np.diff(offsets))
    starts, ends = offsets[some].tolist(), offsets[some + 1].tolist()
    return {number: whole[start:end] for number, start, end in zip(some.tolist(), starts, ends, strict=True)}


def _hashes(value: bytes) -> NDArray[np.uint32]:
    """A fingerprint's hashes, which are big-endian, in the machine's order."""
    return np.frombuffer(value, dtype=">u4").astype(np.uint32)
