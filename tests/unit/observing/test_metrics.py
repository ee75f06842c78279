"""The metrics: their page, the rules and dashboard that use them, many values at a time, many processes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clones import ROOT
from prometheus_client import CollectorRegistry, generate_latest
from promql import RULES, grouped, rules, selectors, series, targets

from hashpact.observing.metrics import ALARMS, Durations, Metrics

METRICS = Metrics()
PAGE = ROOT / "docs" / "operations" / "metrics.md"
THEIRS = {"up": ("job", "instance")}
"""Metrics that Prometheus itself makes."""


def test_the_page_lists_every_metric_and_its_labels() -> None:
    rows = re.findall(r"^\| `(hashpact_\w+)` \| (.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name: tuple(re.findall(r"\w+", labels)) for name, labels in rows} == METRICS.labels


def faults(expression: str) -> list[str]:
    """What an expression names that does not exist."""
    known = METRICS.labels | THEIRS
    wrong, usable = [], {"le"}
    for one in selectors(expression):
        metric = one.metric(set(known))
        if metric is None:
            wrong.append(one.name)
            continue
        usable |= set(known[metric])
        wrong += [label for label, _, _ in one.matchers if label not in known[metric]]
    return wrong + sorted(grouped(expression) - usable)


def test_the_checker_sees_names_that_do_not_exist() -> None:
    assert faults(
        'sum by (rpc, no) (rate(hashpact_rpc_duration_seconds_bucket{code="OK",none="x"}[5m]))'
    ) == [
        "none",
        "no",
    ]
    assert faults("hashpact_gone > 1 or hashpact_serving_total") == [
        "hashpact_gone",
        "hashpact_serving_total",
    ]
    assert selectors("time() - 1") == []


def test_every_alert_asks_for_metrics_that_exist_and_has_a_page() -> None:
    pages = set()
    for rule in rules():
        assert selectors(rule["expr"]), rule["alert"]
        assert faults(rule["expr"]) == [], rule["alert"]
        page = ROOT / rule["annotations"]["runbook"]
        assert page.read_text("utf-8").startswith(f"# {rule['alert']}: ")
        assert rule["labels"]["severity"] in {"page", "ticket"}
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        metrics = [one.metric(set(METRICS.labels)) for one in selectors(rule["expr"])]
        assert named <= {label for metric in metrics if metric for label in METRICS.labels[metric]}
        pages.add(page.name)
    assert pages == {page.name for page in (ROOT / "docs" / "operations" / "alerts").glob("*.md")}


def test_every_panel_asks_for_metrics_that_exist() -> None:
    for panel, expression, legend in targets():
        assert selectors(expression), panel
        assert faults(expression) == [], panel
        known = [METRICS.labels[one.metric(set(METRICS.labels)) or ""] for one in selectors(expression)]
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= {label for labels in known for label in labels}


def test_events_that_alarm_are_logged_somewhere_and_counted_from_the_start() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "hashpact").rglob("*.py"))
    for level, event in ALARMS:
        assert len(re.findall(rf'(?:\.{level}\(|_fault\()\s*"{re.escape(event)}"', text)) >= 1, event
    counted = [
        labels for name, labels, _ in series(METRICS.exposed().decode()) if name.endswith("events_total")
    ]
    assert [(labels["level"], labels["event"]) for labels in counted] == list(ALARMS)
    asked = [one for rule in rules() for one in selectors(rule["expr"]) if one.name.endswith("events_total")]
    for one in asked:
        assert any(one.takes(one.name, labels) for labels in counted), one


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_takes_the_rules_and_the_metrics(tmp_path: Path) -> None:
    promtool = shutil.which("promtool") or ""
    checked = subprocess.run(
        [promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout
    linted = subprocess.run(
        [promtool, "check", "metrics"], input=METRICS.exposed(), capture_output=True, check=False
    )
    assert linted.returncode == 0, linted.stderr
    cases = Path(__file__).parent / "alerts.test.yml"
    tested = tmp_path / cases.name
    tested.write_text(cases.read_text("utf-8").replace("RULES", str(RULES)))
    run = subprocess.run(
        [promtool, "test", "rules", str(tested)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_many_durations_are_taken_in_as_one_by_one() -> None:
    seconds = [0.0, 0.0002, 0.00021, 0.5, 0.5, 0.7, 31.0, 1.0]
    shown = []
    for at_once in (False, True):
        registry = CollectorRegistry()
        durations = Durations("d_seconds", "d", ["rpc"], registry=registry, buckets=(0.0002, 0.5, 1.0, 30.0))
        if at_once:
            durations.labels("a").take_in(seconds)
        else:
            for each in seconds:
                durations.labels("a").observe(each)
        shown.append(generate_latest(registry))
    assert shown[0] == shown[1]


PROCESS = """
import sys
from hashpact.observing.metrics import Metrics
metrics = Metrics()
size = int(sys.argv[1])
metrics.rpc_seconds.labels("A/B", "OK").take_in([0.001] * size)
metrics.refused.labels("OVERLOADED", "checker").inc(size)
metrics.serving.set(1)
metrics.index_position.set(size)
metrics.index_lag.set(size)
print("ready", flush=True)
sys.stdin.readline()
"""
DOOR = """
import sys
from hashpact.observing.metrics import Metrics
metrics = Metrics()
print(metrics.exposed().decode(), end="\\0", flush=True)
sys.stdin.readline()
metrics.forget(int(sys.argv[1]))
print(metrics.exposed().decode(), end="\\0", flush=True)
"""


def test_processes_share_their_metrics(tmp_path: Path) -> None:
    def start(program: str, argument: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", program, argument],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def scraped(door: subprocess.Popen[str]) -> dict[str, float]:
        assert door.stdout is not None
        text = "".join(iter(lambda: door.stdout.read(1), "\0"))  # type: ignore[union-attr]  # asserted above
        return {name: value for name, labels, value in series(text) if labels.get("le", "+Inf") == "+Inf"}

    with start(PROCESS, "2") as two, start(PROCESS, "3") as three:
        for process in (two, three):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        with start(DOOR, str(two.pid)) as door:
            both = scraped(door)
            two.communicate("\n")
            assert door.stdin is not None
            door.stdin.write("\n")
            door.stdin.flush()
            one = scraped(door)
        three.communicate("\n")
    assert both["hashpact_rpc_duration_seconds_count"] == one["hashpact_rpc_duration_seconds_count"] == 5
    assert both["hashpact_refused_calls_total"] == one["hashpact_refused_calls_total"] == 5
    assert (both["hashpact_serving"], one["hashpact_serving"]) == (2, 1)
    assert (both["hashpact_index_position"], one["hashpact_index_position"]) == (2, 3)
    assert both["hashpact_index_lag_leaves"] == 3


HALF_MADE = """
import os
from pathlib import Path
from hashpact.observing import metrics

shared, paused = metrics.Metrics(), []
half = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], "counter_1.db")


def pause(seconds):
    paused.append(seconds)
    if len(paused) == 2:
        half.unlink()


metrics.time.sleep = pause
half.touch()
shared.exposed()
print(paused)
half.touch()
shared.exposed()
"""


def test_a_file_that_another_process_has_only_begun_is_read_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HALF_MADE],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[0.01, 0.1]\n"
    assert "struct.error" in done.stderr  # one that stays so is reported
