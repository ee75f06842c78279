"""A profile's matching.toml: read strictly, and absent in most profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashpact.domain.matching.own import OwnTerms
from hashpact.errors import ConfigError
from hashpact.member.checking.terms import MAX_MEMBERS, parse_terms, read_terms

WHOLE = """
always = ["national-centre"]
never = ["lotus-forum", "acme-video"]
seed = "2027-q1"
enabled_ratio = 0.25
[label_ratios]
fraud = 1
hate = 0.5
"""


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "matching.toml"
    assert read_terms(path) == OwnTerms()
    path.write_text(WHOLE, encoding="utf-8")
    assert read_terms(path) == OwnTerms(
        frozenset({"national-centre"}),
        frozenset({"lotus-forum", "acme-video"}),
        "2027-q1",
        0.25,
        {"fraud": 1.0, "hate": 0.5},
    )
    assert parse_terms("") == OwnTerms()


@pytest.mark.parametrize(
    ("text", "field", "wrong"),
    [
        ("never = 'acme'", "never", "list of strings"),
        ("nevr = []", "nevr", "did you mean 'never'"),
        ('never = ["Not a member"]', "never", "never: "),
        ('always = ["acme"]\nnever = ["acme"]', "never", "acme is in always and in never"),
        ("enabled_ratio = 1.5", "enabled_ratio", "from 0 to 1"),
        ("enabled_ratio = true", "enabled_ratio", "from 0 to 1"),
        ("enabled_ratio = nan", "enabled_ratio", "from 0 to 1"),
        ("enabled_ratio = 0.5", "seed", "needs a seed"),
        ("[label_ratios]\nhate = 0.5", "seed", "needs a seed"),
        ('seed = "a"\n[label_ratios]\nhate = "x"', "label_ratios.hate", "from 0 to 1"),
        ('seed = "a"\n[label_ratios]\n"No label" = 1', "label_ratios", "label_ratios: "),
        ("label_ratios = 1", "label_ratios", "a table of at most"),
        (f'seed = "{"x" * 65}"', "seed", "at most 64"),
        ('seed = "a\\nb"', "seed", "one line"),
        ("always = [" + '"a",' * (MAX_MEMBERS + 1) + "]", "always", f"at most {MAX_MEMBERS}"),
        ("= 1", None, "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, field: str | None, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong) as caught:
        parse_terms(text)
    assert caught.value.details.get("field") == field
    assert "matching.toml" in caught.value.message
