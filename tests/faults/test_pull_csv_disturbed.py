"""A CSV meets a process that pulls its source, or is killed and given again: no letter is taken twice."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from jobs.house import open_house
from jobs.ownership import only_one
from jobs.pull import Pull
from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees
from tests.rigs.killing import kill_at

pytest_plugins = ["tests.rigs.houses"]

N = 4
CSV_POINTS = ("intake.parsed", "intake.half_packed", "intake.packed", "intake.archived", "intake.recorded")


def lock_of(house: HouseOnDisk) -> Path:
    return house.settings.house.data / "locks" / "pull-loen.lock"


def test_the_csv_waits_its_turn_and_sees_what_was_taken_meanwhile(found_house: FoundHouse, tmp_path: Path):
    house = found_house()
    drop = write_big_drop(tmp_path, "run", N, n_bytes=4_000)
    fewer = drop.path / "fewer.csv"
    lines = (drop.path / "index.csv").read_text(encoding="utf-8").splitlines()
    fewer.write_text("\n".join([line for line in lines if not line.startswith("#")][:N]), encoding="utf-8")
    other_process = ExitStack()
    other_process.enter_context(only_one(lock_of(house), "pull.busy"))
    n_looks = 0

    def other_ends() -> bool:
        """The other process takes the whole drop, which holds the same letters, and ends."""
        nonlocal n_looks
        n_looks += 1
        if n_looks == 1:
            other_process.close()
            taken = house.brevdue("pull", "--source", "loen", "--csv", str(drop.path / "index.csv"))
            assert taken.data["taken"][0]["n_ready"] == N
        return False

    with other_process, open_house(house.settings) as opened:
        (late,) = Pull(opened, stop=other_ends).run_csv("loen", fewer, None).taken
    assert (late.n_lines, late.n_ready, late.n_rejected) == (N - 1, 0, N - 1)
    assert n_looks == 1
    house.day()
    assert_each_exactly_once(house, drop.expected)


def test_ctrl_c_ends_the_wait_and_nothing_was_taken(found_house: FoundHouse, tmp_path: Path):
    house = found_house()
    drop = write_big_drop(tmp_path, "run", 1, n_bytes=4_000)
    with only_one(lock_of(house), "pull.busy"), open_house(house.settings) as opened:
        result = Pull(opened, stop=lambda: True).run_csv("loen", drop.path / "index.csv", None)
    assert (result.taken, result.refused) == ((), ())
    assert house.status()["batches"] == []


def test_killed_anywhere_and_given_again_every_letter_is_taken_once(found_house: FoundHouse, tmp_path: Path):
    house = found_house(house="pdf_workers = 1")
    expected: dict[str, str] = {}
    for seed, point in enumerate(CSV_POINTS, start=1):
        drop = write_big_drop(tmp_path, f"run-{seed}", 2, seed=seed, n_bytes=4_000)
        words = ("pull", "--source", "loen", "--csv", str(drop.path / "index.csv"))
        kill_at(house, point, *words)
        codes = [one["code"] for one in house.brevdue(*words).data["refused"]]
        assert codes == (["drop.already_taken"] if point == "intake.recorded" else []), point
        expected |= drop.expected
    house.day()
    assert_each_exactly_once(house, expected)
    assert_ledger_agrees(house, 2 * len(CSV_POINTS))
    batches = {batch["batch"] for batch in house.status()["batches"]}
    assert {path.stem for path in (house.source / "arkiv").iterdir()} == batches
    assert list((house.source / "arbejde").iterdir()) == []
