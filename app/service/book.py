"""The findings that a run touches, as they stand in the ledger when it asks."""

from dataclasses import dataclass, replace

from app.ledger.interface import Ledger
from app.model import Finding


@dataclass(frozen=True, slots=True)
class Book:
    """Reads one finding at a time: a `Change` must carry the revision that the ledger holds."""

    ledger: Ledger

    def get(self, finding_id: str) -> Finding | None:
        return self.ledger.finding(finding_id)

    def siblings(self, finding_id: str, sink: str, ticket: str) -> int:
        """How many other unresolved findings share ``ticket`` on ``sink``."""
        return sum(f.id != finding_id for f in self.ledger.on_ticket(sink, ticket)) if ticket else 0

    def with_refs(self, finding_id: str, sink: str, refs: dict[str, str]) -> tuple[Finding, ...]:
        """The finding with ``sink``'s references, or nothing when they are known already."""
        finding = self.get(finding_id)
        if finding is None or not refs or finding.refs.get(sink) == refs:
            return ()
        return (replace(finding, refs={**finding.refs, sink: refs}),)
