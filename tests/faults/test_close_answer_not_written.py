"""The answers of one source can't be written: the fault is said, all else is sent, answered and closed.

Once the folder can be written again, the next pass writes what is owed.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk, Ran
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees
from tests.rigs.services import QUICK, running

OTHER = """
[sources.hr]
folder = "hr"
material = "loenseddel"
"""
# A folder in which nobody can make anything, whoever they are: file modes don't bind root.
NOT_WRITABLE = Path("/proc")
N = 4


def _folder(house: HouseOnDisk, source: str = "loen") -> Path:
    return house.settings.sources[source].folder


def _dropped(house: HouseOnDisk) -> dict[str, str]:
    """Writes two drops at the source whose answers fail and one at the other; returns what is expected."""
    expected: dict[str, str] = {}
    for seed, source in enumerate(("loen", "loen", "hr"), start=1):
        inbox = _folder(house, source) / "ind"
        expected |= write_big_drop(inbox, f"drop-{seed}", N, seed=seed, n_bytes=4_000).expected
    return expected


def _forbid_answers(house: HouseOnDisk) -> None:
    _folder(house).mkdir(exist_ok=True)
    (_folder(house) / "kvittering").rmdir()
    (_folder(house) / "kvittering").symlink_to(NOT_WRITABLE)


def _allow_answers(house: HouseOnDisk) -> None:
    (_folder(house) / "kvittering").unlink()
    (_folder(house) / "kvittering").mkdir(exist_ok=True)  # a service may have made it meanwhile


def _fault(ran: Ran) -> tuple[int, str, int]:
    told = json.loads(ran.err)
    assert told["what"] and told["do"]
    return ran.code, told["error"], ran.data["exit_code"]


def _assert_answered(house: HouseOnDisk, source: str, n_batches: int) -> None:
    """Every batch of a source has its four answers, and they add up to what was dropped."""
    reports = sorted((_folder(house, source) / "kvittering").glob("*/rapport.json"))
    assert len(reports) == n_batches
    for path in reports:
        report = json.loads(path.read_text(encoding="utf-8"))
        assert (report["antal"], report["sum_stemmer"]) == (N, True)
        with (path.parent / "kvittering.csv").open(encoding="utf-8-sig", newline="") as file:
            assert [row["status"] for row in csv.DictReader(file, delimiter=";")] == ["leveret"] * N
        assert (path.parent / "fejlliste.csv").exists()
        assert (path.parent / "rapport.html").exists()


def _closed(house: HouseOnDisk) -> list[bool]:
    return [batch["closed_at"] is not None for batch in house.status()["batches"]]


def _prepared(found_house: FoundHouse, **lines: str) -> HouseOnDisk:
    house = found_house(source=OTHER, **lines)
    _forbid_answers(house)
    return house


def test_no_answer_keeps_a_drop_from_being_taken_and_sent_or_another_from_its_answer(
    found_house: FoundHouse,
) -> None:
    house = _prepared(found_house)
    expected = _dropped(house)
    ran = house.brevdue("pull")
    assert _fault(ran) == (2, "answer.not_written", 2)
    assert len(ran.data["taken"]) == 3
    assert house.brevdue("dispatch").code == 0
    assert_each_exactly_once(house, expected)
    ran = house.brevdue("close")
    assert _fault(ran) == (2, "answer.not_written", 2)
    assert [len(ran.data[key]) for key in ("answered", "closed")] == [1, 1]
    _assert_answered(house, "hr", 1)
    _allow_answers(house)
    ran = house.brevdue("close")
    assert (ran.code, ran.err, len(ran.data["closed"])) == (0, "", 2)
    _assert_answered(house, "loen", 2)
    assert_ledger_agrees(house, 3 * N)
    assert house.brevdue("close").data["answered"] == []


def test_a_file_in_the_answers_place_is_kept_and_said(found_house: FoundHouse) -> None:
    house = found_house(source=OTHER)
    _dropped(house)
    house.brevdue("pull")
    house.brevdue("dispatch")
    answers = _folder(house) / "kvittering"
    answers.rename(_folder(house) / "gemt")
    answers.write_text("not ours", encoding="utf-8")
    assert _fault(house.brevdue("close")) == (2, "answer.not_written", 2)
    assert answers.read_text(encoding="utf-8") == "not ours"
    answers.unlink()
    assert house.brevdue("close").code == 0
    _assert_answered(house, "loen", 2)
    _assert_answered(house, "hr", 1)


def test_a_bug_in_one_answer_keeps_no_other_batch_from_its_own(found_house: FoundHouse) -> None:
    house = found_house(source=OTHER)
    _dropped(house)
    damaged = house.brevdue("pull").data["taken"][0]["batch_id"]
    house.brevdue("dispatch")
    _set_params(house, damaged, "no JSON")
    ran = house.brevdue("close")
    assert (ran.code, ran.out, json.loads(ran.err)["error"]) == (4, "", "program.broken")
    assert sorted(_closed(house)) == [False, True, True]
    _assert_answered(house, "hr", 1)
    _set_params(house, damaged, "{}")
    assert house.brevdue("close").code == 0
    _assert_answered(house, "loen", 2)


def _set_params(house: HouseOnDisk, batch: str, text: str) -> None:
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database, database:
        database.execute("UPDATE consignment SET params = ? WHERE batch_id = ?", (text, batch))


def test_a_drop_that_was_refused_gets_its_answer_from_a_later_pull(found_house: FoundHouse) -> None:
    house = _prepared(found_house)
    (write_big_drop(house.inbox, "forkert", 2, n_bytes=4_000).path / "under").mkdir()
    expected = _dropped(house)
    ran = house.brevdue("pull")
    assert _fault(ran) == (2, "answer.not_written", 2)
    assert [(one["code"], one["answer"]) for one in ran.data["refused"]] == [("drop.subfolder", "")]
    assert len(ran.data["taken"]) == 3
    _allow_answers(house)
    assert house.brevdue("pull").code == 0
    (report,) = house.answers("rapport.json")
    assert json.loads(report.read_text(encoding="utf-8"))["afvist_helt"] is True
    house.day()
    assert_each_exactly_once(house, expected)


def test_an_answer_that_a_crash_left_without_its_files_is_written(found_house: FoundHouse) -> None:
    house = found_house()
    (write_big_drop(house.inbox, "forkert", 2, n_bytes=4_000).path / "under").mkdir()
    house.brevdue("pull")
    (report,) = house.answers("rapport.json")
    for path in report.parent.iterdir():
        path.unlink()
    house.brevdue("pull")
    assert len(list(report.parent.iterdir())) == 4


def test_a_service_goes_on_says_it_and_writes_it_later(found_house: FoundHouse) -> None:
    house = _prepared(found_house, house=QUICK)
    expected = _dropped(house)
    with running(house) as service:
        service.wait_for("batch.closed")
        service.wait_for("verb.failed", 3)
        _allow_answers(house)
        service.wait_for("batch.closed", 3)
        assert service.stop().code == 0
    codes = {(line["verb"], line["code"]) for line in service.log() if line["event"] == "verb.failed"}
    assert codes <= {("pull", "answer.not_written"), ("close", "answer.not_written")}
    assert ("close", "answer.not_written") in codes
    assert_each_exactly_once(house, expected)
    _assert_answered(house, "loen", 2)
    assert _closed(house) == [True] * 3
