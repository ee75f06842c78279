"""Withheld or invented: compares attested answers with the log, each at the position that it attests.

The audit makes an index of its own from the leaves and their private parts, answers each kept request again
at its position, and compares. So it proves, of an answer that an attestation key has signed:

- an entry that stood and was within the distance is not in it (withheld), as far as filter and limit allow;
- an entry in it did not stand, is not as the filter asks or not so near (invented), or is reported otherwise;
- it says that there may be more, though the search had not reached its bounds;
- it names another document than the policy's as what explains the labels, or says that it is a copy's;
- it was out of date: a member's statement behind its position was signed over an hour before it was given;
- it is of another tree than the log's, or of more leaves than the log has now.

What an index may miss is not held against a server: a minhash/1 that is not equal, and winnow/1 and parts/1
once a search has reached its bound on work.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from hashpact.audit.answers.included import entry_bundle
from hashpact.audit.deriving.fold import Fold, Folded
from hashpact.audit.findings import MAX_FINDINGS, Finding
from hashpact.domain import standing
from hashpact.domain.attestation import Attestation, AttestedAnswer, check_signed
from hashpact.domain.checks import MAX_LIMIT, Answer, Check, Match
from hashpact.domain.fingerprints import TYPES, Fingerprint, Measure, PrivatePart, commitment, parse_private
from hashpact.domain.kinds import ADMIN
from hashpact.domain.messages import LeafDetail
from hashpact.domain.ports import Log
from hashpact.domain.state import Basis, View
from hashpact.errors import CorruptError, HashpactError, InvalidInputError, LogKeyError, ProofError
from hashpact.log.note import Note
from hashpact.lookup.catalog import EntryCatalog
from hashpact.lookup.native import NativeIndex
from hashpact.member.trusting.answers import AnswerStore
from hashpact.service.attest.past import checker_at
from hashpact.service.check import BUDGET, Checker
from hashpact.service.follow import item_ids
from hashpact.wire import attested as wire

TOPIC: Final = "answer"
_LATE: Final = 3600
"""Seconds by which an answer may be older than the next statement of a member. Two clocks are in it, of which
each may be 10 minutes wrong, and what a server needs to take in a leaf."""
_NO_NONCE: Final = bytes(32)
_EXACT: Final = frozenset({Measure.HAMMING, Measure.EQUALITY})
"""Measures of which an index finds everything, unless a query is near more items than it may consider."""
_REPORTED: Final = (
    *("labels", "basis", "jurisdictions", "member", "endorsed_by", "disputed_by", "shared_at", "disowned"),
    *("unconfirmed", "quarantined"),
)
"""What a match says of its entry."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A kept answer: its file, what is attested, and the check and the answer as they were read."""

    file: str
    data: bytes
    note: Note
    stated: Attestation
    check: Check
    answer: Answer

    def finding(self, message: str, index: int) -> Finding:
        """What is wrong with it. The evidence has the attestation alone: the file has what was checked."""
        return Finding(TOPIC, index, f"{self.file}: {message}", {f"{self.file}.attestation": self.data})


class AnswerAudit:
    """Compares kept answers while an audit folds the log. ``compared`` is how many so far.

    A ``copy`` of the log gives private parts, and the proof that an entry is in the log. Answers at positions
    that the copy has not reached are no findings: a copy may be behind.
    """

    def __init__(self, kept: Iterable[tuple[Path, AttestedAnswer]], copy: Log | None = None) -> None:
        self._copy = copy
        self._waiting: dict[int, list[_Kept]] = defaultdict(list)
        self._unreadable: list[Finding] = []
        for path, attested in kept:
            try:
                one = _read(path.name, attested)
            except HashpactError as error:
                self._unreadable.append(Finding(TOPIC, None, f"{path.name}: {error.message}"))
            else:
                self._waiting[one.stated.position].append(one)
        self._last = max(self._waiting, default=0)
        self._compared: list[_Kept] = []  # with no member's statement behind their positions yet
        self._index = NativeIndex()
        self._indexed: dict[int, tuple[Fingerprint, ...]] = {}
        self._stale = False
        self._private: dict[int, Sequence[bytes]] = {}
        self.found: list[Finding] = []
        self.compared = 0

    @classmethod
    def of(cls, store: AnswerStore, copy: Log | None = None) -> AnswerAudit:
        """Of all answers that are kept there. Raises ConfigError, and ProofError for a file that is none."""
        return cls(store.answers(), copy)

    @property
    def ahead(self) -> int:
        """How many attest positions that were not folded."""
        return sum(map(len, self._waiting.values()))

    def take(self, given: LeafDetail) -> None:
        """Take what a source has given of a leaf, which is folded later."""
        if given.index < self._last and given.private:
            self._private[given.index] = given.private

    def seen(self, fold: Fold) -> Callable[[Folded], None]:
        """What is called with each leaf once it is folded: an `Auditor`'s ``seen``."""
        return lambda leaf: self.found.extend(islice(self._leaf(leaf, fold), MAX_FINDINGS - len(self.found)))

    def _leaf(self, leaf: Folded, fold: Fold) -> Iterator[Finding]:
        """Take in a leaf, and compare the answers of the position after it."""
        index, size, state = leaf.index, leaf.index + 1, fold.file.state
        statement = leaf.judged.statement
        if self._compared and statement is not None and statement.member != ADMIN:
            yield from _late(self._compared, index, statement.time)
            self._compared = []
        if size > self._last:
            return
        private = self._given(index)
        if state.entry(index) is None or statement is None:
            self._stale = True
        elif tuple(map(commitment, private)) == statement.body.commitments():
            self._indexed[index] = tuple(parse_private(part).fingerprint for part in private)
            self._add(index, state)
        else:
            yield Finding("private", index, f"the private parts of entry {index} are held back, or altered")
        if size in self._waiting:
            self._place(state)
            for kept in self._waiting.pop(size):
                self.compared += 1
                self._compared.append(kept)
                for entry, message in self._wrong(kept, state, fold.root):
                    yield self._proved(kept.finding(message, index if entry is None else entry), entry, size)

    def _given(self, index: int) -> Sequence[bytes]:
        """The private parts of an entry, as they were given."""
        if self._copy is None:
            return self._private.pop(index, ())
        try:
            return next(self._copy.private(index, index + 1), (index, ()))[1]
        except CorruptError:  # which is a finding, as if they were held back
            return ()

    def _proved(self, finding: Finding, entry: int | None, position: int) -> Finding:
        """With the proof, if there is one, that the log has the entry which it is about."""
        shown = None
        if self._copy is not None and entry is not None:
            shown = entry_bundle(self._copy, entry, position)
        if shown is None:
            return finding
        return replace(finding, evidence={**finding.evidence, f"entry-{entry}.bundle": shown})

    def end(self, size: int) -> Iterator[Finding]:
        """All that is wrong, once ``size`` leaves are folded; last what could not be compared."""
        yield from self.found
        yield from self._unreadable
        for position, some in () if self._copy is not None else sorted(self._waiting.items()):
            for kept in some:
                message = f"attests position {position}, and the log has {size} leaves: leaves were dropped"
                yield kept.finding(message, size - 1)

    def _add(self, entry: int, state: View) -> None:
        record = state.entry(entry)
        benign = record is not None and record.basis is Basis.BENIGN
        self._index.add(zip(item_ids(entry), self._indexed[entry], strict=False), benign=benign)

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, Sequence[bytes]]]:
        """The private parts of those entries of which they are known, with other nonces."""
        for entry in range(start, stop):
            if entry in self._indexed:
                yield entry, [PrivatePart(one, _NO_NONCE).text() for one in self._indexed[entry]]

    def _place(self, state: View) -> None:
        """Have the index find the entries that stand in a state, and no others."""
        if not self._stale:
            return
        self._stale = False
        for entry, fingerprints in self._indexed.items():
            record, ids = state.entry(entry), item_ids(entry, len(fingerprints))
            stands = record is not None and standing.entry_stands(state, record)
            if stands and not self._index.holds(ids):
                self._add(entry, state)
            elif not stands:
                self._index.remove(ids)

    def _wrong(self, kept: _Kept, state: View, root: bytes) -> Iterator[tuple[int | None, str]]:
        """What is wrong with an answer, each with the entry that it is about; at the attested position."""
        charter, stated = state.charter(), kept.stated
        if charter is None or stated.origin != charter.origin:
            yield None, f"an attestation of the log {stated.origin!r}"
            return
        try:
            check_signed(kept.note, stated.origin, charter.attestation_keys)
        except (LogKeyError, ProofError) as error:
            yield None, f"proves nothing at position {stated.position}: {error.message}"
            return
        if stated.root != root:
            yield None, f"attests another tree of {stated.position} leaves than the log's: two histories"
            return
        if kept.answer.position != stated.position or stated.position < kept.check.min_position:
            yield None, f"is an answer at position {kept.answer.position}, and attests {stated.position}"
            return
        if kept.answer.matches and kept.answer.texts != charter.terms.texts:
            yield None, "names another document than the policy's as what explains the labels"
        if kept.answer.lag is not None:
            yield None, "says that it is from a copy of the log"
        checker = checker_at(state, stated.position, self._index, EntryCatalog, self._parts)
        try:
            expected = checker.check(kept.check)
        except InvalidInputError as error:
            yield None, f"answers a check that cannot be answered at that position: {error.message}"
            return
        if (expected.matches, expected.truncated) != (kept.answer.matches, kept.answer.truncated):
            yield from self._differences(kept, checker, state, expected)

    def _differences(
        self, kept: _Kept, checker: Checker, state: View, expected: Answer
    ) -> Iterator[tuple[int | None, str]]:
        check, answer = kept.check, kept.answer
        whole = checker.check(replace(check, limit=MAX_LIMIT))
        there = {(match.entry, match.type): match for match in whole.matches}
        given = {(match.entry, match.type): match for match in answer.matches}
        yield from ((None, wrong) for wrong in _misshapen(check, answer, len(given)))
        for match in answer.matches:
            found = there.get((match.entry, match.type))
            if found is not None:
                wrong = _unlike(match, found) or self._elsewhere(match, found, check, checker)
            elif whole.truncated and TYPES[match.type].measure not in _EXACT:
                continue  # another search may have found what this one's bound on work left out
            else:
                wrong = self._invented(match, check, state)
            if wrong:
                yield match.entry, f"entry {match.entry} by {match.type}: {wrong}"
        crowded = self._crowded(check)
        if answer.truncated and not expected.truncated and not crowded and _is_exact(check):
            yield None, "says that there may be further matches, and the search had found all"
        furthest = max(map(_order, answer.matches), default=(0.0, 0))
        full = len(answer.matches) >= check.limit
        for match in whole.matches:
            if (match.entry, match.type) in given or (full and _order(match) >= furthest):
                continue
            if _is_sure(match) and not (crowded if match.measure in _EXACT else whole.truncated):
                yield match.entry, f"withholds entry {match.entry}, which stood and is near by {match.type}"

    @staticmethod
    def _elsewhere(match: Match, found: Match, check: Check, checker: Checker) -> str:
        """Whether a match is reported as another query's: several queries may be as near."""
        if match.query == found.query:
            return ""
        one = replace(check, queries=(check.queries[match.query],), limit=MAX_LIMIT)
        answer = checker.check(one)
        near = [each.score for each in answer.matches if each.entry == match.entry]
        missed = not near and match.measure not in _EXACT
        if not missed and near[:1] != [match.score]:
            return f"is near query {found.query}, and reported as near query {match.query}"
        return ""

    def _crowded(self, check: Check) -> bool:
        """Whether a query is near as many items as it may consider, so that an answer may lack some."""
        share = BUDGET // len(check.queries)
        exact = (one for one in check.queries if one.fingerprint.type.measure in _EXACT)
        return any(len(self._index.search(one.fingerprint, one.within(), share)) >= share for one in exact)

    def _invented(self, match: Match, check: Check, state: View) -> str:
        """Why a match that the index does not give is wrong; empty if it may miss it, and it is right."""
        entry = state.entry(match.entry)
        if entry is None:
            return "there is no such entry at that position: invented"
        if not standing.entry_stands(state, entry):
            return "the entry did not stand at that position: invented"
        if match.entry not in self._indexed:
            return ""  # its private parts are held back, which is reported
        if TYPES[match.type].is_set:
            return "the entry is not so near, or not one that the filter keeps: invented"
        mine = NativeIndex()  # so few items are compared one by one: nothing is missed
        mine.add(
            zip(item_ids(entry.index), self._indexed[entry.index], strict=False),
            benign=entry.basis is Basis.BENIGN,
        )
        found = checker_at(state, match.entry + 1, mine, EntryCatalog, self._parts).check(
            replace(check, limit=MAX_LIMIT, min_position=0)
        )
        near = {one.type: one for one in found.matches}.get(match.type)
        if near is None:
            return "the entry is not so near, or not one that the filter keeps: invented"
        return _unlike(match, near)


def _read(file: str, attested: AttestedAnswer) -> _Kept:
    """A kept answer, read. Raises InvalidInputError or ProofError."""
    parsed, stated = attested.opened()
    return _Kept(file, attested.note, parsed, stated, *wire.read(attested))


def _late(answers: Iterable[_Kept], index: int, signed: int) -> Iterator[Finding]:
    """Those answers that were given long after the next statement, the leaf ``index``, was signed."""
    for kept in answers:
        late = kept.stated.time - signed
        if late > _LATE:
            position = kept.stated.position
            message = f"out of date: attests position {position} {late} s after leaf {index} was signed"
            yield kept.finding(message, index)


def _misshapen(check: Check, answer: Answer, different: int) -> Iterator[str]:
    """What is wrong with the list of matches, of which so many are of ``different`` entries or types."""
    if different != len(answer.matches) or different > check.limit:
        yield "names an entry twice by one type, or more matches than were asked for"
    if list(map(_order, answer.matches)) != sorted(map(_order, answer.matches)):
        yield "does not name the nearest match first"


def _unlike(given: Match, found: Match) -> str:
    """What a match reports otherwise than the log has it; empty if nothing."""
    wrong = [name for name in _REPORTED if getattr(given, name) != getattr(found, name)]
    if given.measure in _EXACT and given.benign != found.benign:
        wrong.append("benign")
    if given.contradicted != found.contradicted:
        wrong.append("contradicted")
    if not math.isclose(given.score, found.score, rel_tol=1e-9):
        wrong.append("score")
    return f"reported with another {', '.join(wrong)}" if wrong else ""


def _is_exact(check: Check) -> bool:
    return all(query.fingerprint.type.measure in _EXACT for query in check.queries)


def _is_sure(match: Match) -> bool:
    """Whether an index finds such a match for certain. Of texts by minhash/1 it does those that are equal."""
    return match.measure is not Measure.JACCARD or match.score == 1


def _order(match: Match) -> tuple[float, int]:
    """The order of an answer: the nearest first, then by entry."""
    return TYPES[match.type].remoteness(match.score), match.entry
