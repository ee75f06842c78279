"""The indexes that find near fingerprints, over the native kernel."""

from __future__ import annotations

from hashpact.lookup.hamming import HammingIndex
from hashpact.lookup.minhash import MinHashIndex
from hashpact.lookup.native import NativeIndex
from hashpact.lookup.parts import PartsIndex
from hashpact.lookup.signatures import minhash_signature, minhash_signatures
from hashpact.lookup.winnow import WinnowIndex

__all__ = [
    "HammingIndex",
    "MinHashIndex",
    "NativeIndex",
    "PartsIndex",
    "WinnowIndex",
    "minhash_signature",
    "minhash_signatures",
]
