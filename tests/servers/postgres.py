"""A real PostgreSQL server for tests, on a folder and a port of its own; None where it isn't installed."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

# A crash of the machine may cost a test its database, which nobody would miss.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}


@dataclass
class Postgres:
    """Databases of one server. `create` makes an empty one, or a copy of another."""

    programs: Path
    data: Path
    port: int
    made: int = 0

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
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        options += f" -c unix_socket_directories={self.data}"
        self._control("start", "-w", "-l", str(self.data / "log"), "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        self._control("stop", "-w", "-m", mode)

    def _control(self, *args: str) -> None:
        _as_owner(str(self.programs / "pg_ctl"), "-s", "-D", str(self.data), *args)


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
        _as_owner(str(programs / "initdb"), "-D", str(data), *init)
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


def _as_owner(*command: str) -> None:
    owner = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    subprocess.run((*owner, *command), check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
