"""The report's page in a real browser: headless Chromium, driven by Playwright, with the rules of axe-core.

A picture of each page is kept in the directory HASHPACT_ARTEFACTS, if that is set.
Needs Debian's ``chromium`` (or CHROMIUM, the path of another one) and the extra ``browser``; skips without.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hashpact.demo.quarter.playing import QUARTER, play_quarter, write_reports

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra browser is not installed")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="the extra browser is not installed"
)

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
LANGUAGES = ("en", "vi")
Browser: TypeAlias = Any
"""Playwright's; its types are there only with the extra."""
SERIOUS = {"serious", "critical"}
SECTIONS = ["clocks", "labels", "trend", "overview", "members", "actions", "context"]
CHARTS = ["clocks-0", "clocks-1", "labels-0", "trend-0"]
CHARTS_SEEN = """all => all.map(one => {
    const {width, height} = one.getBoundingClientRect();
    return [width, height, one.querySelectorAll("rect, polyline").length];
})"""
"""Of each chart its width, its height, and how many shapes it has."""
TABLES_SEEN = """all => all.map(one => [
    one.caption?.innerText,
    one.tHead.rows[0].cells.length,
    one.tBodies[0].rows[0]?.cells.length ?? 0,
])"""
"""Of each table its caption, and how many cells its head and its first row have."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium; Debian has it as the package chromium")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small played quarter, with its reports."""
    directory = tmp_path_factory.mktemp("quarter")
    assert list(play_quarter(directory, QUARTER, 1, scale=0.1))
    write_reports(directory, QUARTER)
    return directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium without a network."""
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("look", ["light", "dark", "print"])
def test_the_page_is_whole_quiet_and_accessible(
    browser: Browser, reports: Path, tmp_path: Path, language: str, look: str
) -> None:
    page = browser.new_page(color_scheme="dark" if look == "dark" else "light")
    if look == "print":
        page.emulate_media(media="print")
    asked: list[str] = []
    noise: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    address = (reports / f"report-{QUARTER}-{language}.html").as_uri()
    page.goto(address)
    assert asked == [address]  # the page itself, and nothing else
    assert noise == []
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("main h2").evaluate_all("all => all.map(one => one.id)") == SECTIONS
    titles = page.locator("svg > title").evaluate_all("all => all.map(one => one.id)")
    assert titles == [f"{chart}-t" for chart in CHARTS]
    charts = page.locator("svg").evaluate_all(CHARTS_SEEN)
    assert len(charts) == len(CHARTS)
    assert all(min(wide, high) > 50 and shapes > 0 for wide, high, shapes in charts)
    tables = page.locator("table").evaluate_all(TABLES_SEEN)
    assert len(tables) >= len(SECTIONS)
    assert all(caption and heads == cells > 0 for caption, heads, cells in tables)
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in SERIOUS] == []
    kept = Path(os.environ.get("HASHPACT_ARTEFACTS") or tmp_path)
    page.screenshot(path=kept / f"report-{language}-{look}.png", full_page=True)
    page.close()


def test_both_languages_have_the_same_structure(browser: Browser, reports: Path) -> None:
    shapes = []
    for language in LANGUAGES:
        page = browser.new_page()
        page.goto((reports / f"report-{QUARTER}-{language}.html").as_uri())
        shapes.append(page.locator("main *").evaluate_all("all => all.map(one => one.tagName)"))
        page.close()
    assert shapes[0] == shapes[1]
