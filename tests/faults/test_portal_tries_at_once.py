"""Many browsers try at the same moment: no more tries are judged than in a row, and a code counts once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from routing.portal.proving import Door, Verdict
from routing.portal.shared_secret import SharedSecret
from tests.rigs.portals import SECRET, PortalBench

N_BROWSERS = 24


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request, tmp_path):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = PortalBench(tmp_path / "portal", url)
    yield made
    made.close()


def _door(bench: PortalBench) -> Door:
    keys = bench.channel().packer._keys
    return Door(bench.store, keys, timedelta(minutes=20), timedelta(hours=2))


def test_wrong_codes_of_many_browsers_are_five_in_all_and_new_codes_give_no_new_tries(bench):
    bench.send(bench.consignment())
    doors = [_door(bench), _door(bench)]  # two portals of one database
    opened = doors[0].open_link(bench.token())
    assert opened is not None
    browsers = [os.urandom(32) for _ in range(N_BROWSERS)]

    def attempt(number: int) -> Verdict:
        door, browser = doors[number % 2], browsers[number]
        code = door.new_code(opened, "mail_code", browser)
        return door.check_code(opened, "mail_code", browser, f"{(int(code) + 1) % 10**6:06}")

    with ThreadPoolExecutor(12) as pool:
        verdicts = list(pool.map(attempt, range(N_BROWSERS)))
    kinds = [event.kind.value for event in bench.store.parcels.events()]
    assert kinds.count("code_failed") == 5
    assert Verdict.RIGHT not in verdicts
    parcel = bench.store.parcels.by_id(opened.parcel.id)
    assert parcel is not None
    assert (parcel.n_locks, parcel.n_wrong, parcel.is_locked(bench.clock())) == (1, 0, True)


def test_a_right_code_sent_many_times_at_once_lets_one_in(bench):
    bench.send(bench.consignment())
    door, browser = _door(bench), os.urandom(32)
    opened = door.open_link(bench.token())
    assert opened is not None
    code = door.new_code(opened, "mail_code", browser)
    with ThreadPoolExecutor(12) as pool:
        verdicts = list(pool.map(lambda _: door.check_code(opened, "mail_code", browser, code), range(12)))
    assert verdicts.count(Verdict.RIGHT) <= 1


def test_guesses_at_a_secret_from_many_sides_are_five_before_the_lock(bench):
    bench.send(bench.consignment(material="hemmelig"))
    door, method = _door(bench), SharedSecret()
    opened = door.open_link(bench.token())
    assert opened is not None
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda n: door.check_typed(opened, method, f"gulerod {n:02}x"), range(12)))
    kinds = [event.kind.value for event in bench.store.parcels.events()]
    assert kinds.count("code_failed") == 5
    assert door.check_typed(opened, method, SECRET) is Verdict.LOCKED


def test_a_right_answer_takes_back_its_own_try_and_no_lock_that_others_earned_meanwhile(bench):
    rows, parcel = bench.store.parcels, bench.send(bench.consignment(material="hemmelig"))
    right = rows.reserve_try(parcel.id)
    assert right is not None
    for _ in range(4):
        assert rows.reserve_try(parcel.id) is not None
    rows.forgive(right)
    held = rows.by_id(parcel.id)
    assert held is not None
    assert (held.n_locks, held.is_locked(bench.clock())) == (1, True)
    bench.clock.move(hours=2)
    for _ in range(4):
        assert rows.reserve_try(parcel.id) is not None
    fifth = rows.reserve_try(parcel.id)
    assert fifth is not None
    rows.forgive(fifth)  # it was right
    held = rows.by_id(parcel.id)
    assert held is not None
    assert (held.n_locks, held.n_wrong, held.is_locked(bench.clock())) == (1, 0, False)
