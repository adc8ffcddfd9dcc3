"""A small fake SES over HTTP: SendRawEmail (v1, the query protocol) and the suppression list (v2, REST)."""

import base64
from urllib.parse import unquote

from tests.fakes.http import Answer, Fault, HttpFake, Request, status

_RESULT = "<SendRawEmailResult><MessageId>m-1</MessageId></SendRawEmailResult>"
_SENT = f"<SendRawEmailResponse>{_RESULT}</SendRawEmailResponse>"
_LIST = "/v2/email/suppression/addresses/"


class FakeSes(HttpFake):
    """``suppressed`` is address → BOUNCE or COMPLAINT. Operations: "send" and "suppressed"."""

    def __init__(self) -> None:
        super().__init__()
        self.suppressed: dict[str, str] = {}
        self.sent: list[tuple[list[str], str]] = []  # (recipients, the raw mail)

    def operation(self, request: Request) -> str:
        return "suppressed" if request.path.startswith(_LIST) else "send"

    def answer(self, request: Request) -> Answer:
        if self.operation(request) == "send":
            to = [value for name, value in request.body.items() if name.startswith("Destinations.member")]
            self.sent.append((to, base64.b64decode(request.body["RawMessage.Data"]).decode()))
            return Answer(body=_SENT)
        address = unquote(request.path.removeprefix(_LIST))
        if address not in self.suppressed:
            return Answer(404, {"message": "not on it"}, {"x-amzn-ErrorType": "NotFoundException"})
        found = {"EmailAddress": address, "Reason": self.suppressed[address], "LastUpdateTime": 1.79e9}
        return Answer(body={"SuppressedDestination": found})


def refusal(code: int, kind: str) -> Fault:
    """An error of the REST API (v2): ``refusal(403, "AccessDeniedException")``."""
    return status(code, {"message": "no"}, x_amzn_ErrorType=kind)


def query_refusal(code: int, kind: str) -> Fault:
    """An error of the query API (v1)."""
    return status(code, f"<ErrorResponse><Error><Code>{kind}</Code></Error></ErrorResponse>")
