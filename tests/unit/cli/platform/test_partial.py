"""Matches by parts in the command check: which are left once they are compared at the pixels."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pictured import picture
from voting import exact

from hashpact.cli.platform.partial import PartialCheck
from hashpact.domain.checks import Match, Transform
from hashpact.domain.fingerprints import PARTS, PDQ, Measure, PrivatePart
from hashpact.errors import NotPermittedError
from hashpact.fingerprint.parts.keypoints import parts
from hashpact.fingerprint.sniff import Kind

_TERMS: Any = ((), "guideline", (), "acme", 0, 0, 0)
FEW, ENOUGH = PARTS.ceiling, PARTS.default


class Entries:
    """A client that may read the private parts of these pictures, by entry."""

    def __init__(self, **shared: int) -> None:
        made = {name: parts(picture(seed)) for name, seed in shared.items()}
        self._private = {int(name[1:]): (PrivatePart(one, bytes(32)).text(),) for name, one in made.items()}

    def entry(self, number: int) -> SimpleNamespace:
        """The entry, as far as it is asked for here."""
        if number not in self._private:
            msg = "no role check"
            raise NotPermittedError(msg)
        return SimpleNamespace(private=self._private[number])


def checked() -> tuple[PartialCheck, Transform]:
    """The check of a crop of picture 1, and where that picture lies."""
    file = io.BytesIO()
    picture(1).crop((200, 100, 760, 520)).save(file, "PNG")
    check = PartialCheck("crop.png", file, Kind.PICTURE)
    found = exact(check.queries[0].fingerprint.value, parts(picture(1)).value)
    return check, Transform(abs(found.by), 0.0, found.to.real, found.to.imag)


def by_parts(entry: int, place: Transform) -> Match:
    return replace(Match(entry, PARTS.name, PARTS.measure, FEW, *_TERMS), transform=place)


def test_it_asks_for_as_few_points_as_a_check_may() -> None:
    check, _ = checked()
    assert [query.within() for query in check.queries] == [5, 5]


def test_few_points_are_a_match_only_if_the_pixels_confirm_them() -> None:
    check, place = checked()
    same = by_parts(1, place)
    other, many = replace(same, entry=2), replace(same, entry=2, score=ENOUGH)
    whole = Match(3, PDQ.name, Measure.HAMMING, 20.0, *_TERMS)
    client: Any = Entries(_1=1, _2=2)

    found = check.compared(client, [same, other, whole], 1)
    assert found.matches == [same, whole]
    assert found.agreed.keys() == {1}
    assert found.agreed[1] > 0.9
    # So many points are shown all the same, with what the pixels say.
    found = check.compared(client, [many], 1)
    assert found.matches == [many]
    assert found.agreed[2] < 0.1


def test_few_points_that_cannot_be_compared_are_no_match(capsys: pytest.CaptureFixture[str]) -> None:
    check, place = checked()
    few = by_parts(9, place)
    many = replace(few, score=ENOUGH)
    client: Any = Entries()

    found = check.compared(client, [few, many], 1)
    assert (found.matches, found.agreed) == ([many], {})
    assert "entry 9 is not compared at the pixels: no role check" in capsys.readouterr().err
