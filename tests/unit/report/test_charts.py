"""Charts: names stay inside the drawing, and are whole in its description."""

from __future__ import annotations

import re

import pytest

from hashpact.report.charts import bars


@pytest.mark.parametrize(
    "name", ["a" * 64, "m" * 32, "a-long-label-of-several-words-that-somebody-has-chosen"]
)
def test_a_name_that_is_too_long_is_cut_beside_its_bar_alone(name: str) -> None:
    drawn = bars("c", "title", [(name, 50.0, "50 %")])
    (shown,) = re.findall(r'class="name">([^<]*)<', drawn)
    assert shown.endswith("…")
    assert name.startswith(shown[:-1])
    assert 10 < len(shown) < 25
    assert f">{name} 50 %</desc>" in drawn


@pytest.mark.parametrize("name", ["", "ncii", "all members together"])
def test_a_name_that_fits_is_whole(name: str) -> None:
    assert f'class="name">{name}<' in bars("c", "title", [(name, 50.0, "50 %")])
