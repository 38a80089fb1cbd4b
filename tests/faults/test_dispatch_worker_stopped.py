"""A worker is stopped for three leases, then continued (facts/trust.md, 4): no late write, no late try."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs.dispatch import Dispatcher, DispatchResult
from jobs.house import open_house
from jobs.lane import LEASE_SECONDS
from jobs.settings_file import read_settings
from tests.rigs.big_drops import write_big_drop
from tests.rigs.commands import n_held, wait_until
from tests.rigs.houses import ROOT, FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees

N = 60
PARALLEL = 4
WORKER = """
import sys
from pathlib import Path
from tests.faults.test_dispatch_worker_stopped import dispatch_and_tell
dispatch_and_tell(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def dispatch(settings: Path, clock: Path) -> DispatchResult:
    """Makes one pass on a house whose clock is ahead by the seconds that a file says."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(clock.read_text(encoding="ascii")))

    with open_house(read_settings(settings), now=now) as house:
        return Dispatcher(house).run()


def dispatch_and_tell(settings: Path, clock: Path) -> None:
    """Makes one pass and prints what came of it."""
    (lane,) = dispatch(settings, clock).lanes
    print(json.dumps({"n_refused": lane.n_refused_writes, "causes": lane.causes}))


def _stopped_worker(house: HouseOnDisk, clock: Path) -> subprocess.Popen[str]:
    """Returns a worker that stands still in the middle of its one slice, three leases ago."""
    clock.write_text("0", encoding="ascii")
    with house.simulator.client() as client:
        # The first letters go; those after them stay on the wire until the worker is stopped.
        client.add_fault("delay", delay_seconds=0.02, count=2 * PARALLEL)
        client.add_fault("delay", delay_seconds=4.0)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(house.path), str(clock)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: n_held(house) > PARALLEL, worker)
    finally:
        worker.send_signal(signal.SIGSTOP)
    clock.write_text(str(3 * LEASE_SECONDS), encoding="ascii")
    with house.simulator.client() as client:
        client.clear_faults()
    return worker


def _continued(worker: subprocess.Popen[str]) -> dict[str, object]:
    worker.send_signal(signal.SIGCONT)
    out, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0
    told: dict[str, object] = json.loads(out)
    return told


def _n_puts(house: HouseOnDisk) -> int:
    with house.simulator.client() as client:
        return sum(message["n_puts"] for message in client.messages())


def _events(house: HouseOnDisk) -> list[tuple[str, int, str]]:
    """Returns everything that ever happened to a consignment: its id, the number of the try, the code."""
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database:
        return database.execute("SELECT consignment_id, attempt, code FROM event ORDER BY rowid").fetchall()


def test_what_another_took_over_is_neither_written_nor_sent_by_it(
    found_house: FoundHouse, tmp_path: Path
) -> None:
    house = found_house(channel=f"parallel = {PARALLEL}")
    drop = write_big_drop(house.inbox, "loen", N, n_bytes=4_000)
    house.brevdue("pull")
    clock = tmp_path / "ahead"
    worker = _stopped_worker(house, clock)
    assert house.states() == {"sending": N}
    taken_over = dispatch(house.path, clock)
    assert taken_over.n_taken_over == N
    assert_ledger_agrees(house, N)
    before, n_before = _events(house), _n_puts(house)
    told = _continued(worker)
    assert told["n_refused"] == N
    # What was on the wire when it was stopped may still arrive, once more: no other try is begun.
    assert _n_puts(house) <= n_before + PARALLEL
    assert _events(house) == before
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, N)


def test_what_nobody_took_over_it_gives_back_untried_and_claims_anew(
    found_house: FoundHouse, tmp_path: Path
) -> None:
    house = found_house(channel=f"parallel = {PARALLEL}")
    drop = write_big_drop(house.inbox, "loen", N, n_bytes=4_000)
    house.brevdue("pull")
    told = _continued(_stopped_worker(house, tmp_path / "ahead"))
    assert told == {"n_refused": 0, "causes": {"accepted": N}}
    events = _events(house)
    assert sum(code == "channel.lease_over" for _, _, code in events) >= N // 2
    last_tries = {consignment: attempt for consignment, attempt, _ in events}
    assert set(last_tries.values()) == {1}  # what was never begun is no try
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, N)
