"""The page in a browser: it renders, its tables and points answer, and anybody can use it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnkit.stages import report
from tests.plots import planted as pictures
from tests.report import planted

sync = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs chromium or google-chrome")
    with sync.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    folder = planted.run(tmp_path_factory.mktemp("b") / "run")
    written = folder.parent / "report.html"
    kinds = ["training", "distances", "embedding", "trajectories"]
    written.write_text(report(folder, kinds=kinds).html, encoding="utf-8")
    return written


class Said:
    """What a page said and asked for."""

    def __init__(self, page) -> None:
        self.lines: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.lines.append(message.text))
        page.on("pageerror", lambda error: self.lines.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def opened(request, browser, path):
    page = browser.new_page(viewport=request.param)
    said = Said(page)
    page.goto(path.as_uri())
    page.wait_for_selector(".dt-search input")
    yield page, said
    page.close()


def test_it_renders_and_says_and_asks_nothing(opened, path):
    page, said = opened
    assert said.lines == []
    assert [url for url in said.asked if not url.startswith("data:")] == [path.as_uri()]
    sizes = page.eval_on_selector_all("img", "all => all.map(one => [one.complete, one.naturalWidth])")
    assert len(sizes) >= 3
    assert all(complete and width > 0 for complete, width in sizes)


def test_nothing_is_wider_than_the_page(opened):
    page, _ = opened
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_anybody_can_use_it(opened):
    page, _ = opened
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_links_lead_to_what_can_be_seen(opened):
    page, _ = opened
    links = page.eval_on_selector_all("a[href]", "all => [...new Set(all.map(one => one.getAttribute('href')))]")
    assert len(links) > 20
    for link in links:
        assert link.startswith("#")
        assert page.locator(f"[id='{link[1:]}']").is_visible(), link


def column(page, table: str, number: int) -> list[str]:
    return page.locator(f"#{table} tbody tr td:nth-child({number})").all_inner_texts()


def test_a_table_is_sorted_and_filtered(opened):
    page, _ = opened
    heads = page.locator("#networks thead th").all_inner_texts()
    seed = 1 + [head.strip() for head in heads].index("seed")
    assert column(page, "networks", seed) == list("01234")
    button = page.locator(f"#networks thead th:nth-child({seed}) [role=button]").first
    button.focus()
    page.keyboard.press("Enter")
    assert column(page, "networks", seed) == list("01234")
    page.keyboard.press("Enter")
    assert column(page, "networks", seed) == list("43210")
    page.get_by_label("Filter: Networks").fill("n8-s3")
    assert column(page, "networks", seed) == ["3"]
    assert "of 5" in " ".join(page.locator("#networks .dt-info").all_inner_texts())
    page.get_by_label("Filter: Networks").fill("no such network")
    assert column(page, "networks", 1) == ["No row fits the filter."]


def test_a_point_tells_its_network(opened):
    page, _ = opened
    told = page.locator("#told")
    assert told.is_hidden()
    points = page.locator("a[data-network]")
    assert points.count() == 5
    for k, name in enumerate(pictures.names(5)):
        points.nth(k).locator("circle").hover()
        assert told.inner_text() == name
        box = told.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]
    page.keyboard.press("Escape")
    assert told.is_hidden()
    points.nth(2).focus()
    assert told.inner_text() == pictures.names(5)[2]


def test_a_point_leads_to_its_network_past_a_filter(opened):
    page, _ = opened
    page.get_by_label("Filter: Networks").fill("n8-s3")
    assert not page.locator("#network-1").count()
    page.locator("a[data-network=flipflop-n8-s1]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#network-1")
    assert page.evaluate("document.querySelector(':target').id") == "network-1"
    assert page.locator("#network-1").is_visible()


def test_it_can_be_read_without_scripts(browser, path):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(path.as_uri())
        assert page.locator("#networks tbody tr").count() == 5
        assert page.locator("h1").is_visible()


def test_on_paper_there_is_all_but_what_needs_a_screen(browser, path):
    page = browser.new_page(viewport=DESK)
    page.goto(path.as_uri())
    page.wait_for_selector(".dt-search input")
    page.emulate_media(media="print")
    for hidden in ("nav", ".dt-search", "#told"):
        assert page.locator(hidden).first.is_hidden()
    visible = "rows => rows.filter(row => row.checkVisibility()).length"
    assert page.locator("#table-0 tbody tr").evaluate_all(visible) == 12
    # A4 less its margins is 688 pixels wide.
    page.set_viewport_size({"width": 688, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) >= 4
    page.close()
