"""The page of a pack in a real browser: accessible, and readable on a phone, in light and dark."""

from importlib.resources import files
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from app.ledger.memory import MemoryLedger
from app.model import Account, Inventory, ScanFailure
from app.policy.rules import Exemption, Match, Policy, Rule
from app.report.evidence import Evidence
from app.report.origin import Origin
from app.report.pack import fill, new_pack
from app.report.standards import STANDARDS
from tests.unit.report.test_assess import DAY, NOW, PROD, judged, key

pytestmark = pytest.mark.slow
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
PATIENCE_MS = 60_000
VIOLATIONS = "async () => (await axe.run()).violations.map(one => `${one.id}: ${one.nodes[0].html}`)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a row in every table."""
    sealed = Rule("sealed", Match(), exemption=Exemption("Sealed", "ciso@example.com"))
    evidence = Evidence(STANDARDS["cis"], Policy((sealed,)))
    keys = [judged(key(400 * DAY)), judged(key(500 * DAY, user="bo"), exempt=True)]
    found = tuple(one.credential for one in keys)
    evidence.take(Inventory(PROD, NOW, found, frozenset(), root_keys=1), keys)
    evidence.take(ScanFailure(Account("999999999999", "a-rather-long-name-of-an-account"), NOW, "denied"), [])
    evidence.close([], NOW)
    folder = tmp_path_factory.mktemp("report") / "pack"
    with new_pack(folder) as pack:
        fill(pack, evidence, Origin(NOW, "observe", "0" * 64), MemoryLedger())
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Any:
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync.sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield launched
        launched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_accessible_and_fits(browser: Any, page: Path, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_core_python", reason="needs axe")
    shape = {"width": width, "height": 900}
    with browser.new_context(color_scheme=scheme, viewport=shape, bypass_csp=True) as context:
        context.set_default_timeout(PATIENCE_MS)
        tab = context.new_page()
        tab.goto(page.as_uri())
        tab.evaluate((files(axe) / "axe.min.js").read_text())
        assert tab.evaluate(VIOLATIONS) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_asks_for_nothing_and_runs_nothing(browser: Any, page: Path) -> None:
    asked: list[str] = []
    with browser.new_context() as context:
        context.on("request", lambda request: asked.append(request.url))
        tab = context.new_page()
        tab.goto(page.as_uri(), timeout=PATIENCE_MS)
        assert tab.locator("table").count() >= 6
    assert asked == [page.as_uri()]
