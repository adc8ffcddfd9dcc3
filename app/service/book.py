"""The findings of one run as they stand in the ledger, kept in step with what is written."""

from collections.abc import Iterable
from dataclasses import replace

from app.ledger.interface import Ledger, LedgerView
from app.model import Finding, FindingState


class Book:
    """The current findings by id. `Change`s must carry the revision that the ledger holds."""

    def __init__(self, view: LedgerView) -> None:
        self._findings = {f.id: f for f in view.findings.values()}

    @staticmethod
    def open(ledger: Ledger) -> "Book":
        return Book(ledger.view())

    def get(self, finding_id: str) -> Finding | None:
        return self._findings.get(finding_id)

    def siblings(self, finding_id: str, sink: str, ticket: str) -> int:
        """How many other unresolved findings share ``ticket`` on ``sink``."""
        if not ticket:
            return 0
        return sum(
            f.id != finding_id
            and f.state is not FindingState.RESOLVED
            and f.refs.get(sink, {}).get("key") == ticket
            for f in self._findings.values()
        )

    def wrote(self, findings: Iterable[Finding]) -> None:
        """Each of ``findings`` has just been written: its revision rose by one."""
        for finding in findings:
            self._findings[finding.id] = replace(finding, revision=finding.revision + 1)

    def with_refs(self, finding_id: str, sink: str, refs: dict[str, str]) -> tuple[Finding, ...]:
        """The finding with ``sink``'s references, or nothing when they are known already."""
        finding = self._findings.get(finding_id)
        if finding is None or not refs or finding.refs.get(sink) == refs:
            return ()
        return (replace(finding, refs={**finding.refs, sink: refs}),)
