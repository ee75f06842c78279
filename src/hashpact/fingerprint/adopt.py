"""Fingerprints that a platform made itself, with the libraries it already uses.

An object says little of how it was made, so what can be checked is: imagehash does not tell phash from
its other 64-bit hashes, and a MinHash not what text it was fed. That part of the recipe (docs/methods) is
the caller's to follow.
"""

from __future__ import annotations

from typing import Final

from hashpact.domain.fingerprints import MINHASH, PHASH, Fingerprint
from hashpact.errors import InvalidInputError, UnusableContentError
from hashpact.fingerprint.text import PERMUTATIONS, SCHEME, SEED

_SIDE: Final = 8


def adopt(made: object) -> Fingerprint:
    """The fingerprint in ``made``, an object that another library computed.

    ``made`` is a Fingerprint, returned as it is; an ``imagehash.ImageHash``, taken for phash/1; or a
    ``datasketch.MinHash`` or LeanMinHash, taken for minhash/1.

    Raises InvalidInputError for any other object, naming its type, and for other parameters than those of
    the recipe, naming them; UnusableFingerprintError for a code that would match too much;
    UnusableContentError for an empty MinHash.
    """
    if isinstance(made, Fingerprint):
        return made
    # A library is imported only for an object of its own, hence when it is loaded already.
    homes = {each.__module__.partition(".")[0] for each in type(made).__mro__}
    if "imagehash" in homes:
        from imagehash import ImageHash

        if isinstance(made, ImageHash):
            return _phash(made.hash)
    if "datasketch" in homes:
        from datasketch import MinHash  # type: ignore[import-untyped]  # datasketch has no types

        if isinstance(made, MinHash):
            return _minhash(made)
    msg = (
        f"a {type(made).__module__}.{type(made).__qualname__} is not a fingerprint; "
        "want hashpact.Fingerprint, imagehash.ImageHash or datasketch.MinHash"
    )
    raise InvalidInputError(msg, field="fingerprint")


def _phash(bits: object) -> Fingerprint:
    import numpy as np  # imagehash has loaded it

    array = np.asarray(bits)
    if array.shape != (_SIDE, _SIDE) or array.dtype != np.bool_:
        msg = (
            f"an ImageHash of {array.dtype} shaped {array.shape}, "
            f"want bool shaped ({_SIDE}, {_SIDE}) for {PHASH.name}"
        )
        raise InvalidInputError(msg, field="fingerprint")
    return Fingerprint(PHASH, np.packbits(array).tobytes())


def _minhash(sketch: object) -> Fingerprint:
    import numpy as np  # datasketch has loaded it
    from datasketch.hashfunc import sha1_hash32  # type: ignore[import-untyped]  # datasketch has no types

    values = np.asarray(getattr(sketch, "hashvalues", ()))
    # A sketch pickled by datasketch 1 knows no scheme, and a LeanMinHash no hash function.
    function = getattr(sketch, "hashfunc", sha1_hash32)
    for what, has, wants in (
        ("scheme", getattr(sketch, "scheme", "legacy"), SCHEME),
        ("seed", getattr(sketch, "seed", None), SEED),
        ("num_perm", values.size, PERMUTATIONS),
        ("hashfunc", getattr(function, "__name__", "unnamed"), sha1_hash32.__name__),
    ):
        if has != wants:
            msg = f"a MinHash with {what} {has}, want {wants} for {MINHASH.name}"
            raise InvalidInputError(msg, field="fingerprint")
    if (values == np.iinfo(np.uint32).max).all():
        msg = "an empty MinHash: it was fed no shingle"
        raise UnusableContentError(msg, field="fingerprint")
    return Fingerprint(MINHASH, values.astype(">u4").tobytes())
