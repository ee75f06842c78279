"""The promises about the lookup, held against a report of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from benchmarks.peers import BEST_MULTIHASH, FLAT, OURS

Report: TypeAlias = Mapping[str, Any]

MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Promise:
    """A figure and its bound: at least ``least``, at most ``most``. A figure of None was not measured."""

    what: str
    figure: float | None
    least: float | None = None
    most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it was measured and is within its bound."""
        if self.figure is None:
            return False
        return (self.least is None or self.figure >= self.least) and (
            self.most is None or self.figure <= self.most
        )

    def row(self) -> dict[str, Any]:
        """For a table."""
        bound = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        verdict = "pass" if self.kept else "not measured" if self.figure is None else "FAIL"
        return {"promise": self.what, "measured": self.figure, "bound": bound, "verdict": verdict}


def promises(report: Report) -> list[Promise]:
    """Those of the lookup, in the order of their importance; those about 1e8 if it was asked for."""
    kept = [
        Promise("faiss flat / ours, 1e6 random", _ratio(report, MILLION, FLAT), least=60),
        Promise("best faiss multihash / ours, 1e6 random", _ratio(report, MILLION, BEST_MULTIHASH), least=20),
        Promise("faiss flat / ours, 1e7 random", _ratio(report, 10 * MILLION, FLAT), least=120),
        Promise("p99 of ours, 1e6 skewed / random", _skewed_tail(report), most=5),
        Promise("time / (touches x read), 1e6 random", _of(_limit(report), "ratio"), most=3),
        Promise("p99 while inserting / idle", _of(report.get("inserting"), "ratio"), most=3),
    ]
    if "large" not in report:
        return kept
    large = report["large"]
    return [
        *kept,
        Promise("p50 of 1e8, us", _of(large, "p50_us"), most=500),
        Promise("resident at 1e8, GB", _of(large, "resident_GB"), most=12),
        Promise("seconds to build 1e8", _of(large, "build_s"), most=240),
        Promise("seconds to the first answer of 1e8", _of(large, "first_answer_cold_s"), most=2),
    ]


def _row(report: Report, size: int, name: str, side: str) -> Mapping[str, Any] | None:
    rows: Sequence[Mapping[str, Any]] = report["rows"]
    wanted = (size, name, side)
    return next((row for row in rows if (row["codes"], row["set"], row["side"]) == wanted), None)


def _ratio(report: Report, size: int, side: str) -> float | None:
    return _of(_row(report, size, "random", side), "ratio")


def _limit(report: Report) -> Mapping[str, Any] | None:
    rows: Sequence[Mapping[str, Any]] = report["limits"]
    return next((row for row in rows if (row["codes"], row["set"]) == (MILLION, "random")), None)


def _skewed_tail(report: Report) -> float | None:
    tails = [_of(_row(report, MILLION, name, OURS), "p99_us") for name in ("skewed", "random")]
    if tails[0] is None or tails[1] is None:
        return None
    return tails[0] / tails[1]


def _of(row: Mapping[str, Any] | None, key: str) -> float | None:
    value = row.get(key) if row is not None else None
    return None if value is None else float(value)
