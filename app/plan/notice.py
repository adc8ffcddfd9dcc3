"""One notice of one finding: everything a reader needs, already decided, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.model import Caller

NoticeKind = Literal["warning", "done", "exemption", "resolved"]
Urgency = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What every sink renders in its own form. Built by `plan/render.py`; stored in the delivery as JSON.

    ``kind``: ``warning`` (a notice stage), ``done`` (an act that has just succeeded), ``exemption`` (an
    exemption nears its end), ``resolved``.
    ``refs`` are this sink's references on the finding, filled in just before sending.
    ``key_tail`` is the masked key. No field ever holds a full key id.
    """

    finding_id: str
    episode: int
    kind: NoticeKind
    stage: str
    occurrence: int
    act: Literal["deactivate", "delete"] | None  # what comes next, or what was just done
    act_at: datetime | None  # the day of `act`, or on which it was done; None: no date is named
    key_tail: str  # "…WXYZ"
    user: str
    account_id: str
    account: str
    owner: str  # e-mail address
    owner_how: str
    created: datetime
    age_days: int
    last_used: str  # "2 h ago by s3 in eu-central-1", "never", "unknown (why)"
    status: str
    rule: str
    reason: str  # one sentence: why this key is on the ladder
    urgency: Urgency
    headline: str  # one line: "Rotate key …WXYZ of ci-deploy in prod: it will be deactivated on 27 Nov 2026"
    steps: tuple[str, ...]  # how to rotate it, three steps
    ticket: str = ""  # the ticket's key or URL when one exists
    owner_is_fallback: bool = False
    next_owners: tuple[tuple[str, str], ...] = ()  # (address, how): who is asked when the owner can't be
    advice: str = ""  # how to get rid of the key by what it is used for
    callers: tuple[Caller, ...] = ()  # who uses it, most calls first; empty: not known
    snoozable: bool = False  # its rule lets the owner put it on hold
    siblings: int = 0  # other unresolved findings on the same ticket, filled in just before sending
    refs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["act_at"] = self.act_at.isoformat() if self.act_at else None
        data["created"] = self.created.isoformat()
        data["steps"] = list(self.steps)
        data["refs"] = dict(self.refs)
        data["next_owners"] = [list(pair) for pair in self.next_owners]
        data["callers"] = [caller.to_json() for caller in self.callers]
        return data

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Notice":
        act_at = datetime.fromisoformat(data["act_at"]) if data["act_at"] else None
        created = datetime.fromisoformat(data["created"])
        read: dict[str, Any] = {
            **data,
            "act_at": act_at,
            "created": created,
            "steps": tuple(data["steps"]),
            "next_owners": tuple((address, how) for address, how in data.get("next_owners", ())),
            "callers": tuple(map(Caller.from_json, data.get("callers", ()))),
        }
        return Notice(**read)
