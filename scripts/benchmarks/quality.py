"""Copies as people make them: which are found, and how often unrelated content matches.

    scripts/bench quality [--pictures | --texts | --control] [--sample N] [--different N] [--parts]
                          [--write] [--json] [--check]

Pictures and texts that anybody can fetch (docs/decisions/benchmarks.md) are altered in 140 ways, shared and
checked through Hashpact as a platform would, beside threatexchange, imagehash and datasketch. A copy whose
original or which itself is refused counts as missed. Shares have Wilson's interval of 95 %. --sample takes
so many pictures, and texts of each language, and --different so many different pictures; the whole takes
about an hour on two cores. --control measures only what controls false matches of pictures. --parts uses
parts/1 as well and holds the figures against the floors for it. --write renews the table, the plots and the
distances in docs/methods. With --check it exits with 1 unless every floor is reached and every bound on
false matches is kept.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.gate import Promise
from benchmarks.machine import describe, say
from benchmarks.report import print_json, print_table
from quality import floors, ours, page, peers, pictures, texts
from quality.distances import Distances
from quality.intervals import Share

Report = dict[str, Any]
MILLION = 1_000_000


def measure(options: argparse.Namespace) -> tuple[Report, Distances]:
    """Everything that was asked for."""
    distances = Distances()
    report: Report = {"machine": describe(), "sample": options.sample, "parts": options.parts}
    sample, processes = options.sample, options.processes
    if not options.texts:
        say("pictures")
        report["pictures"] = {
            "recall": pictures.recall(
                sample, processes, distances, parts=options.parts, harmless=options.harmless
            ),
            "different": pictures.different(
                options.different or (sample and 20 * sample),
                processes,
                distances,
                parts=options.parts,
                harmless=options.harmless,
            ),
            "layouts": [] if options.control else pictures.layouts(sample, processes, parts=options.parts),
        }
        report["control"] = control(report["pictures"])
    if not options.pictures and not options.control:
        say("texts")
        report["texts"] = {
            "catalogs": texts.sizes(),
            "recall": texts.recall(sample, processes, distances),
            "different": texts.different(sample and 4 * sample, processes, distances),
            "boilerplate": texts.boilerplate(sample),
            "without": texts.without(sample),
        }
    return report, distances


def control(found: Report) -> list[Report]:
    """A row for each way of controlling false matches: pairs of different pictures, and copies."""
    rows: list[Report] = []
    for check, side in (
        ("as by default", ours.NAME),
        ("agreeing", ours.AGREEING),
        ("agreeing, without what is benign", ours.CONTROLLED),
    ):
        wrong = found["different"]["matched"].get(side, 0)
        copies = sum(row["found"].get(side, 0) for row in found["recall"])
        first = rows[0] if rows else {"different pairs": wrong, "copies found": copies}
        rows.append(
            {
                "check": check,
                "different pairs": wrong,
                "times fewer": first["different pairs"] / max(wrong, 1),
                "copies found": copies,
                "copies lost, %": 100 * (1 - copies / max(first["copies found"], 1)),
            }
        )
    return rows


def promises(report: Report) -> list[Promise]:
    """The floors and bounds of what was measured."""
    kept: list[Promise] = []
    if "control" in report:
        kept += _of_control(report["control"])
    if "pictures" in report:
        kept += _of_pictures(report["pictures"], parts=report["parts"])
    if "texts" in report:
        kept += _of_texts(report["texts"])
    return kept


def _of_control(rows: list[Report]) -> list[Promise]:
    kept = [
        Promise(f"copies lost, {row['check']}, %", row["copies lost, %"], most=floors.MOST_LOST)
        for row in rows[1:]
    ]
    fewer = rows[-1]["times fewer"]
    return [*kept, Promise("times fewer pairs of different pictures", fewer, least=floors.LEAST_FEWER)]


def _of_pictures(report: Report, *, parts: bool) -> list[Promise]:
    kept = floors.recalls(floors.PICTURES, pictures.shares(report["recall"], ours.NAME), parts=parts)
    different = report["different"]
    kept.append(Promise("pairs of different pictures", different["pairs"], least=floors.FEWEST_PICTURE_PAIRS))
    wrong = different["matched"].get(ours.SURE, 0)
    kept.append(Promise("of them the same or near", wrong, most=floors.MOST_PICTURE_PAIRS))
    for row in report["layouts"]:
        share = Share(row["matched"].get(ours.SURE, 0), row["pairs"])
        kept.append(Promise(f"matched of {row['set']}, %", share.percent, most=floors.MOST_OF_A_LAYOUT))
        if parts and row["set"].startswith("picture posts"):
            also = Share(row["matched"].get(f"{ours.NAME}, possible", 0), row["pairs"])
            what = f"possible of {row['set']}, %"
            kept.append(Promise(what, also.percent, most=floors.MOST_PICTURE_POSTS))
    if parts:
        wrong = different["matched"].get(f"{ours.NAME}, possible", 0)
        kept.append(Promise("different pictures, possible", wrong, most=floors.MOST_PICTURE_PAIRS))
    return kept


def _of_texts(report: Report) -> list[Promise]:
    kept = floors.recalls(floors.TEXTS, pictures.shares(report["recall"], ours.NAME), parts=False)
    for length in texts.DISTINCT:
        some = [row for row in report["different"] if row["set"].endswith(length)]
        pairs = sum(row["pairs"] for row in some)
        wrong = sum(row["matched"].get(ours.SURE, 0) for row in some)
        figure = wrong / pairs * MILLION if pairs else None
        kept.append(Promise(f"{length} texts, a million pairs", figure, most=floors.MOST_TEXT_PAIRS))
    boilerplate = sum(
        (Share(row["matched"].get(ours.SURE, 0), row["pairs"]) for row in report["boilerplate"]), Share(0, 0)
    )
    kept.append(Promise("boilerplate alone, %", boilerplate.percent, most=floors.MOST_BOILERPLATE))
    without = sum((Share(row["refused"], row["posts"]) for row in report["without"]), Share(0, 0))
    kept.append(Promise("posts without a fingerprint, %", without.percent, most=floors.MOST_WITHOUT))
    return kept


def show(report: Report) -> None:
    """The tables."""
    print("; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in report["machine"].items()), "\n")
    if "control" in report:
        print_table("Pictures, with and without control of false matches", report["control"])
    if "pictures" in report:
        found = report["pictures"]
        print_table("Copies of pictures found, % (Wilson, 95 %)", page.picture_rows(found["recall"]))
        print_table("Pairs of different pictures that match", page.pair_rows([found["different"]]))
        for one, other in found["different"]["which"]:
            print(f"    {one}   {other}")
        print_table("Pairs of different pictures of one layout that match", page.pair_rows(found["layouts"]))
    if "texts" in report:
        found = report["texts"]
        print_table("Copies of texts found, % (Wilson, 95 %)", page.text_rows(found["recall"]))
        print_table("Pairs of different texts that match", page.pair_rows(found["different"]))
        for one, other in (pair for row in found["different"] for pair in row["which"]):
            print(f"    {one}\n    {other}\n")
        print_table("100 characters before the same 400", page.pair_rows(found["boilerplate"]))
        print_table("Posts without any fingerprint", found["without"])
    print_table("Promises", report["promises"])


def main() -> int:
    """Measure, then print."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pictures", action="store_true", help="pictures only")
    which.add_argument("--texts", action="store_true", help="texts only")
    which.add_argument("--control", action="store_true", help="only what controls false matches of pictures")
    parser.add_argument(
        "--different", type=int, help="so many different pictures (default: 20 times --sample)"
    )
    parser.add_argument("--sample", type=int, help="so many pictures, and texts of each language")
    parser.add_argument("--harmless", type=int, default=1050, help="pictures of the negative collection")
    parser.add_argument("--parts", action="store_true", help="with parts/1")
    parser.add_argument("--processes", type=int, help="so many at once (default: one for each core)")
    parser.add_argument("--write", action="store_true", help="renew the figures in docs/methods")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the promises hold")
    options = parser.parse_args()
    if options.control and options.write:
        parser.error("--control leaves out what --write renews")
    peers.of_pictures()
    peers.of_texts()
    report, distances = measure(options)
    if options.control:
        del report["pictures"]
    kept = promises(report)
    report["promises"] = [promise.row() for promise in kept]
    if options.write:
        page.write(report, distances)
    if options.json:
        print_json(report | {"distances": distances.report()})
    else:
        show(report)
    if not options.check:
        return 0
    failed = [promise for promise in kept if not promise.kept]
    print(f"{len(failed)} of {len(kept)} promises do not hold", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
