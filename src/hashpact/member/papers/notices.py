"""Contact points, notices and decisions, appeals and rulings, questions and replies, to be stated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hashpact.domain.fingerprints import Fingerprint
from hashpact.domain.kinds import (
    AnyBody,
    Appeal,
    AuthorityReply,
    Contact,
    ContactConfirm,
    Decision,
    Notice,
    Question,
    ReceiptConfirm,
    Ruling,
)
from hashpact.domain.kinds.conduct.spelling import (
    AppealOutcome,
    Channel,
    Judgement,
    Outcome,
    Point,
)
from hashpact.domain.state import Basis
from hashpact.member.author import Paper, chosen
from hashpact.member.papers.paper import complete, digest, plain, texts


def contact(  # noqa: PLR0913  # the fields of the statement
    point: Point | str,
    address: str,
    *,
    valid_from: int,
    valid_to: int,
    languages: Iterable[str],
    hours: Iterable[str] = ("always",),
    procedure: bytes | None = None,
) -> Paper:
    """A contact point for notices, appeals, keys or the press, in the place of the one before.

    ``address`` is read by members only. ``procedure`` is the document that says how to submit a notice.
    """
    said = complete("contact point", address=address, language=tuple(languages))
    named = None if procedure is None else digest(procedure)

    def body(_: Sequence[bytes], words: bytes | None) -> AnyBody:
        spoken, open_ = tuple(sorted(set(languages))), tuple(sorted(set(hours)))
        of = chosen(Point, point, "point")
        return Contact(of, valid_from, valid_to, spoken, open_, named, words or b"")

    return Paper(body, said, documents=() if procedure is None else (procedure,))


def contact_confirmed(point: Point | str) -> Paper:
    """The contact point is still the right one."""
    return plain(ContactConfirm(chosen(Point, point, "point")))


def notice(  # noqa: PLR0913  # the fields of the statement
    to: Iterable[str],
    *,
    labels: Iterable[str],
    explanation: str | None,
    reference: str | None,
    channel: Channel | str | None,
    clock: str | None,
    entry: int | None = None,
    fingerprints: Iterable[Fingerprint] = (),
    basis: Basis | str = Basis.GUIDELINE,
    authority: str | None = None,
    article: str | None = None,
) -> Paper:
    """A notice to members about an entry, or about content that these fingerprints find.

    Raises InvalidInputError that names every field which is missing; nothing is sent then.
    """
    addressees, under = tuple(sorted(set(to))), tuple(sorted(set(labels)))
    sought, ground = tuple(fingerprints), chosen(Basis, basis, "basis")
    law = ground is Basis.LAW
    complete(
        "notice",
        to=addressees,
        about=sought if entry is None else str(entry),
        label=under,
        authority=authority if law else "none",
        article=article if law else "none",
        channel=channel,
        clock=clock,
        reference=reference,
        explanation=explanation,
    )

    def body(items: Sequence[bytes], words: bytes | None) -> AnyBody:
        return Notice(
            addressees=addressees,
            entry=entry,
            labels=under,
            basis=ground,
            authority=authority,
            article=article,
            channel=chosen(Channel, channel or "", "channel"),
            clock=clock or "",
            items=tuple(items),
            words=words or b"",
        )

    return Paper(body, texts(reference=reference, explanation=explanation), sought)


def receipt_confirmed(notice: int) -> Paper:
    """The notice has arrived."""
    return plain(ReceiptConfirm(notice))


def decision(  # noqa: PLR0913  # the fields of the statement
    notice: int,
    outcome: Outcome | str,
    *,
    clause: str | None = None,
    article: str | None = None,
    judged_by_guidelines: bool = True,
    judged_by_law: bool = False,
    acted: int | None = None,
    notified: int | None = None,
    notified_by: str | None = None,
) -> Paper:
    """A decision on a notice. ``clause`` is the guideline that is breached, ``article`` the provision.

    Without them, content that was judged by the guidelines, or by the law, breaches none.
    """
    return plain(
        Decision(
            notice=notice,
            outcome=chosen(Outcome, outcome, "outcome"),
            guidelines=_judged(clause, judged=judged_by_guidelines),
            clause=clause,
            law=_judged(article, judged=judged_by_law),
            article=article,
            acted=acted,
            notified=notified,
            notified_by=notified_by,
        )
    )


def _judged(rule: str | None, *, judged: bool) -> Judgement:
    if rule is not None:
        return Judgement.BREACH
    return Judgement.NO_BREACH if judged else Judgement.NOT_JUDGED


def appeal(
    reason: str, *, entry: int | None = None, decision: int | None = None, explanation: str | None = None
) -> Paper:
    """An appeal against an entry or a decision, for a person who is affected: who that is, is not said."""
    about = entry if decision is None else decision
    complete("appeal", about=None if about is None else str(about))
    return Paper(lambda _, words: Appeal(entry, decision, reason, words), texts(explanation=explanation))


def ruling(
    appeal: int,
    outcome: AppealOutcome | str,
    reason: str,
    *,
    entry: int | None = None,
    explanation: str | None = None,
) -> Paper:
    """A ruling on an appeal; ``entry`` is the one that an appeal which is upheld is about."""
    result = chosen(AppealOutcome, outcome, "outcome")
    return Paper(
        lambda _, words: Ruling(appeal, result, entry, reason, words), texts(explanation=explanation)
    )


def question(authority: str, reason: str, explanation: str, *, notice: int | None = None) -> Paper:
    """A question to an authority."""
    said = complete("question", explanation=explanation)
    return Paper(lambda _, words: Question(authority, notice, reason, words or b""), said)


def reply(about: int, reason: str, *, explanation: str | None = None) -> Paper:
    """An authority's reply to a question, an appeal or a decision."""
    said = texts(explanation=explanation)
    return Paper(lambda _, words: AuthorityReply(about, reason, words), said)
