"""What others find: threatexchange, imagehash and datasketch, each as its documentation uses it.

Those that are not installed are left out, with a line that says so.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks.machine import say
from PIL import Image

SHINGLE: Final = 4
PERMUTATIONS: Final = 128
SCHEME: Final = "affine32"
SIMILAR: Final = 0.6
TLSH: Final = 30


@dataclass(frozen=True, slots=True)
class PicturePeer:
    """Codes of equal length, compared by Hamming distance; none if the picture is refused."""

    name: str
    radius: int
    shared: Callable[[bytes], list[bytes]]
    asked: Callable[[bytes], list[bytes]]


@dataclass(frozen=True, slots=True)
class TextPeer:
    """Whatever it makes of a text, None if it refuses it, and whether two of them match.

    ``pairs`` is how many pairs it compares in about a millisecond.
    """

    name: str
    made: Callable[[str], Any]
    match: Callable[[Any, Any], bool]
    pairs: int


def nearest(shared: Sequence[bytes], asked: Sequence[bytes]) -> int | None:
    """The least Hamming distance between codes of two lists; None if one is empty."""
    if not shared or not asked:
        return None
    one, other = (np.frombuffer(b"".join(codes), np.uint8) for codes in (shared, asked))
    apart = one.reshape(len(shared), 1, -1) ^ other.reshape(1, len(asked), -1)
    return int(np.bitwise_count(apart).sum(axis=2, dtype=np.int64).min())


@functools.cache
def of_pictures() -> tuple[PicturePeer, ...]:
    """The picture peers that are here."""
    found: list[PicturePeer] = []
    try:
        found += _threatexchange()
    except ImportError as exc:
        say(f"threatexchange is left out: {exc}")
    hashes = importlib.import_module("imagehash")
    for name, function in (("phash", hashes.phash), ("dhash", hashes.dhash)):
        make = functools.partial(_by_imagehash, function)
        found.append(PicturePeer(f"imagehash {name} 6", 6, make, make))
    return tuple(found)


@functools.cache
def of_texts() -> tuple[TextPeer, ...]:
    """The text peers that are here."""
    found: list[TextPeer] = []
    for make in (_datasketch, _raw_text, _tlsh):
        try:
            found.append(make())
        except ImportError as exc:
            say(f"a text peer is left out: {exc}")
    return tuple(found)


def _threatexchange() -> list[PicturePeer]:
    signal: Any = importlib.import_module("threatexchange.signal_type.pdq.signal").PdqSignal
    photo: Any = importlib.import_module("threatexchange.content_type.photo").PhotoContent
    pdqhash: Any = importlib.import_module("pdqhash")

    @functools.lru_cache(maxsize=2)
    def plain(content: bytes) -> list[bytes]:
        with contextlib.suppress(Exception):  # a peer that fails on a file finds nothing
            code = signal.hash_from_bytes(content)
            return [bytes.fromhex(code)] if code else []
        return []

    def views(content: bytes) -> list[bytes]:
        """The 8 positions in one pass of the same code, and its removal of black borders at its default."""
        found = plain(content)
        with contextlib.suppress(Exception), Image.open(io.BytesIO(content)) as image:
            codes, quality = pdqhash.compute_dihedral(np.asarray(image.convert("RGB")))
            if quality >= signal.QUALITY_THRESHOLD:
                found = found + [np.packbits(np.asarray(code, np.uint8)).tobytes() for code in codes]
        with contextlib.suppress(Exception), tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            found = found + plain(photo.unletterbox(Path(file.name)))
        return found

    return [
        PicturePeer("threatexchange PDQ 31", 31, plain, plain),
        PicturePeer("threatexchange PDQ 31, its views", 31, plain, views),
    ]


def _by_imagehash(function: Callable[[Image.Image], Any], content: bytes) -> list[bytes]:
    with contextlib.suppress(Exception), Image.open(io.BytesIO(content)) as image:
        return [np.packbits(function(image).hash).tobytes()]
    return []


def _datasketch() -> TextPeer:
    min_hash: Any = importlib.import_module("datasketch").MinHash
    permutations = min_hash(num_perm=PERMUTATIONS, scheme=SCHEME).permutations

    def made(text: str) -> Any:  # noqa: ANN401 - values of its own
        lower = text.lower()
        shingles = {lower[at : at + SHINGLE].encode() for at in range(len(lower) - SHINGLE + 1)}
        if not shingles:
            return None
        sketch = min_hash(num_perm=PERMUTATIONS, scheme=SCHEME, permutations=permutations)
        sketch.update_batch(list(shingles))
        return sketch.hashvalues

    return TextPeer(
        f"datasketch {SIMILAR}", made, lambda one, other: float((one == other).mean()) >= SIMILAR, 300
    )


def _raw_text() -> TextPeer:
    signal: Any = importlib.import_module("threatexchange.signal_type.raw_text").RawTextSignal

    def match(one: str, other: str) -> bool:
        with contextlib.suppress(Exception):  # its distance takes no letters outside ASCII
            return bool(signal.matches_str(one, other).match)
        return False

    return TextPeer("threatexchange raw text", lambda text: text, match, 5)


def _tlsh() -> TextPeer:
    signal: Any = importlib.import_module("threatexchange.extensions.tlsh.text_tlsh").TextTLSHSignal
    return TextPeer(
        f"threatexchange TLSH {TLSH}",
        lambda text: signal.hash_from_str(text) or None,
        lambda one, other: bool(signal.compare_hash(one, other).match),
        300,
    )


def pairs_within(
    shared: Sequence[Sequence[bytes]], asked: Sequence[Sequence[bytes]], radius: int
) -> set[tuple[int, int]]:
    """The pairs of different pictures of which some asked code lies within ``radius`` of some shared one."""
    owners = np.repeat(np.arange(len(shared)), [len(codes) for codes in shared])
    table = np.frombuffer(b"".join(code for codes in shared for code in codes), np.uint8)
    found: set[tuple[int, int]] = set()
    if not len(owners):
        return found
    table = table.reshape(len(owners), -1)
    for number, codes in enumerate(asked):
        for code in codes:
            apart = np.bitwise_count(table ^ np.frombuffer(code, np.uint8)).sum(axis=1, dtype=np.int64)
            near = owners[apart <= radius].tolist()
            found |= {(min(number, other), max(number, other)) for other in near if other != number}
    return found
