"""A tiny SMTP server (RFC 5321) that can refuse, stall and lose its answer."""

import socketserver
import threading
from typing import Self


class FakeSmtp:
    """Use as ``with FakeSmtp() as smtp: smtp.port``. ``replies`` overrides the answer to a verb, like RCPT.

    ``stall_after_data``: the mail is taken, but the answer never comes.
    """

    def __init__(self) -> None:
        self.mails: list[str] = []
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
        self._say("220 fake")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "DATA":
                self._take()
            else:
                self._say(self.smtp.replies.get(verb, "250 ok"))

    def _take(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        refusal = self.smtp.replies.get("DATA")
        if not refusal:
            self.smtp.mails.append("".join(lines))
        if self.smtp.stall_after_data:
            self.smtp.over.wait(60)
        self._say(refusal or "250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
