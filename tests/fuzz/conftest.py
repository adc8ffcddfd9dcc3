"""Says how many inputs each parser was attacked with."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.fuzz import attack

FUZZED = "fuzzed inputs"


@pytest.fixture(autouse=True)
def _counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    before = attack.MADE.total()
    yield
    record_property(FUZZED, attack.MADE.total() - before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        where = report.nodeid.rpartition("/")[2].partition("[")[0]
        found[where] += dict(report.user_properties).get(FUZZED, 0)
    for where, number in sorted(found.items()):
        if number:
            terminalreporter.write_line(f"{number:>9,} inputs  {where}")
