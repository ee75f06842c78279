"""A refusal names all that a statement and its words lack. A long submission is read in pieces."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import World, fingerprint, seeded

from hashpact.domain.fingerprints import SHA256
from hashpact.domain.kinds.conduct.words import Words
from hashpact.domain.messages import Submission
from hashpact.errors import MalformedError
from hashpact.member import papers
from hashpact.member.author import Reason
from hashpact.service.append.opened import opened

NCII = Reason(frozenset({"ncii"}))


@pytest.fixture
def made() -> Submission:
    """A whole notice."""
    paper = papers.notice(
        ["acme"],
        labels=["hate"],
        explanation="why",
        reference="case 7",
        channel="flagger",
        clock="code",
        fingerprints=[fingerprint(SHA256, "sought")],
    )
    return World().author("watch").file(paper)


def without(made: Submission, *names: str) -> Submission:
    """The same without these lines."""
    lines = made.statement.splitlines(keepends=True)
    kept = [line for line in lines if line.partition(b" ")[0].decode("utf-8") not in names]
    return replace(made, statement=b"".join(kept))


def test_a_long_submission_is_read_in_pieces() -> None:
    world, pauses = World(), 0

    def pause() -> None:
        nonlocal pauses
        pauses += 1

    shared = [fingerprint(SHA256, str(number)) for number in range(100)]
    (long,) = opened("acme", [world.author("acme").submit(shared, NCII)], pause)
    assert long.fingerprints == tuple(shared)
    assert pauses == 2 * 4  # of 32 parts at most: their commitments, and then what is in them


def refusal(submission: Submission) -> MalformedError:
    with pytest.raises(MalformedError) as refused:
        opened("watch", [submission])
    return refused.value


@pytest.mark.parametrize("lines", [("clock",), ("channel", "clock"), ("item", "words")])
def test_texts_that_the_words_lack_are_named_with_the_lines(made: Submission, lines: tuple[str, ...]) -> None:
    words = Words(seeded("nonce"), explanation="why").text()
    error = refusal(replace(without(made, *lines), private=[made.private[0], words]))
    named = ["words", "entry or item"] if "words" in lines else list(lines)
    assert error.details["missing"] == ", ".join([*named, "reference"])
    assert error.message == f"the notice is incomplete: it lacks {error.details['missing']}"


def test_without_words_every_text_is_named(made: Submission) -> None:
    error = refusal(replace(without(made, "clock", "words"), private=made.private[:1]))
    assert error.details["missing"] == "clock, words, explanation, reference"


def test_words_that_cannot_be_read_leave_the_lines(made: Submission) -> None:
    private = [made.private[0], b"hashpact/words/v1\nnonsense\n"]
    error = refusal(replace(without(made, "clock"), private=private))
    assert (error.details["missing"], error.details["field"]) == ("clock", "clock")


def test_what_is_wrong_in_other_ways_is_told_as_it_is(made: Submission) -> None:
    wrong = replace(made, statement=made.statement.replace(b"clock code", b"clock Code"))
    assert "missing" not in refusal(wrong).details
