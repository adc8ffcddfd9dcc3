"""A receiver of webhooks that drops repeats by their id, as the documentation tells receivers to."""

from tests.fakes.http import Answer, HttpFake, Request


class FakeReceiver(HttpFake):
    """Takes any POST with a 202. ``received`` holds the requests that took effect."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Request] = []

    def operation(self, request: Request) -> str:
        return "post"

    def answer(self, request: Request) -> Answer:
        self.received.append(request)
        return Answer(202)

    def messages(self, event: str = "notice") -> dict[str, Request]:
        """What a receiver keeps of Keysteward's own events: one request an id."""
        kept = (request for request in self.received if request.body.get("event") == event)
        return {request.headers["Webhook-Id"]: request for request in kept}
