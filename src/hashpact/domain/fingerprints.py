"""Fingerprints: their types, the form they must have, and the ones that are refused.

A fingerprint is a type, some bytes and, for pdq, a quality. How each type is computed is on a page of
its own in docs/methods; this module knows only what is needed to compare and to refuse.
"""

from __future__ import annotations

import enum
import hashlib
import operator
import re
import struct
from binascii import unhexlify
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from hashpact.domain.grammar import Decimal, Field, Form, Hex, Word
from hashpact.errors import InvalidInputError, MalformedError, UnusableFingerprintError


class Measure(enum.Enum):
    """How two fingerprints of one type are compared."""

    HAMMING = "distance in bits, smaller is nearer"
    JACCARD = "estimated Jaccard similarity, larger is nearer"
    CONTAINMENT = "share of the shared text that is in the upload, larger is nearer"
    EQUALITY = "equal or not"
    POINTS = "keypoints that agree on one place, larger is nearer"

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a score is a similarity, a share or a number of keypoints, and not a distance."""
        return self in {Measure.JACCARD, Measure.CONTAINMENT, Measure.POINTS}


Scores = TypeVar("Scores")


@dataclass(frozen=True, slots=True)
class FingerprintType:
    """One recipe, in one version.

    A value has at least ``count[0]`` and at most ``count[1]`` units of ``size`` bytes, and an entry at least
    ``least_shared`` and at most ``most_shared`` of them. ``default`` and ``ceiling`` bound a match: the
    largest Hamming distance, the smallest similarity or share, or the fewest keypoints, that a check uses
    when it names none, and the widest that it may ask for. ``popcount`` is the range of set bits outside
    which a code is refused. A type that is ``opt_in`` is shared only under labels for which the policy allows
    it, and under those in ``never`` not at all. ``small`` has the defaults for sketches of small sets: each
    for those of fewer than so many elements, as `elements` estimates them, in ascending order.
    """

    name: str
    size: int
    measure: Measure
    default: float
    ceiling: float
    popcount: tuple[int, int] | None = None
    min_quality: int | None = None
    count: tuple[int, int] = (1, 1)
    least_shared: int = 1
    most_shared: int | None = None
    opt_in: bool = False
    never: frozenset[str] = frozenset()
    small: tuple[tuple[int, float], ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether a value is a set of many units, such as hashes or keypoints, and not one code."""
        return self.count[1] > 1

    def default_for(self, value: bytes) -> float:
        """The threshold of a check with ``value`` that names none."""
        if not self.small:
            return self.default
        size = elements(value)
        return next((default for fewer, default in self.small if size < fewer), self.default)

    def threshold(self, wanted: float | None) -> float:
        """The threshold of a check: ``wanted`` if it is within the ceiling, the default if it is None.

        Raises InvalidInputError if ``wanted`` reaches beyond the ceiling.
        """
        if wanted is None:
            return self.default
        match self.measure:
            case Measure.JACCARD | Measure.CONTAINMENT:
                within = self.ceiling <= wanted <= 1
            case Measure.POINTS:
                within = self.ceiling <= wanted <= self.count[1] and wanted == int(wanted)
            case _:
                within = 0 <= wanted <= self.ceiling and wanted == int(wanted)
        if not within:
            msg = f"the threshold for {self.name} must be {self._bound()}"
            raise InvalidInputError(msg, field="threshold")
        return wanted

    def remoteness(self, score: Scores) -> Scores:
        """How far away a hit is, from 0 (the same) to 1 (at the ceiling), by which hits of types compare.

        ``score`` is a number, or a numpy array of numbers.
        """
        number: Any = score
        far: Scores
        match self.measure:
            case Measure.HAMMING:
                far = number / self.ceiling
            case Measure.JACCARD | Measure.CONTAINMENT:
                far = (1 - number) / (1 - self.ceiling)
            case Measure.POINTS:
                most = self.most_shared or self.count[1]
                missing = most - 1.0 * number  # as floats: the index's own numbers may have no sign
                far = missing * (missing > 0) / (most - self.ceiling)
            case Measure.EQUALITY:
                far = 0.0 * number
        return far

    def _bound(self) -> str:
        match self.measure:
            case Measure.JACCARD:
                return f"a similarity from {self.ceiling} to 1"
            case Measure.CONTAINMENT:
                return f"a share from {self.ceiling} to 1"
            case Measure.POINTS:
                return f"a whole number of keypoints from {int(self.ceiling)} to {self.count[1]}"
            case _:
                return f"a whole distance from 0 to {int(self.ceiling)}"


PDQ: Final = FingerprintType("pdq/1", 32, Measure.HAMMING, 31, 31, (112, 144), 50)
PHASH: Final = FingerprintType("phash/1", 8, Measure.HAMMING, 6, 10, (16, 48))
MINHASH: Final = FingerprintType(
    "minhash/1", 512, Measure.JACCARD, 0.60, 0.40, small=((25, 0.40), (35, 0.45), (50, 0.50))
)
WINNOW: Final = FingerprintType(
    "winnow/1", 4, Measure.CONTAINMENT, 0.50, 0.30, count=(8, 8192), most_shared=128
)
FOLDED: Final = FingerprintType("folded/1", 32, Measure.EQUALITY, 0, 0, opt_in=True)
PARTS: Final = FingerprintType(
    "parts/1",
    38,
    Measure.POINTS,
    8,
    5,
    count=(8, 300),
    least_shared=32,
    most_shared=128,
    opt_in=True,
    never=frozenset({"csam", "minors", "ncii"}),
)
SHA256: Final = FingerprintType("sha256/1", 32, Measure.EQUALITY, 0, 0)
MD5: Final = FingerprintType("md5/1", 16, Measure.EQUALITY, 0, 0)
SHA1: Final = FingerprintType("sha1/1", 20, Measure.EQUALITY, 0, 0)
SHA512: Final = FingerprintType("sha512/1", 64, Measure.EQUALITY, 0, 0)

TYPES: Final = {
    kind.name: kind for kind in (PDQ, PHASH, PARTS, MINHASH, WINNOW, FOLDED, SHA256, MD5, SHA1, SHA512)
}

MAX_QUALITY: Final = 100
MAX_PRIVATE: Final = 12 * 1024

_FIRST_LINE: Final = "hashpact/private/v1"
TYPE_NAME: Final = Word("[a-z0-9]+/[1-9][0-9]*", "a fingerprint type such as pdq/1")
_TYPE: Final = Field("type", TYPE_NAME)
_VALUE: Final = Field("value", Hex(None))
_QUALITY: Final = Field("quality", Decimal(0, MAX_QUALITY), 0, 1)
_NONCE: Final = Field("nonce", Hex(32))
_FORM: Final = Form(_FIRST_LINE, _TYPE, _VALUE, _QUALITY, _NONCE)
_KINDS: Final = {name.encode(): kind for name, kind in TYPES.items()}
_SPELT: Final = re.compile(
    rb"%b\ntype ([a-z0-9/]+)\nvalue ([0-9a-f]+)\n(?:quality ([1-9]?[0-9]|100)\n)?nonce ([0-9a-f]{64})\n"
    % _FIRST_LINE.encode()
)
"""Every text that `_FORM` reads, and some that it does not, because of their type or an odd digit."""
_JUST_READ: Final = 4096
"""Private parts that are remembered: those of the appends of a group, which are read again to be stored."""


def elements(sketch: bytes) -> float:
    """How many elements the set behind a minhash/1 has: about one in eleven off, one standard deviation.

    The least of n evenly spread hashes is 1/(n + 1) on average (Cohen, Size-Estimation Framework with
    Applications to Transitive Closure and Reachability, 1997).
    """
    values: tuple[int, ...] = struct.unpack(f">{len(sketch) // 4}I", sketch)
    return len(values) * 0xFFFFFFFF / max(sum(values), 1) - 1


def type_named(name: str) -> FingerprintType:
    """The fingerprint type of that name. Raises InvalidInputError, listing the known ones."""
    try:
        return TYPES[name]
    except KeyError:
        msg = f"unknown fingerprint type; known are {', '.join(TYPES)}"
        raise InvalidInputError(msg, field="type") from None


@dataclass(frozen=True, slots=True, init=False)
class Fingerprint:
    """The part of content that is shared: a type, bytes, and for pdq a quality from 0 to 100.

    The type may be given by its name, such as ``pdq/1``, and the value as any bytes-like object.
    The constructor raises InvalidInputError for a wrong size, and UnusableFingerprintError for a code whose
    number of set bits or quality is outside the bounds of its type. ``repr`` hides the bytes.

    A winnow/1 value is a set of hashes of 4 bytes, big-endian in ascending order. That of an upload may have
    more of them than an entry holds: `shared` is the part that an entry does.
    """

    type: FingerprintType
    value: bytes
    quality: int | None = None

    def __init__(
        self,
        type: FingerprintType | str,  # noqa: A002 - the field's name
        value: bytes | bytearray | memoryview,
        quality: int | None = None,
    ) -> None:
        """Refuse a fingerprint that must not be shared or compared."""
        kind = type if isinstance(type, FingerprintType) else type_named(type)
        data = value if isinstance(value, bytes) else _bytes_of(value)
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "value", data)
        object.__setattr__(self, "quality", quality)
        if len(data) != kind.size or kind.count[0] != 1:  # of one unit, nearly all are
            _check_size(kind, len(data), kind.count)
        if quality is not None:
            self._check_quality(quality)
        if kind.measure is Measure.CONTAINMENT:
            _check_ascending(kind, data)
        if kind.popcount is not None:
            low, high = kind.popcount
            ones = int.from_bytes(data).bit_count()
            if not low <= ones <= high:
                msg = (
                    f"refused {kind.name}: {ones} of {kind.size * 8} bits are set, "
                    f"an ordinary picture has {low} to {high}"
                )
                raise UnusableFingerprintError(msg, field="value")

    def _check_quality(self, quality: int) -> None:
        kind = self.type
        if kind.min_quality is None:
            msg = f"a {kind.name} fingerprint has no quality"
            raise InvalidInputError(msg, field="quality")
        if not 0 <= quality <= MAX_QUALITY:
            msg = f"quality must be from 0 to {MAX_QUALITY}"
            raise InvalidInputError(msg, field="quality")
        if quality < kind.min_quality:
            msg = (
                f"refused {kind.name}: quality {quality} is below {kind.min_quality}, "
                "the picture has too little structure to be distinguished from others"
            )
            raise UnusableFingerprintError(msg, field="quality")

    def shared(self) -> Fingerprint:
        """The fingerprint as an entry holds it: the first ``most_shared`` units, if there are more."""
        most = self.type.most_shared
        if most is None or len(self.value) <= most * self.type.size:
            return self
        return Fingerprint(self.type, self.value[: most * self.type.size], self.quality)

    def __repr__(self) -> str:
        """Name the type only: a fingerprint must not reach a log by accident."""
        return f"<Fingerprint {self.type.name}>"


def _check_size(kind: FingerprintType, size: int, count: tuple[int, int]) -> None:
    fewest, most = count
    units, rest = divmod(size, kind.size)
    if rest or not fewest <= units <= most:
        allowed = f"{kind.size}" if fewest == most == 1 else f"{fewest} to {most} times {kind.size}"
        msg = f"a {kind.name} fingerprint has {allowed} bytes, not {size}"
        raise InvalidInputError(msg, field="value")


def _check_ascending(kind: FingerprintType, data: bytes) -> None:
    """Refuse hashes that are not in ascending order, or are there twice: one set has one spelling."""
    hashes = struct.unpack(f">{len(data) // kind.size}I", data)
    if not all(map(operator.lt, hashes, hashes[1:])):
        msg = f"the hashes of a {kind.name} fingerprint are in ascending order, each once"
        raise InvalidInputError(msg, field="value")


def _bytes_of(value: bytes | bytearray | memoryview) -> bytes:
    try:
        return memoryview(value).tobytes()
    except TypeError:
        msg = f"the value of a fingerprint is bytes, not {type(value).__name__}; see bytes.fromhex for hex"
        raise InvalidInputError(msg, field="value") from None


@dataclass(frozen=True, slots=True)
class PrivatePart:
    """A fingerprint with 32 random bytes: members receive it, the public log only commits to it.

    The nonce keeps an outsider from guessing the fingerprint behind a commitment. Raises InvalidInputError
    for a fingerprint that has more than an entry holds.
    """

    fingerprint: Fingerprint
    nonce: bytes

    def __post_init__(self) -> None:
        """Refuse a fingerprint that only a check may have."""
        kind, size = self.fingerprint.type, len(self.fingerprint.value)
        if kind.most_shared is not None and size > kind.most_shared * kind.size:
            msg = f"an entry has a {kind.name} of at most {kind.most_shared * kind.size} bytes, not {size}"
            raise InvalidInputError(msg, field="value")
        if size < kind.least_shared * kind.size:
            msg = f"an entry has a {kind.name} of at least {kind.least_shared * kind.size} bytes, not {size}"
            raise InvalidInputError(msg, field="value")

    def text(self) -> bytes:
        """Its bytes, as docs/formats/statement.md writes them; their SHA-256 is the item of a submission."""
        shared = self.fingerprint
        # Written out: a submission has up to 256, and a fingerprint has been checked when it was made.
        quality = "" if shared.quality is None else f"{_QUALITY.name} {shared.quality}\n"
        text = (
            f"{_FIRST_LINE}\n{_TYPE.name} {shared.type.name}\n{_VALUE.name} {shared.value.hex()}\n"
            f"{quality}{_NONCE.write((self.nonce,))}"
        )
        return text.encode("ascii")

    def __repr__(self) -> str:
        """Name the type only."""
        return f"<PrivatePart {self.fingerprint.type.name}>"


def commitment(private: bytes) -> bytes:
    """The 32 bytes by which the public log names a private part: the SHA-256 of its bytes."""
    return hashlib.sha256(private).digest()


@lru_cache(maxsize=_JUST_READ)
def parse_private(data: bytes) -> PrivatePart:
    """Read a private part.

    Raises MalformedError if its form is wrong, InvalidInputError for an unknown type or an impossible value,
    and UnusableFingerprintError for a fingerprint that is refused.
    """
    if len(data) > MAX_PRIVATE:
        msg = f"a private part of {len(data)} bytes; the limit is {MAX_PRIVATE}"
        raise MalformedError(msg, field="private")
    found = _SPELT.fullmatch(data)
    kind = None if found is None else _KINDS.get(found[1])
    if found is None or kind is None or len(found[2]) % 2:
        (name,), (value,), rated, (nonce,) = _FORM.read(data)  # says what is wrong with it
        return PrivatePart(Fingerprint(type_named(name), value, *rated), nonce)
    quality = None if found[3] is None else int(found[3])
    return PrivatePart(Fingerprint(kind, unhexlify(found[2]), quality), unhexlify(found[4]))
