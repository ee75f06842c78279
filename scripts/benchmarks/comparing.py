"""One size of one set: every contender's time, recall, memory and time to build, in one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from benchmarks import limits, multihash
from benchmarks.machine import say
from benchmarks.opening import opening
from benchmarks.peers import FLAT, OURS, SCAN, Contender, Task, lineup
from benchmarks.planting import RADIUS, SetName, code_set, queries_for
from benchmarks.recall import Answer, brute_force, check_honest, recall
from benchmarks.timing import Side, Timings, interleave, percentile, ratio

LIMIT_OF_SKEWED: Final = 100  # without one, a query near the cluster is answered with the whole of it
SECONDS_EACH: Final = 40.0
CHECKED_BY_HAND: Final = 8


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    queries: int
    patient: bool


@dataclass(frozen=True)
class Compared:
    """Its rows, that about the machine's limit, and that about opening it from disk (random sets only)."""

    rows: list[dict[str, Any]]
    limit: dict[str, Any]
    opening: dict[str, Any] | None


@dataclass
class Entrant:
    """A contender and what it has answered."""

    contender: Contender
    answers: dict[int, Answer] = field(default_factory=dict)

    def side(self) -> Side:
        """For the clock; the answers are unpacked outside it."""
        asked = self.contender.asked

        def keep(i: int, answer: Any) -> None:  # noqa: ANN401 - each has its own
            self.answers[i] = asked.unpack(answer)

        return Side(self.contender.name, asked.call, keep)


def compare(name: SetName, size: int, options: Options) -> Compared:
    """Build, ask, compare. Raises SystemExit if an exact contender does not find all there is."""
    rng = np.random.default_rng([size, len(name)])
    say(f"{size:,} {name} codes")
    among = code_set(name, size, rng)
    queries = queries_for(name, among, options.queries, rng).codes
    task = Task(among.codes, queries, LIMIT_OF_SKEWED if name == "skewed" else None)
    contenders = [*lineup(task, patient=options.patient), *multihash.contenders(task)]
    entrants = [Entrant(contender) for contender in contenders]
    say(f"asking {len(entrants)} contenders {len(queries):,} queries, alternating")
    timings = interleave([entrant.side() for entrant in entrants], len(queries), budget=SECONDS_EACH)
    truth = _truth(entrants, task)
    for entrant in entrants:
        for i, given in entrant.answers.items():
            check_honest(task.codes, queries[i], given, entrant.contender.name)
    head = {"codes": size, "set": name}
    ours = timings[0].p50
    rows = [head | _row(*one, truth, ours, task) for one in zip(entrants, timings, strict=True)]
    for row in rows:
        say(f"{row['side']}: {row['p50_us']:,.1f} us, {row['ratio']:,.1f} times ours")
    say("reading memory at random")
    single = [query.tobytes() for query in queries]
    index = contenders[0].asked.index
    limit = limits.explain(index, single, task.limit, ours)
    return Compared(rows, head | limit, opening(index, single[0]) if name == "random" else None)


def _row(
    entrant: Entrant, timing: Timings, truth: dict[int, Answer], ours: float, task: Task
) -> dict[str, Any]:
    contender = entrant.contender
    found = recall(entrant.answers, truth)
    if contender.name in (OURS, SCAN) and found is not None and found < 1:
        msg = f"{contender.name} finds {found:.6f} of what there is"
        raise SystemExit(msg)
    note = contender.asked.note
    if contender.name == OURS:
        stats = contender.asked.index.stats()
        own = stats["bytes"] / len(task.codes)
        note = f"{stats['segments'][0][1]} chunks, {own:.0f} B/code by its own count"
    return {
        "side": contender.name,
        "p50_us": timing.p50,
        "p99_us": timing.p99,
        "wall_p50_us": percentile(timing.waited, 50),
        "ratio": ratio(timing.p50, ours),
        "recall": found,
        "bytes_per_code": contender.grown / len(task.codes),
        "build_s": contender.build_s,
        "queries": len(timing.taken),
        "note": note,
    }


def _truth(entrants: list[Entrant], task: Task) -> dict[int, Answer]:
    """What a full comparison answers, faiss flat's or else our linear scan's; a few are checked by hand."""
    by_name = {entrant.contender.name: entrant.answers for entrant in entrants}
    truth = by_name.get(FLAT, by_name[SCAN])
    for i in list(truth)[:CHECKED_BY_HAND]:
        by_hand = brute_force(task.codes, task.queries[i], RADIUS, task.limit)
        if not np.array_equal(by_hand.distances, truth[i].distances):
            msg = f"comparing with every code finds another answer to query {i}"
            raise SystemExit(msg)
    return truth
