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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import psycopg

from tests.servers.mortal import dies_with_us

# A crash of the machine may cost a test its database, which nobody would miss.
FAST = {"fsync": "off", "full_page_writes": "off", "max_connections": "60"}
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

    @contextmanager
    def login(self, user: str, password: str) -> Iterator[None]:
        """A role that needs its password, unlike all others; for the length of the block."""
        rules = self.data / "pg_hba.conf"
        before = rules.read_text()
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{before}")
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'".encode())
            db.execute("SELECT pg_reload_conf()")
            _until(lambda: not self._lets_in(user))
            try:
                yield
            finally:
                rules.write_text(before)
                db.execute(f"DROP ROLE {user}".encode())
                db.execute("SELECT pg_reload_conf()")

    @contextmanager
    def standby(self) -> Iterator["Postgres"]:
        """A server that follows this one, and only reads."""
        with TemporaryDirectory(prefix="keysteward-standby-") as folder:
            data = _new_data(Path(folder))
            source = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "keysteward")
            copy = (str(self.programs / "pg_basebackup"), "-D", str(data), "-R", "-c", "fast", "--no-sync")
            _as_owner(*copy, *source).wait(60)
            with _running(Postgres(self.programs, data, _free_port())) as server:
                yield server

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
        _until(lambda: self._lets_in("keysteward"))

    def _lets_in(self, user: str) -> bool:
        try:
            psycopg.connect(self.url("postgres").replace("keysteward@", f"{user}@")).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server() -> Iterator[Postgres | None]:
    """Stopped and gone at the end."""
    programs = _programs()
    if programs is None:
        yield None
        return
    with TemporaryDirectory(prefix="keysteward-postgres-") as folder:  # pytest's own is closed to other users
        data = _new_data(Path(folder))
        init = ("-A", "trust", "-U", "keysteward", "-E", "UTF8", "--locale=C", "--no-sync")
        _as_owner(str(programs / "initdb"), "-D", str(data), *init).wait(60)
        with _running(Postgres(programs, data, _free_port())) as server:
            yield server


@contextmanager
def _running(server: Postgres) -> Iterator[Postgres]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while not done():
        if time.monotonic() > until:
            raise TimeoutError("PostgreSQL is not ready")
        time.sleep(0.05)


def _programs() -> Path | None:
    """Debian keeps them out of the PATH."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _new_data(folder: Path) -> Path:
    """PostgreSQL refuses to run as root."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(data, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o711)
    return data


def _as_owner(*command: str, log: BinaryIO | None = None) -> "subprocess.Popen[bytes]":
    """As root it becomes PostgreSQL's own user, and then asks to die with us: changing users undoes that."""
    become = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=QUIT")
    owner = become if os.geteuid() == 0 else ()
    out = log or subprocess.DEVNULL
    return subprocess.Popen((*owner, *command), stdout=out, stderr=out, cwd="/", preexec_fn=dies_with_us)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
