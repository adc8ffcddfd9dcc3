"""A fake AWS in this process: moto behind a real port, and one account whose role can't be assumed."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
DENIED = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>AccessDenied</Code><Message>Not authorized to perform: sts:AssumeRole</Message></Error>"
    "<RequestId>demo</RequestId></ErrorResponse>"
)


class Quiet(WSGIRequestHandler):
    """No line a request."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        return


class Guarded:
    """Answers AssumeRole into ``denied`` accounts as AWS does when no trust policy allows it."""

    def __init__(self, inner: Wsgi, denied: set[str]) -> None:
        self._inner, self._denied = inner, denied

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        if self._refuses(body):
            start_response("403 Forbidden", [("Content-Type", "text/xml")])
            return [DENIED.encode()]
        return self._inner(environ, start_response)

    def _refuses(self, body: bytes) -> bool:
        if b"Action=AssumeRole" not in body:
            return False
        role = parse_qs(body.decode()).get("RoleArn", [""])[0]
        return any(f"::{account}:" in role for account in self._denied)


@contextmanager
def fake_aws(denied: set[str]) -> Iterator[None]:
    """Serves it on a free port of 127.0.0.1, and points this process's SDK there and nowhere else."""
    app = Guarded(DomainDispatcherApplication(create_backend_app), denied)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, name="fake-aws", daemon=True)
    thread.start()
    _point_sdk_at(f"http://127.0.0.1:{server.server_port}")
    try:
        yield
    finally:
        server.shutdown()


def _point_sdk_at(url: str) -> None:
    """Real credentials, profiles and endpoints of whoever runs the demo are out of its reach."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ENDPOINT_URL=url,
        AWS_ACCESS_KEY_ID="demo",
        AWS_SECRET_ACCESS_KEY="demo",  # noqa: S106 - moto asks for some
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
