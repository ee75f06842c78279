"""What a caller chooses for a check."""

from __future__ import annotations

import enum
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypedDict

from hashpact.domain.checks import DEFAULT_LIMIT, MAX_LIMIT, Check, Filter, Query, check_bounds
from hashpact.domain.fingerprints import FingerprintType, type_named
from hashpact.domain.matching.strength import Strength
from hashpact.domain.matching.views import DERIVED, PictureView, views_named
from hashpact.errors import InvalidInputError
from hashpact.fingerprint.content import ASKED_FOR, Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.fingerprint.exact import exact
from hashpact.fingerprint.source import Content, is_stream, opened
from hashpact.member.author import chosen
from hashpact.member.trusting.answers import AnswerStore
from hashpact.wire.codec import EVERYTHING


class OnUnavailable(enum.StrEnum):
    """What a check ends with if the server does not answer in time: a result that says so, or an error."""

    OPEN = "open"
    CLOSED = "closed"


class CheckOptions(TypedDict, total=False):
    """What narrows a check.

    ``filter`` keeps some entries. ``limit`` is the most matches: by default 20 of a check or a piece of
    content, and 4 of each fingerprint of many. ``min_position``, the tree_size of a receipt, makes the answer
    reflect that statement. By default it is the largest tree_size of the receipts that this client got, so
    that the answer reflects the client's own statements; 0 takes the server's index as it is. Matches weaker
    than ``strength``, by default possible, are left out. ``on_unavailable`` is used instead of the client's.

    ``attest`` asks for an answer that the clearinghouse has signed, which `check` and the checks of content
    verify: `Answer.attestation`. ``keep`` asks for it too, and says where it is kept, encrypted: a directory,
    or an `AnswerStore`, such as the profile's own, ``AnswerStore.of(client.profile)``.

    ``reference`` is the caller's name for the upload, at most 64 bytes of UTF-8: a `Mirror` with a window
    keeps it, encrypted, and repeats it in a retroactive match. It names one upload. A client sends
    it only where nobody but a mirror can answer, at a Unix socket or with a certificate of the mirror's own
    authority, and otherwise refuses it.
    """

    filter: Filter
    limit: int
    min_position: int
    strength: Strength | str
    on_unavailable: OnUnavailable | str | None
    attest: bool
    keep: AnswerStore | Path | str | None
    reference: str


class ContentOptions(CheckOptions, total=False):
    """What narrows a check of content, and what of the content is looked for.

    ``types``, ``views`` and ``ocr`` are those of `hashpact.fingerprints_of`: by default all types, and all
    views of a picture, in which no text is read. ``queries`` is given the content and what was made of it,
    and returns what to look for instead of its ``queries``: with other thresholds, say.
    """

    types: Sequence[str] | None
    views: Collection[PictureView | str]
    ocr: bool
    queries: Callable[[Content, Fingerprinted], Iterable[Query]]


@dataclass(frozen=True, slots=True)
class CheckTerms:
    """The options of a check, complete. ``passes``: a result takes the place of UnavailableError."""

    filter: Filter
    limit: int
    min_position: int
    least: Strength
    passes: bool
    attest: bool = False
    keep: AnswerStore | None = None
    reference: str = ""

    @classmethod
    def of(
        cls,
        options: CheckOptions,
        choice: OnUnavailable,
        since: int,
        limit: int = DEFAULT_LIMIT,
        most: int = MAX_LIMIT,
    ) -> Self:
        """Complete ``options`` with a client's ``choice`` and the position ``since`` which it checks.

        Raises InvalidInputError for an unknown word, for a limit over ``most``, and for a negative position.
        """
        given = options.get("on_unavailable")
        if given is not None:
            choice = chosen(OnUnavailable, given, "on_unavailable")
        limit, position = options.get("limit", limit), options.get("min_position", since)
        check_bounds(limit, most, position)
        return cls(
            options.get("filter", EVERYTHING),
            limit,
            position,
            chosen(Strength, options.get("strength", Strength.POSSIBLE), "strength"),
            choice is OnUnavailable.OPEN,
            options.get("attest", False) or options.get("keep") is not None,
            _store_of(options.get("keep")),
            options.get("reference", ""),
        )

    def check(self, queries: tuple[Query, ...]) -> Check:
        """The check of these queries. Raises InvalidInputError."""
        return Check(queries, self.filter, self.limit, self.min_position, self.reference)


@dataclass(frozen=True, slots=True)
class ReadContent:
    """Content that was read, what was made of it, and what is looked for; ``local`` in private lists only.

    ``agreeing`` is whether matches must agree.
    """

    content: Content
    made: Fingerprinted
    queries: tuple[Query, ...]
    agreeing: bool = False
    local: tuple[Query, ...] = ()

    @property
    def packable(self) -> bool:
        """Whether a batch can have it: sets are work for a check of their own, and so is what must agree."""
        return not self.agreeing and not any(query.fingerprint.type.is_set for query in self.queries)


@dataclass(frozen=True, slots=True)
class Reading:
    """How content is read. ``key`` is the pinned hash of the log's genesis, for folded/1.

    ``held`` are the types that private lists have: exact ones are made too, and are looked for there only.

    Raises InvalidInputError for a type or a view that is unknown, which would be wrong of every content.
    """

    key: bytes
    options: ContentOptions
    held: Callable[[], Collection[FingerprintType]] = tuple

    def __post_init__(self) -> None:
        """Look at the names."""
        for name in self.options.get("types") or ():
            type_named(name)
        views_named(self.options.get("views", ()))

    def file(self, content: Content) -> ReadContent:
        """A file, or bytes. Raises as `fingerprints_of`."""
        if not (held := self._only_held()):
            return self._of(content, self._made(content))
        with opened(content) as file:  # a pipe is read once
            again = file if is_stream(content) else content
            read = self._of(content, self._made(again))
            file.seek(0)
            return replace(read, local=tuple(map(Query, exact(file, held))))

    def _made(self, content: Content) -> Fingerprinted:
        types, views = self.options.get("types"), self.options.get("views", DERIVED)
        return fingerprints_of(content, types, views=views, key=self.key, ocr=self.options.get("ocr", False))

    def _only_held(self) -> tuple[FingerprintType, ...]:
        """The exact types that nobody has asked for, and that a private list has values of."""
        if self.options.get("types") is not None:
            return ()
        return tuple(kind for kind in self.held() if kind in ASKED_FOR)

    def bytes(self, data: object) -> ReadContent:
        """Bytes, and nothing else. Raises as `fingerprints_of`."""
        if not isinstance(data, bytes | bytearray | memoryview):
            msg = f"bytes are checked here, not {type(data).__name__}; check_file takes a path or a file"
            raise InvalidInputError(msg, field="data")
        return self.file(data)

    def text(self, text: str) -> ReadContent:
        """A text. Raises as `fingerprints_of_text`."""
        made = fingerprints_of_text(text, self.options.get("types"), key=self.key)
        data = text.encode()
        held = self._only_held()
        return replace(self._of(data, made), local=tuple(map(Query, exact(io.BytesIO(data), held))))

    def _of(self, content: Content, made: Fingerprinted) -> ReadContent:
        queries = self.options.get("queries")
        asked = made.queries if queries is None else tuple(queries(content, made))
        return ReadContent(content, made, asked, self.options.get("filter", EVERYTHING).agreeing)


def _store_of(keep: AnswerStore | Path | str | None) -> AnswerStore | None:
    return keep if keep is None or isinstance(keep, AnswerStore) else AnswerStore(Path(keep))


def refuse_attested(options: CheckOptions) -> None:
    """Raise InvalidInputError if an attestation is asked for, where there is none."""
    if options.get("attest") or options.get("keep") is not None:
        msg = "batches and streams are not attested; ask with check, or with the checks of content"
        raise InvalidInputError(msg, field="attest")


def refuse_reference(options: CheckOptions) -> None:
    """Raise InvalidInputError if a reference is given for more than one upload."""
    if options.get("reference"):
        msg = "a reference is of one upload; ask with check, or with the checks of one content"
        raise InvalidInputError(msg, field="reference")


def one_with_reference(contents: Iterable[Content], options: CheckOptions) -> Iterator[Content]:
    """The contents. Raises InvalidInputError at the second one if a reference is given."""
    for number, content in enumerate(contents):
        if number:
            refuse_reference(options)
        yield content


def check_names(options: CheckOptions, known: type[CheckOptions]) -> None:
    """Raise TypeError for an option that a method does not have, as Python does for other arguments."""
    for name in options:
        if name not in known.__annotations__:
            msg = f"unexpected option {name!r}; the options are {', '.join(known.__annotations__)}"
            raise TypeError(msg)
