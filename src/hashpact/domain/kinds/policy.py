"""The policy: the labels that entries may have, and bounds that the server keeps. Rule 7."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from hashpact.domain.fingerprints import TYPES, Measure
from hashpact.domain.kinds.body import Body, Case, Signers, Touches, short
from hashpact.domain.kinds.lines import (
    ALLOWED,
    BENIGN_BY,
    CEILINGS,
    CLOCK_CLASSES,
    KEY_DELAY,
    MARK_BENIGN,
    PANEL,
    PRIORITIES,
    PRIVATE_QUOTA,
    QUORUM,
    QUOTAS,
    RATES,
    RATES_OF,
    TALLY_STEP,
    TAXONOMY,
    TEXTS,
    VERSION,
)
from hashpact.domain.state import Charter, ConductTerms, MatchTerms, Record
from hashpact.errors import ConflictError, MalformedError


@dataclass(frozen=True, slots=True)
class Policy(Body):
    """The labels that entries may have, how long a newly enrolled key waits, in seconds, and what is bounded.

    ``allowed`` are pairs of a fingerprint type that is opt-in and a label under which it may be shared.
    ``private_quota`` is how many private parts of others a member reads in a day, and ``quotas`` the numbers
    of the members for which there is another one. ``rates`` are kinds of statements, or ``check`` for the
    queries of checks, each with how many a member makes in a minute; ``rates_of`` are those of members for
    which there is another number. The clocks, priorities, panel and quorum, the document that explains the
    labels, and the step of tallies are as in `ConductTerms`; who says what is benign, what becomes of it, and
    the ceilings are as in `MatchTerms`. A new version replaces the one before.
    """

    kind: ClassVar[str] = "policy"
    signers: ClassVar[Signers] = Signers.THRESHOLD
    touches: ClassVar[Touches] = Touches.MATCHING
    published: ClassVar[bool] = True
    version: Annotated[int, VERSION]
    labels: Annotated[tuple[str, ...], TAXONOMY]
    key_delay: Annotated[int | None, KEY_DELAY] = None
    allowed: Annotated[tuple[tuple[str, str], ...], ALLOWED] = ()
    private_quota: Annotated[int | None, PRIVATE_QUOTA] = None
    quotas: Annotated[tuple[tuple[str, int], ...], QUOTAS] = ()
    rates: Annotated[tuple[tuple[str, int], ...], RATES] = ()
    rates_of: Annotated[tuple[tuple[str, tuple[str, int]], ...], RATES_OF] = ()
    clocks: Annotated[tuple[tuple[str, int], ...], CLOCK_CLASSES] = ()
    priorities: Annotated[tuple[tuple[str, str], ...], PRIORITIES] = ()
    panel: Annotated[tuple[str, ...], PANEL] = ()
    quorum: Annotated[int | None, QUORUM] = None
    texts_document: Annotated[bytes | None, TEXTS] = None
    tally_step: Annotated[int | None, TALLY_STEP] = None
    benign_by: Annotated[tuple[str, ...], BENIGN_BY] = ()
    mark_benign: Annotated[bool, MARK_BENIGN] = False
    ceilings: Annotated[tuple[tuple[str, tuple[str, int]], ...], CEILINGS] = ()

    @property
    def terms(self) -> ConductTerms:
        """What it states about the code of conduct."""
        rounded = self.tally_step or 1
        return ConductTerms(
            self.clocks, self.priorities, self.panel, self.quorum, self.texts_document, rounded
        )

    @property
    def matching(self) -> MatchTerms:
        """What it states about matches."""
        return MatchTerms(self.benign_by, self.mark_benign, self.ceilings)

    def documents(self) -> tuple[bytes, ...]:
        """The document that explains the labels."""
        return () if self.texts_document is None else (self.texts_document,)

    def check(self) -> None:
        """Refuse a type that is not opt-in, a label that is not listed or never allowed, a repetition."""
        for name, label in self.allowed:
            kind = TYPES.get(name)
            if label not in self.labels or kind is None or not kind.opt_in or label in kind.never:
                msg = f"allow {name} {label}: want a type that is opt-in, and a label of this policy for it"
                raise MalformedError(msg, field="allow")
        if len({member for member, _ in self.quotas}) != len(self.quotas):
            msg = "private-quota-of names a member twice"
            raise MalformedError(msg, field="private-quota-of")
        if len({kind for kind, _ in self.rates}) != len(self.rates):
            msg = "rate names a kind twice"
            raise MalformedError(msg, field="rate")
        if len({(member, kind) for member, (kind, _) in self.rates_of}) != len(self.rates_of):
            msg = "rate-of names a kind twice for one member"
            raise MalformedError(msg, field="rate-of")
        self._check_terms()
        self._check_ceilings()

    def _check_terms(self) -> None:
        """Refuse a repetition, a priority of nothing, and a panel that can decide nothing."""
        for name, pairs in (("clock", self.clocks), ("priority", self.priorities)):
            if len({first for first, _ in pairs}) != len(pairs):
                msg = f"{name} names a class or label twice"
                raise MalformedError(msg, field=name)
        classes = self.terms.classes()
        for label, longest in self.priorities:
            if label not in self.labels or longest not in classes:
                msg = f"priority {label} {longest}: want a label of this policy and one of its clock classes"
                raise MalformedError(msg, field="priority")
        if (self.quorum or 0) > len(self.panel) or bool(self.panel) is not (self.quorum is not None):
            msg = "want a quorum of at most as many as the panel has, and none without a panel"
            raise MalformedError(msg, field="quorum")

    def _check_ceilings(self) -> None:
        """Refuse a ceiling of another label or measure, one beyond the type's, and a repetition."""
        for label, (name, most) in self.ceilings:
            kind = TYPES.get(name)
            if label not in self.labels or kind is None or kind.measure is not Measure.HAMMING:
                msg = f"ceiling {label} {name}: want a label of this policy and a type compared by bits"
                raise MalformedError(msg, field="ceiling")
            if most > kind.ceiling:
                msg = f"ceiling {label} {name} {most}: it has a ceiling of {kind.ceiling:.0f} anyway"
                raise MalformedError(msg, field="ceiling")
        if len({(label, name) for label, (name, _) in self.ceilings}) != len(self.ceilings):
            msg = "ceiling names a label twice for one type"
            raise MalformedError(msg, field="ceiling")

    def summary(self) -> str:
        """Its version and labels."""
        return f"version {self.version}, labels {', '.join(self.labels)}"

    def describe(self) -> list[str]:
        """Its labels and the delay."""
        return [
            f"Set version {self.version} of the policy.",
            f"Its labels: {', '.join(self.labels)}.",
            f"A newly enrolled key waits {self.key_delay or 0} s before it signs.",
            *(f"Fingerprints of type {name} may be shared under {label}." for name, label in self.allowed),
            f"A member reads {_parts(self.private_quota)} of others in a day.",
            *(f"The member {member} reads {_parts(quota)} in a day." for member, quota in self.quotas),
            *_by_the_minute(self),
            *_conduct(self.terms),
            *_matching(self.matching),
        ]

    def changes(self, charter: Charter) -> list[str]:
        """Which labels are new, which are gone, and the delay until now."""
        new = [label for label in self.labels if label not in charter.labels]
        gone = [label for label in charter.labels if label not in self.labels]
        lines = [f"New labels: {', '.join(new) or 'none'}. No longer: {', '.join(gone) or 'none'}."]
        if gone:
            lines.append("Entries keep the labels that they have.")
        if (self.key_delay or 0) != (charter.key_delay or 0):
            lines.append(f"Until now a newly enrolled key waits {charter.key_delay or 0} s.")
        lines += [
            f"No longer to be shared: {name} under {label}."
            for name, label in charter.allowed
            if (name, label) not in self.allowed
        ]
        if (self.private_quota, self.quotas) != (charter.private_quota, charter.quotas):
            raised = "".join(f", {member} {_parts(quota)}" for member, quota in charter.quotas)
            lines.append(f"Until now a member reads {_parts(charter.private_quota)} in a day{raised}.")
        lines += [
            f"Until now: {line}" for line in _by_the_minute(charter) if line not in _by_the_minute(self)
        ]
        lines += [
            f"Until now: {line}" for line in _conduct(charter.terms) if line not in _conduct(self.terms)
        ]
        lines += [
            f"Until now: {line}"
            for line in _matching(charter.matching)
            if line not in _matching(self.matching)
        ]
        return lines

    def effect(self, case: Case) -> tuple[Record, ...]:
        """The charter with the new labels and delay."""
        before = case.charter
        if self.version != before.policy_version + 1:
            msg = f"the policy's version must be {before.policy_version + 1}"
            raise ConflictError(msg)
        after = replace(before, policy_version=self.version, labels=self.labels, key_delay=self.key_delay)
        bounds = replace(after, allowed=self.allowed, private_quota=self.private_quota, quotas=self.quotas)
        rated = replace(bounds, rates=self.rates, rates_of=self.rates_of)
        return (replace(rated, terms=self.terms, matching=self.matching, since=case.index),)


def _parts(quota: int | None) -> str:
    return "any number of private parts" if quota is None else f"at most {quota} private parts"


def _by_the_minute(bounds: Policy | Charter) -> list[str]:
    """How much members do in a minute, described for people."""
    return [
        *(f"A member makes at most {_rate(rate)} in a minute." for rate in bounds.rates),
        *(
            f"The member {member} makes at most {_rate(rate)} in a minute."
            for member, rate in bounds.rates_of
        ),
    ]


def _rate(rate: tuple[str, int]) -> str:
    kind, most = rate
    return f"{most} queries in checks" if kind == "check" else f"{most} {kind} statements"


def _conduct(terms: ConductTerms) -> list[str]:
    """The terms of the code of conduct, described for people."""
    return [
        *(f"A clock of the class {name} runs for {seconds} s." for name, seconds in terms.clocks),
        *(
            f"{label} has priority: its clocks run as {longest} at most."
            for label, longest in terms.priorities
        ),
        *([f"{terms.quorum} of {', '.join(terms.panel)} decide on appeals."] if terms.panel else []),
        *([f"The document {short(terms.texts)} explains the labels."] if terms.texts is not None else []),
        *([f"Tallies are rounded to multiples of {terms.tally_step}."] if terms.tally_step > 1 else []),
    ]


def _matching(terms: MatchTerms) -> list[str]:
    """The terms about matches, described for people."""
    marked = "Submissions near something benign are taken, and their matches say so."
    return [
        *([f"{', '.join(terms.benign_by)} may say what is benign."] if terms.benign_by else []),
        *([marked] if terms.mark_benign else []),
        *(
            f"An entry with the label {label} matches by {name} within {most} bits."
            for label, (name, most) in terms.ceilings
        ),
    ]
