"""A report as JSON and as CSV: one spelling each, so that equal reports are equal bytes."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from typing import Final

from hashpact.report.report import EUROPE, TREND, QuarterReport

FORMAT: Final = "hashpact/report/v1"
"""The name of the JSON's format; docs/methods/report.md describes it."""


def to_json(report: QuarterReport) -> bytes:
    """The report as one JSON object: keys sorted, no spaces, one line."""
    value = {
        "format": FORMAT,
        "log": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "quarter": str(report.quarter),
        "start": report.quarter.start,
        "stop": report.quarter.stop,
        "as_of": report.as_of,
        "figures": {
            figure.id: {
                "value": figure.value,
                "unit": figure.unit,
                "source": "reported" if figure.reported else "derived",
                "leaves": len(figure.leaves),
            }
            for figure in report.figures
        },
        "trend": {str(quarter): dict(zip(TREND, values, strict=True)) for quarter, values in report.trend},
        "actions": [
            {
                "action": one.action,
                "until": one.until,
                "standing": one.standing,
                "late": one.late,
                "agreed": one.agreed,
                "done": one.done,
                "member": one.member,
                "by": one.by,
            }
            for one in report.actions
        ],
        "context": [
            {"year": year, "within_24h": within, "removed": removed, "feedback": feedback}
            for year, within, removed, feedback in EUROPE
        ],
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def to_csv(report: QuarterReport) -> bytes:
    """The figures as RFC 4180 has it, one a row below a header."""
    lines = _Lines()
    writer = csv.writer(lines)
    writer.writerow(("figure", "scope", "name", "value", "unit", "source", "leaves"))
    for one in report.figures:
        source = "reported" if one.reported else "derived"
        writer.writerow((one.id, one.scope, one.name, one.value, one.unit, source, len(one.leaves)))
    return "".join(lines.written).encode("utf-8")


@dataclass(frozen=True, slots=True)
class _Lines:
    """What `csv` writes to."""

    written: list[str] = field(default_factory=list)

    def write(self, line: str) -> None:
        """Take a line in."""
        self.written.append(line)
