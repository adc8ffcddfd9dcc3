"""A real PostgreSQL server for tests, on a folder and a port of its own; None where it isn't installed.

It ends with whoever started it, however that ends: no server outlives a test that was killed.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import psycopg

from tests.servers.mortal import dies_with_us

# A crash of the machine may cost a test its database, which nobody would miss.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
STARTS_WITHIN = 30.0  # seconds


@dataclass
class Postgres:
    """Databases of one server. `create` makes an empty one, or a copy of another."""

    programs: Path
    data: Path
    port: int
    made: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def url(self, database: str) -> str:
        return f"postgresql://keysteward@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """Returns the new database's name."""
        self.made += 1
        name = f"ledger_{self.made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        return name

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())

    def start(self) -> None:
        settings = {**FAST, "port": str(self.port), "listen_addresses": "127.0.0.1"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        options.append(f"--unix_socket_directories={self.data}")
        with (self.data.parent / "log").open("ab") as log:
            self._process = _as_owner(
                str(self.programs / "postgres"), "-D", str(self.data), *options, log=log
            )
        self._wait()

    def stop(self) -> None:
        """At once, as after a loss of power: the next start recovers."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STARTS_WITHIN)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _wait(self) -> None:
        until = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return


@contextmanager
def postgres_server() -> Iterator[Postgres | None]:
    """Stopped and gone at the end."""
    programs = _programs()
    if programs is None:
        yield None
        return
    with TemporaryDirectory(prefix="keysteward-postgres-") as folder:  # pytest's own is closed to other users
        data = Path(folder, "data")
        data.mkdir(mode=0o700)
        _give_away(Path(folder), data)
        init = ("-A", "trust", "-U", "keysteward", "-E", "UTF8", "--locale=C", "--no-sync")
        _as_owner(str(programs / "initdb"), "-D", str(data), *init).wait(60)
        server = Postgres(programs, data, _free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _programs() -> Path | None:
    """Debian keeps them out of the PATH."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _give_away(folder: Path, data: Path) -> None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(data, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o711)


def _as_owner(*command: str, log: BinaryIO | None = None) -> "subprocess.Popen[bytes]":
    """As root it becomes PostgreSQL's own user, then asks to die with us: a change of user undoes that."""
    become = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=QUIT")
    owner = become if os.geteuid() == 0 else ()
    out = log or subprocess.DEVNULL
    return subprocess.Popen((*owner, *command), stdout=out, stderr=out, cwd="/", preexec_fn=dies_with_us)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
