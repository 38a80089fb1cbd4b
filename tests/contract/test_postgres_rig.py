"""The PostgreSQL rig: what the fault tests and both-databases tests rely on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.rigs.postgres import PostgresServer, alive

ROOT = Path(__file__).resolve().parents[2]


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def _note(url: str) -> None:
    with _connect(url) as connection:
        connection.execute("CREATE TABLE note (word text)")
        connection.execute("INSERT INTO note VALUES ('due')")


def _words(url: str) -> list[tuple[str, ...]]:
    with _connect(url) as connection:
        return connection.execute("SELECT word FROM note").fetchall()


def test_a_database_is_empty_and_writable(postgres_url: str) -> None:
    with _connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname='public'").fetchone() == (
            0,
        )
    _note(postgres_url)
    assert _words(postgres_url) == [("due",)]


def test_each_test_gets_a_database_of_its_own(postgres_url: str, postgres_server: PostgresServer) -> None:
    _note(postgres_url)
    other = postgres_server.new_database()
    try:
        with (
            _connect(postgres_server.url(other)) as connection,
            pytest.raises(psycopg.errors.UndefinedTable),
        ):
            connection.execute("SELECT * FROM note")
    finally:
        postgres_server.drop_database(other)


def test_a_restart_keeps_the_data_and_the_port(postgres_url: str, postgres_server: PostgresServer) -> None:
    _note(postgres_url)
    postgres_server.restart()
    assert _words(postgres_url) == [("due",)]


def test_a_stopped_server_refuses_and_a_started_one_answers(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    _note(postgres_url)
    postgres_server.stop()
    with pytest.raises(psycopg.OperationalError):
        _connect(postgres_url)
    postgres_server.start()
    assert _words(postgres_url) == [("due",)]


def test_a_crash_cuts_connections_and_keeps_what_was_written(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    _note(postgres_url)
    with _connect(postgres_url) as connection:
        postgres_server.crash()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgres_server.start()
    assert _words(postgres_url) == [("due",)]


@pytest.mark.usefixtures("postgres_server")  # a missing PostgreSQL skips or fails there
def test_the_server_does_not_outlive_a_killed_test_process() -> None:
    script = (
        "import os, signal, sys; from tests.rigs.postgres import PostgresServer, find_programs\n"
        "server = PostgresServer(find_programs()); server.create()\n"
        "print(server.server_pid(), server.folder, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pid, folder = done.stdout.split()
    deadline = time.monotonic() + 60
    while alive(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(pid))
    shutil.rmtree(folder)
