"""`brevdue run` by itself: what is dropped is sent and answered, at its time and not before."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees, held_by_simulator
from tests.rigs.services import QUICK, Service, running

pytest_plugins = ["tests.rigs.houses"]

N = 12
# A year's interval: the first pass and the watch are all there is.
HINTS_ONLY = QUICK.replace("0.3", "30000000")
# Times of day, none of them soon after any start of this test.
AT_NIGHT = """log_file = "brevdue.log"
[timetable.pull]
verb = "pull"
every_seconds = 0.3
[timetable.dispatch]
verb = "dispatch"
cron = "0 8 29 2 *"
"""


def dropped(house: HouseOnDisk, name: str = "november", n: int = N, seed: int = 1) -> dict[str, str]:
    return dict(write_big_drop(house.inbox, name, n, seed=seed, n_bytes=6_000).expected)


def delivered(service: Service, n: int) -> None:
    service.wait_until(lambda: len(held_by_simulator(service.house)) >= n, f"{n} documents")


def test_what_is_dropped_is_sent_answered_and_closed(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    expected = dropped(house)
    with running(house) as service:
        service.wait_for("batch.closed")
        expected |= dropped(house, "december", seed=2)
        service.wait_for("batch.closed", 2)
        ran = service.stop()
    assert ran.code == 0
    assert_each_exactly_once(house, expected)
    assert_ledger_agrees(house, 2 * N)
    assert len(house.answers("rapport.json")) == 2


def test_a_drop_is_found_by_the_watch_before_the_timetable_comes_round(found_house: FoundHouse) -> None:
    house = found_house(house=HINTS_ONLY)
    with running(house) as service:
        service.wait_for("watch.started")
        expected = dropped(house)
        delivered(service, N)
        assert service.stop().code == 0
    assert_each_exactly_once(house, expected)


def test_what_has_a_time_of_day_is_not_sent_because_of_a_start(found_house: FoundHouse) -> None:
    house = found_house(house=AT_NIGHT)
    dropped(house)
    with running(house) as service:
        service.wait_for("batch.taken")
        dropped(house, "december", seed=2)
        service.wait_for("batch.taken", 2)
        service.stop()
    assert held_by_simulator(house) == []
    assert house.states() == {"ready": 2 * N}


def test_a_slot_that_a_start_caught_up_is_not_run_by_the_next_start(found_house: FoundHouse) -> None:
    house = found_house(house=f'{QUICK}[timetable.oprydning]\nverb = "purge"\ncron = "* * * * *"\n')
    owed = house.settings.house.data / "owed"
    with running(house) as service:
        service.wait_for("slot.due")
        service.wait_until(lambda: not list(owed.iterdir()), "the end of the slot's verb")
        service.stop()
    dropped(house)
    with running(house) as service:
        service.wait_for("batch.closed")
        service.stop()
    slots = [line["slot"] for line in service.log() if line["event"] == "slot.due"]
    assert len(slots) == len(set(slots))


def test_the_log_shows_the_day_and_no_person(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    expected = dropped(house)
    with running(house) as service:
        service.wait_for("batch.closed")
        ran = service.stop()
    written = service.log_path.read_text(encoding="utf-8") + ran.out + ran.err
    shapes = [shape for n in expected for shape in (n, f"{n[:6]}-{n[6:]}", f'"{n[6:]}"')]
    assert sum(shape in written for shape in shapes) == 0
    assert "Lønseddel" not in written
    events = service.events()
    assert (events[0], events[-1]) == ("run.started", "run.ended")
    assert {"batch.taken", "dispatch.pass", "batch.answered", "run.ending"} <= set(events)
    assert not {"log.unknown_event", "library.message", "verb.failed", "process.crashed"} & set(events)


def test_after_a_rotation_the_log_goes_on_in_a_new_file(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    with running(house) as service:
        service.wait_for("run.started")
        service.wait_for("watch.started")
        aside = service.log_path.with_suffix(".1")
        service.log_path.rename(aside)
        service.tell(signal.SIGHUP)
        service.wait_for("log.reopened")
        assert service.stop().code == 0
    assert "run.started" in aside.read_text(encoding="utf-8")
    assert service.events()[-1] == "run.ended"


def test_systemd_hears_that_it_is_ready_lives_and_ends(found_house: FoundHouse, tmp_path: Path) -> None:
    house = found_house(house=QUICK)
    address = tmp_path / "notify"
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(address))
        line.settimeout(60)
        with running(house, env={"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "2000000"}) as service:
            heard += [line.recv(100), line.recv(100)]
            service.stop()
        while heard[-1] != b"STOPPING=1":
            heard.append(line.recv(100))
    assert heard[:2] == [b"READY=1", b"WATCHDOG=1"]
