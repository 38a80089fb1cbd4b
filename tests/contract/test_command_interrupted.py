"""Ctrl-C and SIGTERM: once finishes what is in flight, twice ends at once, and nothing is ever lost."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing

from tests.rigs.big_drops import write_big_drop
from tests.rigs.commands import PATIENCE_SECONDS, dropped, n_held, said, start, wait_until
from tests.rigs.houses import FoundHouse
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees

# A rate at which no machine is through with a drop before it is interrupted.
SLOWLY = "per_second = 10\nparallel = 4"


def test_one_ctrl_c_finishes_what_is_in_flight_and_says_how_to_go_on(found_house: FoundHouse):
    house = found_house(channel=SLOWLY)
    drop = dropped(house, 150)
    house.brevdue("pull")
    process = start(house, "dispatch")
    wait_until(lambda: n_held(house), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "brevdue dispatch" in out
    assert "gøres færdigt" in err
    states = house.states()
    assert set(states) == {"ready", "delivered"}
    assert states["delivered"] == n_held(house)
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text.replace(SLOWLY, ""), encoding="utf-8")
    again = said(house, "dispatch")
    assert again.code == 0
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 150)


def test_sigterm_does_the_same_and_a_machine_learns_of_it_by_its_object_alone(found_house: FoundHouse):
    house = found_house(channel=SLOWLY)
    dropped(house, 150)
    house.brevdue("pull")
    process = house.start("dispatch")
    wait_until(lambda: n_held(house), process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    told = json.loads(out)
    assert (process.returncode, told["exit_code"], err) == (130, 130, "")
    assert (told["stopped"], told["resume"]) == (True, "brevdue dispatch")


def test_a_second_ctrl_c_ends_at_once_and_the_next_run_clears_up(found_house: FoundHouse):
    house = found_house(channel="parallel = 4")
    drop = dropped(house, 12)
    house.brevdue("pull")
    with house.simulator.client() as client:
        client.add_fault("delay", delay_seconds=2 * PATIENCE_SECONDS, variant="after")
    process = start(house, "dispatch")
    wait_until(lambda: n_held(house), process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    heard = process.stderr.readline() + process.stderr.readline()
    assert "gøres færdigt" in heard
    process.send_signal(signal.SIGINT)
    # Whoever waited for the answers would wait longer than this.
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Stoppet straks" in err
    assert house.states() == {"sending": 12}
    with house.simulator.client() as client:
        client.clear_faults()
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, 12)


def test_ctrl_c_while_taking_in_leaves_the_other_drops_for_the_next_run(found_house: FoundHouse):
    house = found_house()
    for number in range(3):
        write_big_drop(house.inbox, f"loen-{number}", 60, seed=number + 1, n_bytes=4_000)
    working = house.source / "arbejde"
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # it can't be through with the first drop before it is interrupted
        process = start(house, "pull")
        wait_until(lambda: any(working.iterdir()), process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "gøres færdigt" in process.stderr.readline() + process.stderr.readline()
        other.execute("ROLLBACK")
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "brevdue pull" in out
    n_taken = len(house.status()["batches"])
    assert n_taken == 1
    assert len(list(house.inbox.glob("loen-?"))) == 3 - n_taken
    assert list(working.iterdir()) == []
    assert said(house, "pull").code == 0
    assert house.states() == {"ready": 180}
