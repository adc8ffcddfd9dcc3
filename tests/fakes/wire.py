"""A `Wire` that answers from a script, and an `Api` around it in time that passes only by sleeping."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from botocore import exceptions as sdk
from botocore.credentials import ReadOnlyCredentials

from app.inventory.api import Api, Deadline, Pace
from app.inventory.budget import Budget, RetryBudget, Unbudgeted
from app.inventory.credentials import HubScope
from app.inventory.tempo import Tempo
from tests.fakes.clock import Sleeper


def refusal(code: str, status: int = 400) -> sdk.ClientError:
    error = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return sdk.ClientError(error, "ListAccessKeys")  # type: ignore[arg-type]


class ScriptedWire:
    """Each call takes the next of ``script``: an error to raise, or whatever else to answer with {}."""

    service, endpoint = "iam", "https://iam.example"

    def __init__(self, *script: Exception | None, then: Exception | None = None) -> None:
        self.script, self.then, self.sent = list(script), then, 0

    def action(self, operation: str) -> str:
        return "".join(word.title() for word in operation.split("_"))

    def send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]:
        self.sent += 1
        error = self.script.pop(0) if self.script else self.then
        if error:
            raise error
        return {}

    def close(self) -> None:
        """There is nothing to hang up."""


def scripted_api(
    wire: ScriptedWire,
    time: Sleeper,
    *,
    budget: Budget | None = None,
    retries: RetryBudget | None = None,
    load: Callable[[], ReadOnlyCredentials] = lambda: ReadOnlyCredentials("a", "s", "t"),
    allowed: timedelta = timedelta(minutes=10),
) -> Api:
    def now() -> float:
        return time.now

    pace = Pace(sleep=time.sleep, monotonic=now)
    tempo, deadline = Tempo(now, pace.between), Deadline(allowed, now)
    return Api(
        wire,
        HubScope(load),
        "in account 1",
        deadline,
        pace,
        tempo,
        budget or Unbudgeted(),
        retries or RetryBudget(),
    )
