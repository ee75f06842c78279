"""The front door: a file or a text to all of its fingerprints.

    a picture   pdq/1, phash/1, sha256/1, md5/1
    a text      minhash/1, winnow/1, sha256/1, md5/1; a short one folded/1 too, with a log's key
    a picture whose text is read   those of a picture, and the perceptual ones of that text
    other       sha256/1, md5/1
    any         sha1/1 and sha512/1, if they are asked for

Importing this module is cheap; what a kind of content needs is imported when the first of that kind comes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from hashpact.domain.checks import Query
from hashpact.domain.fingerprints import (
    FOLDED,
    MD5,
    MINHASH,
    PDQ,
    PHASH,
    SHA1,
    SHA256,
    SHA512,
    WINNOW,
    Fingerprint,
    FingerprintType,
    Measure,
    type_named,
)
from hashpact.domain.matching.views import PictureView, views_named
from hashpact.errors import InvalidInputError, UnusableContentError, UnusableFingerprintError
from hashpact.fingerprint import text as texts
from hashpact.fingerprint.exact import exact
from hashpact.fingerprint.reading.encodings import Decoded, decoded
from hashpact.fingerprint.sniff import HEAD_BYTES, Kind, is_nearly_text, kind_of, unread_format
from hashpact.fingerprint.source import Content, name_of, opened, size_of
from hashpact.fingerprint.winnowing import winnow

if TYPE_CHECKING:
    from PIL.Image import Image

    from hashpact.fingerprint.images import Picture
    from hashpact.fingerprint.views.shown import Seen

_TYPES: Final = {
    Kind.PICTURE: (PDQ, PHASH, SHA256, MD5),
    Kind.TEXT: (MINHASH, WINNOW, FOLDED, SHA256, MD5),
    Kind.OTHER: (SHA256, MD5),
}
ASKED_FOR: Final = (SHA1, SHA512)
"""Types that are made only if they are asked for: of the same bytes they find nothing that sha256/1 does not,
unless a list has nothing else."""
_OF_TEXT: Final[dict[FingerprintType, Callable[[str, bytes], Fingerprint]]] = {
    MINHASH: lambda text, _: texts.minhash(text),
    WINNOW: lambda text, _: winnow(text),
    FOLDED: texts.folded,
}
"""The perceptual types of a text, and how each is made of it and the key of a log."""
_EXACT_ONLY: Final = (
    f"only {SHA256.name} and {MD5.name} are made, which find the same bytes and no altered copy"
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is wanted of content: these types or all, these views, and what is read in a picture.

    ``key`` is that of a log.
    """

    types: tuple[FingerprintType, ...] | None
    key: bytes | None
    views: frozenset[PictureView] = frozenset()
    ocr: bool = False

    def of(self, kind: Kind) -> tuple[FingerprintType, ...]:
        """The types to make of content of that kind. Raises InvalidInputError for one that it cannot have."""
        all_of_them = _TYPES[kind]
        if self.ocr and kind is Kind.PICTURE:
            all_of_them = tuple(dict.fromkeys((*all_of_them[:2], *_OF_TEXT, *all_of_them[2:])))
        return all_of_them if self.types is None else _chosen(self.types, kind, (*all_of_them, *ASKED_FOR))


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """What came of one file or text.

    ``fingerprints`` has one of each type, perceptual ones first; of a picture with transparency also those of
    what is seen of it over white, if they are others. ``refused`` pairs the name of a type with why this
    content cannot have it. ``kind`` is what the content was read as. ``queries`` are what to check with,
    never to share: the fingerprints, and those of the views that were asked for. ``warnings`` name content
    that could not be read as what its first bytes or its name say, and texts that were read otherwise than as
    plain UTF-8.
    """

    fingerprints: tuple[Fingerprint, ...]
    refused: tuple[tuple[str, str], ...]
    kind: Kind
    queries: tuple[Query, ...] = ()
    warnings: tuple[str, ...] = ()


def fingerprints_of(
    content: Content,
    types: Sequence[str] | None = None,
    *,
    views: Collection[PictureView | str] = (),
    key: bytes | None = None,
    ocr: bool = False,
) -> Fingerprinted:
    """The fingerprints of a file or of bytes: of those ``types``, or of all that its kind has.

    ``content`` is a path, the bytes themselves, or a file that is open in binary mode, as `source.opened`
    takes them.

    With ``views``, a picture's ``queries`` are also of these views, from the same decoding: `DERIVED` are all
    that there are. A picture whose fingerprints are refused because it has too little structure may still
    have queries.

    With ``key``, the pinned hash of a log's genesis statement, a short text has folded/1 too.

    With ``ocr``, the text in a picture is read, and its fingerprints come with the picture's own; a picture
    without text has none. This needs the program tesseract.

    The content decides the kind: a picture by its signature, a text by what `encodings` can read. Memory is
    bounded by the limits of ``images`` and ``text``, not by the size of the file.
    A perceptual type that this content cannot have, because a text is short or a picture flat, is in
    ``refused``; the exact types remain.

    Raises, with one line that begins with the file's name:
    UnusableContentError, for a file that is missing, unreadable, empty or not a regular file; for a
    picture or a text that is damaged or outside the limits; and if every type that was asked for was
    refused. InvalidInputError, for a type that this kind of content cannot have; and,
    before the file is looked at, for a type or a view that is unknown. ConfigError if tesseract, or a
    language of it, is needed and not installed.
    """
    wish = _Wish(_wanted(types, key), key, views_named(views), ocr)
    try:
        with opened(content) as file:
            return _read(file, name_of(content), wish)
    except UnusableContentError as exc:
        msg = f"{name_of(content)}: {exc.message}"
        raise UnusableContentError(msg, **exc.details) from exc
    except InvalidInputError as exc:
        msg = f"{name_of(content)}: {exc.message}"
        raise InvalidInputError(msg, **exc.details) from exc
    except OSError as exc:
        msg = f"{name_of(content)}: cannot be read: {exc.strerror or exc}"
        raise UnusableContentError(msg, field="content") from exc


def fingerprints_of_text(
    text: str, types: Sequence[str] | None = None, *, key: bytes | None = None
) -> Fingerprinted:
    """The fingerprints of ``text``: what ``fingerprints_of`` gives for a file of its UTF-8 bytes.

    Raises UnusableContentError for a text that is empty, over the limit, has lone surrogates or too few
    shingles; InvalidInputError for a type that is unknown or that a text cannot have.
    """
    wanted = _Wish(_wanted(types, key), key).of(Kind.TEXT)
    if not text:
        msg = "the text is empty"
        raise UnusableContentError(msg, field="content")
    texts.check_length(text)
    first, refused = _of_text(text, wanted, key, asked=types is not None)
    return _whole((*first, *exact(io.BytesIO(text.encode()), wanted)), refused, Kind.TEXT)


def _read(file: BinaryIO, name: str, wish: _Wish) -> Fingerprinted:
    head = file.read(HEAD_BYTES)
    if not head:
        msg = "the file is empty"
        raise UnusableContentError(msg, field="content")
    size = size_of(file)
    kind = kind_of(head)
    chosen = wish.of(kind)
    found: list[Fingerprint] = []
    derived: tuple[Query, ...] = ()
    refused: list[tuple[str, str]] = []
    warnings: list[str] = []
    perceptual = [each.name for each in chosen if each in _OF_TEXT]
    if kind is Kind.PICTURE and (perceptual or PDQ in chosen or PHASH in chosen):
        found, refused, derived, page = _of_picture(file, size, chosen, wish.views, ocr=bool(perceptual))
        if page is not None:
            in_it, without, remark = _of_page(page, chosen, wish)
            found, refused = [*found, *in_it], [*refused, *without]
            derived = (*derived, *map(Query, in_it)) if derived else ()
            warnings += [remark] if remark else []
    if kind is Kind.TEXT and perceptual:
        text = _text(file, size)
        if text is not None:
            found, refused = _of_text(text.text, chosen, wish.key, asked=wish.types is not None)
            warnings += [text.remark] if text.remark else []
        elif wish.types is None:
            kind = Kind.OTHER
        else:
            msg = f"no {' and no '.join(perceptual)}: a text only at first"
            raise UnusableContentError(msg, field="content")
    if kind is Kind.OTHER:
        seems = unread_format(head, name.strip("'\""))
        if seems is None and is_nearly_text(head):
            seems = "a text in an encoding that is not recognised, which is not read"
        warnings += [] if seems is None else [f"seems to be {seems}: {_EXACT_ONLY}"]
    file.seek(0)
    return _whole((*found, *exact(file, chosen)), refused, kind, derived, tuple(warnings))


def _whole(
    found: tuple[Fingerprint, ...],
    refused: list[tuple[str, str]],
    kind: Kind,
    derived: tuple[Query, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Fingerprinted:
    """The result. Raises UnusableContentError if every type was refused and there is nothing to check."""
    # The content itself is among what was derived, in a form that more can be found by.
    others = (each for each in found if not derived or each.type.measure is Measure.EQUALITY)
    queries = (*derived, *map(Query, others))
    if not found and not derived:
        msg = "; ".join(reason for _, reason in refused)
        raise UnusableContentError(msg, field="content")
    return Fingerprinted(found, tuple(refused), kind, queries, warnings)


def _of_text(
    text: str, chosen: tuple[FingerprintType, ...], key: bytes | None, *, asked: bool
) -> tuple[list[Fingerprint], list[tuple[str, str]]]:
    """The perceptual fingerprints of a text, and why it has none of the others.

    folded/1 is for few texts, so that its refusal is named only if it was asked for.
    """
    found: list[Fingerprint] = []
    refused: list[tuple[str, str]] = []
    for kind, recipe in _OF_TEXT.items():
        if kind in chosen and not (kind is FOLDED and key is None):
            try:
                found.append(recipe(text, key or b""))
            except UnusableContentError as exc:
                refused += [(kind.name, exc.message)] if asked or kind is not FOLDED else []
    return found, refused


def _of_page(
    page: Image, chosen: tuple[FingerprintType, ...], wish: _Wish
) -> tuple[list[Fingerprint], list[tuple[str, str]], str]:
    """The fingerprints of what is written in a picture, why it has none of others, and a warning."""
    from hashpact.fingerprint.reading import ocr  # seldom asked for

    words = ocr.words(page)
    if wish.types is None:
        # In most pictures there is no more than a stray letter, which is nothing to be reported.
        return _of_text(words.text, chosen, wish.key, asked=False)[0], [], words.remark
    if not words.text:
        reason = words.remark or "no text was found in the picture"
        return [], [(each.name, reason) for each in chosen if each in _OF_TEXT], ""
    return *_of_text(words.text, chosen, wish.key, asked=True), ""


def _of_picture(
    file: BinaryIO,
    size: int,
    chosen: tuple[FingerprintType, ...],
    views: frozenset[PictureView],
    *,
    ocr: bool,
) -> tuple[list[Fingerprint], list[tuple[str, str]], tuple[Query, ...], Image | None]:
    """What is made of a picture's pixels; with ``ocr`` also the page to be read, once they are forgotten."""
    from hashpact.fingerprint import images

    picture = images.decode(file, size)

    from hashpact.fingerprint import perceptual  # numpy, once decoders are done

    reduced = perceptual.reduced(picture)
    on_white = perceptual.reduced(picture.over(images.WHITE)) if picture.transparent else None
    seen = _seen(picture, file, size, views) if views else None
    page = _page(picture) if ocr else None
    # A picture is large, and phash needs memory, too.
    del picture
    found: list[Fingerprint] = []
    refused: list[tuple[str, str]] = []
    recipes = [each for each in ((PDQ, perceptual.pdq), (PHASH, perceptual.phash)) if each[0] in chosen]
    for kind, recipe in recipes:
        try:
            found.append(recipe(reduced))
        except UnusableFingerprintError as exc:
            refused.append((kind.name, exc.message))
    if on_white is not None:
        known = {each.value for each in found}
        for _, recipe in recipes:
            with suppress(UnusableFingerprintError):
                made = recipe(on_white)
                found += [made] if made.value not in known else []
    if seen is None:
        return found, refused, (), page

    from hashpact.fingerprint.views import derive  # not needed for sharing

    queries = derive.derived(seen, reduced, {PictureView.WHOLE, *views})
    return found, refused, tuple(each for each in queries if each.fingerprint.type in chosen), page


def _page(picture: Picture) -> Image:
    from hashpact.fingerprint.reading import ocr  # seldom asked for

    return ocr.legible(picture)


def _seen(picture: Picture, file: BinaryIO, size: int, views: frozenset[PictureView]) -> Seen:
    from hashpact.fingerprint import images
    from hashpact.fingerprint.views import shown  # not needed for sharing

    moving = picture.moving and PictureView.FRAME in views
    return shown.seen(picture, images.other_frame(file, size) if moving else None)


def _text(file: BinaryIO, size: int) -> Decoded | None:
    """The whole of ``file`` as text, or None if it is none after all.

    Raises UnusableContentError if it is too long, without reading it.
    """
    if size <= texts.MAX_BYTES:
        file.seek(0)
        whole = file.read(texts.MAX_BYTES + 1)
        # The file may have grown since it was opened.
        size = len(whole)
        if size <= texts.MAX_BYTES:
            return decoded(whole)
    msg = f"{texts.too_long(size)}; {SHA256.name} and {MD5.name} can still be asked for"
    raise UnusableContentError(msg, field="content")


def _wanted(types: Sequence[str] | None, key: bytes | None) -> tuple[FingerprintType, ...] | None:
    if types is None:
        return None
    if isinstance(types, str) or not types:
        msg = "types must be a sequence of one or more names of fingerprint types"
        raise InvalidInputError(msg, field="types")
    wanted = tuple(map(type_named, types))
    if FOLDED in wanted and key is None:
        msg = f"{FOLDED.name} needs the key of a log: give the pinned hash of its genesis statement"
        raise InvalidInputError(msg, field="types")
    return wanted


def _chosen(
    wanted: tuple[FingerprintType, ...], kind: Kind, possible: tuple[FingerprintType, ...]
) -> tuple[FingerprintType, ...]:
    wrong = [each.name for each in wanted if each not in possible]
    if wrong:
        what = "neither a picture nor a text that can be read" if kind is Kind.OTHER else f"a {kind.value}"
        names = ", ".join(each.name for each in possible)
        msg = f"no {', '.join(wrong)}: the content is {what}, which can have {names}"
        raise InvalidInputError(msg, field="types")
    return wanted
