"""Credential reports: a half that is taken for a whole would make users vanish, and their keys look gone."""

import re
from datetime import UTC, datetime

from app.inventory.report import Malformed, parse_report
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser, report_csv
from tests.fakes.slow_report import reference
from tests.fuzz import texts
from tests.fuzz.attack import attack, each_effort, tried

MADE, USED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
KEYS = [FakeKey("AKIA1", MADE, last_used=USED), FakeKey("AKIA2", USED, "Inactive")]
USERS = [FakeUser("ann", KEYS, "/division/x/"), FakeUser("b;ob"), FakeUser("gü@example.com", KEYS[:1])]
PLAIN = report_csv(FakeAccount("111122223333", USERS, root_keys=1))
QUOTED = re.sub(r"([^,\n]*);([^,\n]*)", r'"\1,\2"', PLAIN)
VALID = (PLAIN, QUOTED, PLAIN.replace("\n", "\r\n") + "\r\n", "\ufeff" + PLAIN)


@each_effort
def test_a_report_is_refused_or_every_line_of_it_is_somebody(examples: int) -> None:
    attack(texts.spoiled(VALID), check, examples)


def check(text: str) -> None:
    content = texts.as_bytes(text)
    report, words = tried(lambda: parse_report(content), Malformed)
    assert report == reference(content)
    if report is None:
        assert words.isprintable()
        return
    lines = text.removeprefix("\ufeff").splitlines()[1:]
    of_root = sum(line.startswith(("<root_account>,", '"<root_account>",')) for line in lines)
    assert len(report.rows) + of_root == len(lines)
    for user, row in report.rows.items():
        assert any(user in line and line.count("true") >= sum(k.active for k in row.keys) for line in lines)
