"""Both ways to send a request, and servers that answer as AWS does not."""

import re
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self
from xml.sax.saxutils import escape

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.loaders import create_loader

from app.inventory.credentials import PerCallProvider
from app.inventory.signed import SignedWire, wire_over
from app.inventory.wire import SdkWire, Wire
from tests.fakes.http import Answer, HttpFake, Request

ANN = ReadOnlyCredentials("ASIAANNANNANNANNANNA", "ann's secret", "ann's token==")
PATIENT = 60.0  # seconds: a busy machine is no fault of the answer's
HASTY = 0.5  # for whom no answer comes

LOADER = create_loader()
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/([\w-]+)/(\w+)/aws4_request, "
    r"SignedHeaders=(\S+), Signature=(\w+)"
)


def client(service: str, region: str = "us-east-1", timeout: float = PATIENT) -> BaseClient:
    """As `Sessions` makes them; ``timeout`` in seconds."""
    session = botocore.session.Session()
    session.register_component("data_loader", LOADER)
    session.register_component("credential_provider", PerCallProvider())
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=timeout, read_timeout=timeout
    )
    made: BaseClient = session.create_client(service, region_name=region, config=config)
    return made


def sdk(service: str, timeout: float = PATIENT) -> Wire:
    return SdkWire(client(service, timeout=timeout))


def signed(service: str, timeout: float = PATIENT) -> Wire:
    wire = wire_over(
        client(service, timeout=timeout), botocore.session.Session().get_config_variable("ca_bundle")
    )
    assert isinstance(wire, SignedWire)
    return wire


WIRES: Mapping[str, Callable[..., Wire]] = {"SdkWire": sdk, "SignedWire": signed}


def result(action: str, inner: str) -> str:
    """A good answer of IAM."""
    space = "https://iam.amazonaws.com/doc/2010-05-08/"
    return f'<{action}Response xmlns="{space}"><{action}Result>{inner}</{action}Result></{action}Response>'


class Mirror(HttpFake):
    """An IAM that knows every user: GetUser gives back whoever is asked for. Tests order the rest."""

    def operation(self, request: Request) -> str:
        return str(request.body.get("Action"))

    def answer(self, request: Request) -> Answer:
        name = escape(request.body.get("UserName", ""))
        user = f"<User><UserName>{name}</UserName><Path>/</Path></User>"
        return Answer(200, result("GetUser", user), {"Content-Type": "text/xml"})


def verified(request: Request, url: str, credentials: ReadOnlyCredentials) -> bool:
    """Whether AWS would take the signature: calculated once more by botocore, from what has arrived."""
    found = AUTHORIZATION.fullmatch(request.headers["Authorization"])
    assert found
    key_id, region, service, names, signature = found.groups()
    headers = {name: request.headers[name.title()] for name in names.split(";")}
    arrived = AWSRequest(request.method, url + request.path, headers, request.raw.encode())
    arrived.context["timestamp"] = request.headers["X-Amz-Date"]
    signer: Any = SigV4Auth(credentials, service, region)
    wanted = signer.signature(signer.string_to_sign(arrived, signer.canonical_request(arrived)), arrived)
    token = request.headers.get("X-Amz-Security-Token")
    return (key_id, token, signature) == (credentials.access_key, credentials.token, wanted)


class HangsUp:
    """Gives each connection the next answer, byte for byte, and closes it without a word."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.hung_up = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._listener.accept()
            with connection:
                while b"Action=" not in connection.recv(65536):
                    """The head comes first."""
                connection.sendall(answer)
            self.hung_up.set()
