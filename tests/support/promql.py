"""What an expression of PromQL asks for, and what a scrape answers: as much of both as the tests need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from clones import ROOT
from prometheus_client.parser import text_string_to_metric_families

RULES = ROOT / "deploy" / "prometheus" / "hashpact.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "hashpact.json"

_SELECTOR = re.compile(r"\b((?:hashpact_\w+|up))\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
_PARTS = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Selector:
    """A metric by the name of its series, with ``(label, operator, value)`` for each matcher."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def metric(self, known: set[str]) -> str | None:
        """The metric that the series belongs to, of those that are known."""
        names = [self.name, *(self.name.removesuffix(part) for part in _PARTS)]
        return next((name for name in names if name in known), None)

    def takes(self, name: str, labels: dict[str, str]) -> bool:
        """Whether a series is selected."""
        return name == self.name and all(
            bool(re.fullmatch(value if "~" in sign else re.escape(value), labels.get(label, "")))
            is ("!" not in sign)
            for label, sign, value in self.matchers
        )


def selectors(expression: str) -> list[Selector]:
    """Every series that an expression asks for."""
    return [
        Selector(name, tuple((label, sign, value) for label, sign, value in _MATCHER.findall(matchers)))
        for name, matchers in _SELECTOR.findall(_GROUPING.sub("", expression))
    ]


def grouped(expression: str) -> set[str]:
    """The labels by which an expression groups."""
    return {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",")}


def series(scrape: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of everything in a scrape."""
    for family in text_string_to_metric_families(scrape):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def rules() -> list[dict[str, Any]]:
    """The alerts of the shipped rule file."""
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def targets() -> list[tuple[str, str, str]]:
    """Panel, expression and legend of every query of the shipped dashboard."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in panels
        for target in panel.get("targets", ())
    ]
