"""How domain objects become rows: the whole object as JSON beside the few columns that queries need."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreSchema, PydanticSerializationError, SchemaValidator
from pydantic_core.core_schema import chain_schema, datetime_schema, str_schema

from app.errors import LedgerError
from app.ledger.chain import Link
from app.model import (
    AccountState,
    Breaker,
    CopyMark,
    Delivery,
    Event,
    Facts,
    Finding,
    Pause,
    Refusal,
    RememberedUser,
    RunRecord,
    Snooze,
)
from app.plan.kept import Approval, HeldPlan, Hold, Trial

T = TypeVar("T")
# As we write them. pydantic alone would also take an instant without its zone, and a number of seconds.
_FORM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
_INSTANT = chain_schema([str_schema(strict=True, pattern=_FORM), datetime_schema()])


class Codec(Generic[T]):
    """JSON to and fro. Instants keep their microseconds, and come back aware.

    Read strictly: a row is of our own making, so what has another type was not written by us.
    """

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._validator = SchemaValidator(_strict(self._adapter.core_schema))

    def dump(self, value: T) -> str:
        """What is no Unicode in a text is written as question marks, as in the audit trail (`chain.py`)."""
        try:
            return self._adapter.dump_json(value).decode()
        except PydanticSerializationError:
            return self._adapter.dump_json(_legible(value)).decode()

    def load(self, body: str) -> T:
        """Raises `LedgerError`, without the row's content, when it isn't what was written."""
        try:
            found: T = self._validator.validate_json(body)
        except ValidationError:
            raise LedgerError("the ledger holds a row that is damaged: restore it from a backup") from None
        return found


def _legible(value: Any) -> Any:
    """A command line may hold any bytes, and another service's JSON half of a pair of surrogates."""
    if type(value) is str:
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_legible(key): _legible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_legible, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _legible(getattr(value, field.name)) for field in fields(value)})
    return value


def _strict(schema: CoreSchema) -> CoreSchema:
    """A copy of pydantic's schema that takes no number for a truth, nor a text for a number."""

    def copied(part: Any) -> Any:
        if isinstance(part, list):
            return [copied(value) for value in part]
        if not isinstance(part, dict):
            return part
        kind = part.get("type")
        strict = {"strict": True} if kind in ("bool", "int", "float", "str") else {}
        return _INSTANT if kind == "datetime" else {n: copied(value) for n, value in part.items()} | strict

    result: CoreSchema = copied(schema)
    return result


FACTS: Codec[Facts] = Codec(Facts)
FINDING: Codec[Finding] = Codec(Finding)
DELIVERY: Codec[Delivery] = Codec(Delivery)
SNOOZE: Codec[Snooze] = Codec(Snooze)
REFUSAL: Codec[Refusal] = Codec(Refusal)
EVENT: Codec[Event] = Codec(Event)  # read only: `chain.py` writes events
ACCOUNT: Codec[AccountState] = Codec(AccountState)
USER: Codec[RememberedUser] = Codec(RememberedUser)
HELD_PLAN: Codec[HeldPlan] = Codec(HeldPlan)
APPROVAL: Codec[Approval] = Codec(Approval)
HOLD: Codec[Hold] = Codec(Hold)
TRIAL: Codec[Trial] = Codec(Trial)
BREAKER: Codec[Breaker] = Codec(Breaker)
RUN: Codec[RunRecord] = Codec(RunRecord)
PAUSE: Codec[Pause] = Codec(Pause)
LINK: Codec[Link] = Codec(Link)
COPY: Codec[CopyMark] = Codec(CopyMark)
