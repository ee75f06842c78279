"""Pending: the signed statements that have no receipt yet, and a record of the content shared so far.

A statement is kept before it is sent and forgotten with its receipt, so that after a crash or a lost answer
the same bytes are sent again, which is safe, instead of newly signed ones. It is kept under its subject:
the content that is submitted, or the entry that it is about. docs/formats/home.md describes the files.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hashpact.domain import statements
from hashpact.domain.fingerprints import Fingerprint, commitment, parse_private
from hashpact.domain.grammar import Decimal
from hashpact.domain.kinds import GiveOpinion, Submit, Withdraw
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.messages import Submission
from hashpact.durable import alone, read_private, write_private
from hashpact.errors import ConfigError, MalformedError
from hashpact.member.paths import ProfilePaths

_MAX_FILE: Final = 8 * 1024 * 1024
"""Bytes of a pending file: a statement with 256 private parts of 12 KiB each, in base64, and a margin."""

_INDEX: Final = Decimal()
_DOCUMENT: Final = b"hashpact/document/v1\n"
"""The first line of a document in a pending file; its base64 follows."""


def subject_of(submission: Submission) -> str | None:
    """What a statement is about, as 64 hex digits; None for a kind that is not kept.

    Of a submission it is the SHA-256 of its fingerprints, whatever their order, labels and quality.
    """
    match statements.parse(submission.statement).statement.body:
        case Submit():
            return subject_of_content(parse_private(part).fingerprint for part in submission.private)
        case Withdraw(entry):
            return subject_of_entry(Withdraw, entry)
        case GiveOpinion(entry):
            return subject_of_entry(GiveOpinion, entry)
        case Filed() as filed:
            return _subject_of_filing(filed, submission.private)
        case _:
            return None


def subject_of_content(fingerprints: Iterable[Fingerprint]) -> str:
    """What a submission of these fingerprints is about."""
    shared = (each.shared() for each in fingerprints)
    return _digest("submit", *sorted({f"{each.type.name} {each.value.hex()}" for each in shared}))


def subject_of_entry(kind: type[Withdraw | GiveOpinion], entry: int) -> str:
    """What a statement of that kind about an entry is about."""
    return _digest(kind.kind, str(entry))


def _subject_of_filing(filed: Filed, private: Sequence[bytes]) -> str:
    """What a statement of the code of conduct is about: all that its author chose, but for the nonces."""
    hidden = {f"{name} {digest.hex()}" for digest in filed.commitments() for name in ("item", "words")}
    lines = [line for line in filed.write().splitlines() if line not in hidden]
    nonces = [line for part in private for line in part.decode("ascii").splitlines()]
    return _digest(filed.kind, *lines, *(line for line in nonces if not line.startswith("nonce ")))


def _digest(*lines: str) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def says_the_same(kept: Submission, fresh: Submission, *, removed: bool) -> bool:
    """Whether two statements of one subject differ in nothing that their author chose.

    ``removed`` is whether the author chose the time of the removal, or meant the moment of signing.
    """
    before, now = (statements.parse(each.statement).statement.body for each in (kept, fresh))
    if isinstance(before, Submit) and isinstance(now, Submit):
        before = replace(before, items=now.items, removed=before.removed if removed else now.removed)
    if isinstance(before, Filed):  # its subject is all that its author chose
        return True
    return before == now


@dataclass(frozen=True, slots=True)
class Outbox:
    """The pending statements of a profile and its record of shared content; several processes may use one.

    Raises ConfigError for files that cannot be read or written, and for one that is damaged.
    """

    paths: ProfilePaths

    def find(self, subject: str) -> Submission | None:
        """The pending statement of a subject."""
        path = self.paths.pending / subject
        return _parse(path) if os.path.exists(path) else None  # noqa: PTH110 - unlike Path's, it never raises

    def all(self) -> Iterator[tuple[str, Submission]]:
        """Every pending statement with its subject, the oldest first.

        One that another process finishes meanwhile is passed over.
        """
        if os.path.isdir(self.paths.pending):  # noqa: PTH112 - as above
            found = [path for path in self.paths.pending.iterdir() if not path.name.startswith(".")]
            for path in sorted(found, key=_written):
                try:
                    kept = _parse(path)
                except ConfigError:
                    if path.exists():
                        raise
                else:
                    yield path.name, kept

    def put(self, subject: str, fresh: Submission, known: tuple[int, ...]) -> bool:
        """Keep a statement that is about to be sent.

        False if another process was faster: it keeps one of this subject, or has shared more than ``known``.
        """
        self.paths.pending.mkdir(mode=0o700, exist_ok=True)
        with alone(self.paths.pending, wait=True):
            path = self.paths.pending / subject
            if path.exists() or self.shared(subject) != known:
                return False
            write_private(path, _data(fresh), replace=True)
            return True

    def exchange(self, subject: str, old: Submission, new: Submission) -> Submission | None:
        """Keep a statement in place of one that is not in the log and is too old for it.

        Returns the one to send: another process may have exchanged it first, or finished it (None).
        """
        with alone(self.paths.pending, wait=True):
            kept = self.find(subject)
            if kept is not None and kept.statement == old.statement:
                write_private(self.paths.pending / subject, _data(new), replace=True)
                return new
            return kept

    def forget(self, subject: str, done: Submission) -> None:
        """Remove a statement, unless another has taken its place."""
        if os.path.isdir(self.paths.pending):  # noqa: PTH112 - as above
            path = self.paths.pending / subject
            with alone(self.paths.pending, wait=True):
                if os.path.exists(path) and read_private(path, _MAX_FILE) == _data(done):  # noqa: PTH110 - as above
                    path.unlink()

    def shared(self, subject: str) -> tuple[int, ...]:
        """The entries by which this profile has shared some content, withdrawn or not, the oldest first."""
        directory = self.paths.shared / subject
        try:
            return tuple(sorted(map(_INDEX.read, os.listdir(directory))))  # noqa: PTH208 - unlike Path's, names
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise _damaged(directory) from error
        except OSError as error:
            msg = f"cannot read {directory}: {error.strerror}; check its owner and mode"
            raise ConfigError(msg) from error

    def entries(self) -> tuple[int, ...]:
        """Every entry that this profile has shared, withdrawn or not, in order."""
        subjects = os.listdir(self.paths.shared) if os.path.isdir(self.paths.shared) else ()  # noqa: PTH112, PTH208 - as above
        return tuple(sorted({entry for subject in subjects for entry in self.shared(subject)}))

    def record(self, subject: str, entry: int) -> None:
        """Remember that an entry is of some content.

        Nothing is synced: file systems keep the order of names, and the pending statement is removed later.
        """
        directory = self.paths.shared / subject
        self.paths.shared.mkdir(mode=0o700, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        (directory / _INDEX.write(entry)).touch(0o600)


def _data(submission: Submission) -> bytes:
    """The statement, its private parts and documents, each after an empty line; within they have none."""
    documents = [_DOCUMENT + base64.b64encode(document) + b"\n" for document in submission.documents]
    return b"\n".join([submission.statement, *submission.private, *documents])


def _written(path: Path) -> int:
    """When a file was written, in ns; 0 if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _parse(path: Path) -> Submission:
    data = read_private(path, _MAX_FILE)
    text, _, rest = data.partition(b"\n\n")
    signatures, *parts = rest.removesuffix(b"\n").split(b"\n\n")
    private = tuple(part + b"\n" for part in parts if not part.startswith(_DOCUMENT))
    try:
        documents = [base64.b64decode(part[len(_DOCUMENT) :]) for part in parts if part.startswith(_DOCUMENT)]
        kept = Submission(text + b"\n\n" + signatures + b"\n", private, tuple(documents))
        body = statements.parse(kept.statement).statement.body
    except (MalformedError, ValueError) as error:
        raise _damaged(path) from error
    if body.commitments() != tuple(map(commitment, kept.private)) or _data(kept) != data:
        raise _damaged(path)
    return kept


def _damaged(path: Path) -> ConfigError:
    return ConfigError(f"{path} is damaged; move it away, and look whether the log has what it was about")
