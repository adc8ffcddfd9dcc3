"""A tiny SMTP server (RFC 5321, 3207, 4954) that can encrypt, refuse, stall and lose its answer."""

import base64
import socketserver
import ssl
import threading
from typing import Self


class FakeSmtp:
    """Use as ``with FakeSmtp() as smtp: smtp.port``. ``replies`` overrides the answer to a verb, like RCPT.

    ``stall_after_data``: the mail is taken, but the answer never comes. ``tls`` is offered by STARTTLS,
    or holds from the first byte when ``implicit``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        self.tls = tls
        self.implicit = implicit
        self.mails: list[str] = []
        self.recipients: list[str] = []
        self.unknown: set[str] = set()  # mailboxes that it does not have
        self.logins: list[tuple[str, str]] = []
        self.encrypted = False  # the last mail came over TLS
        self.replies: dict[str, str] = {}
        self.stall_after_data = False
        self.over = threading.Event()
        fake = self

        class Handler(_Handler):
            smtp = fake

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(socketserver.StreamRequestHandler):
    smtp: FakeSmtp

    def handle(self) -> None:
        if self.smtp.implicit:
            self._encrypt()
        self._say("220 fake")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            reply = self.smtp.replies.get(verb)
            if verb == "DATA":
                self._take()
            elif reply:
                self._say(reply)
            else:
                self._do(verb, line)

    def _do(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            offers = ["STARTTLS"] if self.smtp.tls and not self.smtp.implicit else []
            self._say("\r\n".join(f"250-{line}" for line in ("fake", *offers)) + "\r\n250 AUTH PLAIN")
            return
        if verb == "RCPT":
            self._rcpt(line.partition("<")[2].partition(">")[0])
            return
        if verb == "AUTH":
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
            self.smtp.logins.append((user, password))
        self._say("220 go on" if verb == "STARTTLS" else "235 ok" if verb == "AUTH" else "250 ok")
        if verb == "STARTTLS":
            self._encrypt()

    def _rcpt(self, address: str) -> None:
        known = address not in self.smtp.unknown
        if known:
            self.smtp.recipients.append(address)
        self._say("250 ok" if known else "550 no such user")

    def _encrypt(self) -> None:
        assert self.smtp.tls
        self.request = self.smtp.tls.wrap_socket(self.request, server_side=True)
        self.setup()

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        refusal = self.smtp.replies.get("DATA")
        if not refusal:
            self.smtp.mails.append("".join(lines))
            self.smtp.encrypted = isinstance(self.request, ssl.SSLSocket)
        if self.smtp.stall_after_data:
            self.smtp.over.wait(60)
        self._say(refusal or "250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
