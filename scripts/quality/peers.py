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
    def plain(content: bytes) -> tuple[bytes, ...]:
        with contextlib.suppress(Exception):  # a peer that fails on a file finds nothing
            code = signal.hash_from_bytes(content)
            return (bytes.fromhex(code),) if code else ()
        return ()

    def alone(content: bytes) -> list[bytes]:
        return list(plain(content))

    def positions(content: bytes) -> list[bytes]:
        """The 8 positions of what is shared, from one pass: turning what is asked would find the same."""
        found = list(plain(content))
        with contextlib.suppress(Exception), Image.open(io.BytesIO(content)) as image:
            codes, _ = pdqhash.compute_dihedral(np.asarray(image.convert("RGB")))
            found += [np.packbits(np.asarray(code, np.uint8)).tobytes() for code in codes if found]
        return found

    def unframed(content: bytes) -> list[bytes]:
        """Also without black borders, as its own function takes them off at its default."""
        found = list(plain(content))
        with contextlib.suppress(Exception), tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            inner = photo.unletterbox(Path(file.name))
            if _size(inner) != _size(content):
                found += plain(inner)
        return found

    return [
        PicturePeer("threatexchange PDQ 31", 31, alone, alone),
        PicturePeer("threatexchange PDQ 31, its views", 31, positions, unframed),
    ]


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size


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


def within(shared: Sequence[Sequence[bytes]], asked: Sequence[bytes], radius: int) -> set[int]:
    """Which of those who shared have a code within ``radius`` of one that is asked."""
    owners = np.repeat(np.arange(len(shared)), [len(codes) for codes in shared])
    table = np.frombuffer(b"".join(code for codes in shared for code in codes), np.uint8)
    found: set[int] = set()
    for code in asked if len(owners) else ():
        apart = np.bitwise_count(table.reshape(len(owners), -1) ^ np.frombuffer(code, np.uint8))
        found |= set(owners[apart.sum(axis=1, dtype=np.int64) <= radius].tolist())
    return found
