"""Rows that an older version wrote are still read."""

import json

from app.ledger.rows import RUN
from app.model import Coverage
from tests.fakes import ledger_rows as rows


def test_of_an_older_versions_run_no_coverage_is_known() -> None:
    body = json.loads(RUN.dump(rows.run(coverage=Coverage(1, 1))))
    del body["coverage"]
    assert RUN.load(json.dumps(body)).coverage == Coverage()
