"""Ownership: a live worker is never taken for dead, a dead one always is, whatever killed it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.ownership import Worker, only_one
from schemas.errors import ConfigurationError

WORKER = """
import sys, time
from pathlib import Path
from jobs.ownership import Worker
print(Worker(Path(sys.argv[1])).name, flush=True)
time.sleep(60)
"""


@pytest.fixture
def other_worker(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_live_worker_is_not_dead(tmp_path, other_worker):
    _process, name = other_worker
    assert name not in Worker(tmp_path).dead()


def test_a_killed_worker_is_dead_at_once_and_can_be_buried(tmp_path, other_worker):
    process, name = other_worker
    process.send_signal(signal.SIGKILL)
    process.wait()
    me = Worker(tmp_path)
    assert me.dead() == {name}
    me.bury(me.dead())
    assert me.dead() == frozenset()


def test_a_worker_never_takes_itself_for_dead(tmp_path):
    me = Worker(tmp_path)
    assert me.name not in me.dead()
    me.close()
    assert not list(tmp_path.glob("*.lock"))


def test_a_worker_that_ends_with_leases_is_dead_to_whoever_comes_next(tmp_path):
    me = Worker(tmp_path)
    me.leave_leases()
    assert me.name not in Worker(tmp_path).dead()
    me.close()
    successor = Worker(tmp_path)
    assert successor.dead() == {me.name}
    successor.bury(successor.dead())
    assert successor.dead() == frozenset()


def test_a_worker_is_never_seen_under_its_name_without_its_lock(tmp_path):
    """Whoever looks in the very moment a worker is born must not find a file that is free."""
    seen = []
    rename = Path.rename

    def look_first(path, target):
        seen.append({name.suffix for name in tmp_path.iterdir()})
        with pytest.raises(BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", look_first)
        me = Worker(tmp_path)
    assert seen == [{".new"}]
    assert [path.name for path in tmp_path.iterdir()] == [f"{me.name}.lock"]


def test_only_one_may_hold_a_lock(tmp_path):
    path = tmp_path / "locks" / "run.lock"
    with only_one(path, "run.already_running"):
        with pytest.raises(ConfigurationError) as caught, only_one(path, "run.already_running"):
            raise AssertionError("two held it")
        assert caught.value.code == "run.already_running"
    with only_one(path, "run.already_running"):
        pass
