"""One key read live: what is no answer is an error of ours, which holds one act rather than ending a run."""

from datetime import timedelta
from typing import Any

import pytest

from app.errors import Permanent
from app.inventory.api import Api
from app.inventory.users import IamLiveReader
from app.model import Account
from tests.fakes.clock import Sleeper
from tests.fakes.ledger_rows import NOW
from tests.fakes.wire import ScriptedWire, scripted_api


class Answers(ScriptedWire):
    """Well-formed, and of another shape than IAM's."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.answers = answers

    def send(self, operation: str, *_: object) -> Any:
        return self.answers.get(operation, {})


class OneApi:
    def __init__(self, api: Api) -> None:
        self.api = api

    def reading(self, account: Account, allowed: timedelta) -> Api:
        return self.api


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"get_user": {"User": {}}},
        {
            "get_user": {"User": {"Path": "/"}},
            "list_access_keys": {"AccessKeyMetadata": [{"Status": "Active"}]},
        },
        {
            "get_user": {"User": {"Path": "/"}},
            "list_access_keys": {"AccessKeyMetadata": [{"AccessKeyId": "AKIAEXAMPLE000000001"}]},
        },
    ],
)
def test_an_answer_of_another_shape_is_an_error_that_holds(answers: dict[str, Any]) -> None:
    reader = IamLiveReader(OneApi(scripted_api(Answers(**answers), Sleeper())))  # type: ignore[arg-type]
    with pytest.raises(Permanent, match="unknown shape"):
        reader.read(Account("111122223333"), "ci", "AKIAEXAMPLE000000001", NOW)
