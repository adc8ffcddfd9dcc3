"""Says how many inputs each parser was attacked with, also those of other workers."""

from collections import Counter

import pytest

from tests.fuzz import attack

FUZZED = "fuzzed inputs"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.when == "call":
        item.user_properties.append((FUZZED, attack.MADE.total()))
        attack.MADE.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        what = report.nodeid.rpartition("::")[2].partition("[")[0]
        found[what.replace("_", " ")] += dict(report.user_properties).get(FUZZED, 0)
    for what, number in found.items():
        if number:
            terminalreporter.write_line(f"{number:>7,} inputs: {what.removeprefix('test ')}")
