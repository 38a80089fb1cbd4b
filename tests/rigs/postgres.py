"""Runs Debian's PostgreSQL in a temporary folder: one server per test process, a fresh database per test.

Relies on the programs `initdb` and `postgres` and on psycopg. Listens on loopback alone, with no password.
It does not wait for the disk: what is committed outlives a crash of the server, not of the machine. Works as
root (the server then runs as `postgres` or `nobody`, since it refuses root) and as an ordinary user. A server
never outlives the tests: it ends when the pipe that this process holds is closed, and a killed process closes
it too.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.rigs.components import require_component
from tests.rigs.ports import free_port

ROLE = "brevdue"
START_SECONDS = 60.0
INSTALL = "apt-get install postgresql"

# Waits for the end of standard input, then shuts the server down fast; $! is the server itself. It folds up
# too when the server has died by itself, once the pipe is closed.
_GUARD = '"$@" & server=$!; cat >/dev/null; kill -INT "$server" 2>/dev/null; wait "$server"'

# The machine's fall is not tested, so nothing waits for the disk; commits still survive a fall of the server.
_SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "unix_socket_directories": "",
}


def find_programs() -> Path | None:
    """Returns the folder of the newest PostgreSQL server programs, or None."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0,
        reverse=True,
    )
    on_path = shutil.which("postgres")
    candidates = [*debian, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((c for c in candidates if (c / "initdb").exists() and (c / "postgres").exists()), None)


def _server_user() -> pwd.struct_passwd | None:
    """Returns the unprivileged account for the server when we are root, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged account (postgres, nobody) to run PostgreSQL as")


class PostgresServer:
    """One PostgreSQL server; `start`, `stop`, `crash` and `restart` keep its port and its data."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.port = 0
        user = _server_user()
        self._user_id = user.pw_uid if user else None
        self._group_id = user.pw_gid if user else None
        self._extra_groups: list[int] | None = [] if user else None
        self._guard: subprocess.Popen[bytes] | None = None
        self._n_databases = itertools.count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="brevdue-postgres-"))
        self._data = self.folder / "data"
        self._log = self.folder / "server.log"

    def create(self) -> None:
        """Makes the data folder and starts the server for the first time, on a free port.

        The port is free when looked for and may be taken before the server has it: then another is tried.
        """
        if self._user_id is not None and self._group_id is not None:
            os.chown(self.folder, self._user_id, self._group_id)
        arguments = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={ROLE}"]
        made = self._run("initdb", f"--pgdata={self._data}", *arguments)
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stdout}")
        for last_try in (False, False, False, False, True):
            self.port = free_port()
            try:
                return self.start()
            except RuntimeError:
                if last_try:
                    raise

    def start(self) -> None:
        """Starts the server and returns when it answers; raises RuntimeError with its log when it doesn't."""
        if self._guard is not None:
            raise RuntimeError("the server is already started")
        options = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
        server = [str(self.programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                user=self._user_id,
                group=self._group_id,
                extra_groups=self._extra_groups,
            )
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shuts the server down: connections are cut, data is kept. Does nothing when it is down."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(timeout=START_SECONDS)

    def crash(self) -> None:
        """Ends the server at once, as a fallen machine would; the next start recovers from its log."""
        server = self.server_pid()
        if server is not None:
            os.kill(server, signal.SIGQUIT)
            _await_end(server)
        self.stop()

    def restart(self) -> None:
        """Stops the server and starts it again on the same port with the same data."""
        self.stop()
        self.start()

    def new_database(self) -> str:
        """Makes an empty database and returns its name."""
        name = f"test_{os.getpid()}_{next(self._n_databases)}"
        self._command(f'CREATE DATABASE "{name}"')
        return name

    def drop_database(self, name: str) -> None:
        """Removes a database and cuts whoever is still connected to it."""
        self._command(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        """Returns the SQLAlchemy URL of one database."""
        return f"postgresql+psycopg://{ROLE}@127.0.0.1:{self.port}/{database}"

    def remove(self) -> None:
        """Stops the server and removes its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Says whether the server was started and not stopped since."""
        return self._guard is not None

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.folder,
            check=False,
            user=self._user_id,
            group=self._group_id,
            extra_groups=self._extra_groups,
        )

    def _command(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=ROLE,
            dbname="postgres",
            autocommit=True,
            connect_timeout=10,
        )

    def server_pid(self) -> int | None:
        """Returns the server's process id as the server itself wrote it down, or None when it has none."""
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _await_answer(self) -> None:
        """Returns when *our* server answers; another one that happens to hold the port is not ours."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            pid = self.server_pid()
            if pid is not None and self._ready(pid):
                return
            if pid is None and "could not create any TCP/IP sockets" in self._tail():
                break
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{self._tail()}")

    def _ready(self, pid: int) -> bool:
        try:
            with self._connect() as connection:
                found = connection.execute(b"SELECT current_setting('data_directory')").fetchone()
        except psycopg.OperationalError:
            return False
        return found == (str(self._data),) and alive(pid)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""


def alive(pid: int) -> bool:
    """Says whether a process of this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while alive(pid):
        if time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL did not end")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Gives this test process's own server, started when the first test asks for it."""
    programs = find_programs()
    require_component("PostgreSQL", programs is not None, INSTALL)
    assert programs is not None
    server = PostgresServer(programs)
    try:
        server.create()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Gives the URL of a fresh, empty database that is gone after the test."""
    if not postgres_server.running:
        postgres_server.start()
    name = postgres_server.new_database()
    yield postgres_server.url(name)
    if not postgres_server.running:
        postgres_server.start()
    postgres_server.drop_database(name)
