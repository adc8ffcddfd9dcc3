"""The status page in a real browser: what people do on it without JavaScript, and whether all can read it."""

import json
import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.clock import FixedClock
from app.service.snapshot import Health, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import create_app, serve
from tests.fakes.pictures import NOW
from tests.fakes.stories import ID, OneStory, crowd, dossier

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PATIENCE_MS = 120_000
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
ROUTES = ("/", "/findings", "/findings?state=warn&sort=-user&page=2", "/findings?q=nobody", f"/findings/{ID}",
          "/accounts", "/held", "/findings?page=x", "/nothing")  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed"),
    pytest.mark.skipif(not find_spec("playwright"), reason="playwright is not installed"),
    pytest.mark.skipif(not find_spec("axe_core_python"), reason="axe-core-python is not installed"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server with 300 findings, one of which has a story."""
    holder = SnapshotHolder(crowd(300))
    health = Health(time.monotonic, lambda: None, config_loaded=True)
    registry = build_registry(SnapshotCollector(holder.get, Counters()))
    story = OneStory(dossier())
    app = create_app(holder, health, registry, public_page=False, clock=FixedClock(NOW), dossiers=story)
    server = serve(app, "127.0.0.1:0")
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS, timeout=PATIENCE_MS)
        yield made
        made.close()


@pytest.fixture
def page(browser: "Browser", address: str) -> "Iterator[Page]":
    """A wide window in which no script runs."""
    context = opened(browser, address, java_script_enabled=False)
    yield context.new_page()
    context.close()


def opened(browser: "Browser", address: str, **options: Any) -> "BrowserContext":
    context = browser.new_context(base_url=address, viewport=options.pop("viewport", DESKTOP), **options)
    context.set_default_timeout(PATIENCE_MS)
    return context


def users(page: "Page") -> list[str]:
    return page.locator('[data-label="User"] .address').all_inner_texts()


def downloaded(page: "Page", name: str) -> str:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name).click()
    return Path(waiting.value.path()).read_text("utf-8")


def test_findings_are_filtered_sorted_and_paged_without_a_script(page: "Page") -> None:
    page.goto("/")
    page.get_by_role("link", name="All 300 findings").click()
    page.get_by_label("Stage").select_option("warn")
    page.get_by_label("Order").select_option("by user")
    page.get_by_role("button", name="Show").click()
    assert "1 to 50 of 200 that match" in page.locator("caption").inner_text()
    assert users(page)[:2] == ["user-00001", "user-00002"]
    page.get_by_role("link", name="Next page").click()
    assert "51 to 100 of 200" in page.locator("caption").inner_text()
    assert page.get_by_label("Stage").input_value() == "warn"
    page.get_by_role("columnheader", name="User").get_by_role("link").click()
    assert page.locator('[aria-sort="descending"]').inner_text() == "User"
    assert users(page)[0] == "user-00299"
    page.get_by_role("link", name="Clear").click()
    assert "1 to 50 of 300" in page.locator("caption").inner_text()


def test_a_search_leads_to_one_finding_and_its_story(page: "Page") -> None:
    page.goto("/findings")
    page.get_by_label("Search").fill("user-00001")
    page.get_by_label("Search").press("Enter")
    assert users(page) == ["user-00001"]
    page.get_by_role("link", name=ID).click()
    assert page.get_by_role("heading", level=1).inner_text() == "…0001 of user-00001 in prod"
    assert page.locator(".ladder [aria-current=step] strong").inner_text() == "final"
    assert "1 of 2 required notices delivered" in page.locator(".ladder").inner_text()
    assert "The key was read live at" in page.locator(".trail").inner_text()


def test_a_day_of_the_calendar_and_an_account_lead_to_their_findings(page: "Page") -> None:
    page.goto("/")
    page.get_by_role("link", name="due on 25 November").click()
    assert page.get_by_label("Due on").input_value() == "2026-11-25"
    assert "of 10 that match" in page.locator("caption").inner_text()
    page.goto("/accounts?q=prod")
    page.get_by_role("link", name="findings of prod").click()
    assert "of 300 that match" in page.locator("caption").inner_text()


def test_what_is_shown_can_be_downloaded(page: "Page") -> None:
    page.goto("/findings?state=final&sort=user")
    lines = downloaded(page, "CSV of findings").splitlines()
    assert len(lines) == 101
    assert ",user-00000,…0000," in lines[1]
    rows = json.loads(downloaded(page, "JSON of findings"))["findings"]
    assert [row["user"] for row in rows[:2]] == ["user-00000", "user-00003"]


def test_the_keyboard_alone_gets_to_the_content_and_sees_where_it_is(page: "Page") -> None:
    page.goto("/findings")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    box = skip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("main a:focus").inner_text().startswith("CSV")


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_is_wider_than_a_phone(browser: "Browser", address: str, route: str) -> None:
    context = opened(browser, address, viewport=PHONE)
    page = context.new_page()
    page.goto(route)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_serious(
    browser: "Browser", address: str, route: str, scheme: Any, viewport: dict[str, int]
) -> None:
    from axe_core_python.sync_playwright import Axe

    context = opened(browser, address, viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(route)
    for folded in page.locator("details").all():
        folded.click()
    found = Axe().run(page)["violations"]
    serious = [
        (rule["id"], rule["help"], [node["html"][:200] for node in rule["nodes"][:3]])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    context.close()
    assert serious == []


def test_no_page_breaks_its_own_content_security_policy(browser: "Browser", address: str) -> None:
    context = opened(browser, address)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for route in ROUTES[:7]:
        page.goto(route)
    context.close()
    assert said == []


def test_on_paper_there_is_no_menu_and_no_form(browser: "Browser", address: str) -> None:
    context = opened(browser, address)
    page = context.new_page()
    page.goto("/findings")
    page.emulate_media(media="print")
    assert not page.locator(".menu").is_visible()
    assert not page.locator(".filters").is_visible()
    assert page.locator("table.findings").is_visible()
    context.close()
