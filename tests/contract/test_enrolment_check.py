"""`brevdue enrolment check`: a dry run says who would be reached, within the limits, and sends nothing."""

from __future__ import annotations

import csv
import gc
import json
import signal
import sqlite3
from pathlib import Path

import pytest

from eboks.simulator import person
from tests.rigs.big_drops import cprs
from tests.rigs.commands import PATIENCE_SECONDS, said, start, terminal, wait_until
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.simulator import RunningSimulator, StartSimulator

WORDS = ("valid", "company", "exempt", "dead", "minor", "not_found", "not_this_material")


@pytest.fixture
def house(found_house: FoundHouse, simulator: RunningSimulator) -> HouseOnDisk:
    return found_house(simulator)


def numbers_file(path: Path, numbers: list[str]) -> Path:
    path.write_text("modtager\n" + "\n".join(numbers) + "\n", encoding="utf-8")
    return path


def index_file(path: Path, *rows: str) -> Path:
    path.write_text("modtager;materiale;fil;reference\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def counts(house: HouseOnDisk) -> dict[str, int]:
    with house.simulator.client() as client:
        return client.counts()


def rows_in_ledger(house: HouseOnDisk) -> dict[str, int]:
    """Returns how many rows each table has; needs SQLite."""
    path = house.settings.house.data / "brevdue.db"
    with sqlite3.connect(path) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    connection.close()
    return found


def test_a_list_of_numbers_is_counted_by_answer_and_by_channel(house: HouseOnDisk, tmp_path: Path) -> None:
    path = numbers_file(tmp_path / "numre.csv", [person(word).number for word in WORDS])
    before = rows_in_ledger(house)
    ran = house.brevdue("enrolment", "check", str(path), "--material", "brev")
    assert ran.code == 1
    assert ran.data["answers"] == {
        "enrolled": 2, "exempt": 1, "dead": 1, "minor": 1, "not_found": 1, "not_for_this_material": 1,
    }  # fmt: skip
    assert (ran.data["rows"], ran.data["channels"], ran.data["nowhere"]) == (7, {"eboks": 2}, 5)
    assert (counts(house)["n_lookups"], counts(house)["n_messages"]) == (7, 0)
    after = rows_in_ledger(house)
    assert {name: n - before[name] for name, n in after.items() if n != before[name]} == {"enrolment": 7}


def test_what_was_asked_today_is_known_the_next_time_and_by_dispatch(
    house: HouseOnDisk, tmp_path: Path
) -> None:
    path = numbers_file(tmp_path / "numre.csv", [person("valid").number])
    for n_cached in (0, 1):
        ran = house.brevdue("enrolment", "check", str(path), "--material", "brev")
        assert (ran.code, ran.data["cached"]) == (0, n_cached)
    assert counts(house)["n_lookups"] == 1


def test_a_mandatory_material_needs_no_look_up(house: HouseOnDisk, tmp_path: Path) -> None:
    path = numbers_file(tmp_path / "numre.csv", [person("never_logged_in").number])
    ran = house.brevdue("enrolment", "check", str(path), "--material", "loenseddel")
    assert (ran.code, ran.data["answers"], counts(house)["n_lookups"]) == (0, {"not_asked": 1}, 0)


def test_an_index_is_read_as_its_source_reads_it_and_told_row_by_row(
    house: HouseOnDisk, tmp_path: Path
) -> None:
    valid, exempt = person("valid").number, person("exempt").number
    path = index_file(
        tmp_path / "index.csv",
        f"{valid};brev;a.pdf;=1+1",
        f"{exempt};brev;b.pdf;r2",
        f"{valid};;c.pdf;r3",
        f"{valid};findesikke;d.pdf;r4",
        "3104883981;brev;e.pdf;r5",
        f"{valid};brev;f.pdf",
        "#ANTAL;6",
    )
    out = tmp_path / "svar.csv"
    ran = house.brevdue("enrolment", "check", str(path), "--source", "loen", "--out", str(out))
    assert ran.code == 1
    assert ran.data["answers"] == {"enrolled": 1, "exempt": 1, "not_asked": 1, "rejected": 3}
    with out.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file, delimiter=";")
    assert header == [
        "linje",
        "reference",
        "modtager",
        "materiale",
        "kanal",
        "svar",
        "kilde",
        "kode",
        "tekst",
    ]
    shown = person("valid").number[:6] + "-••••"
    assert [row[:8] for row in rows] == [
        ["2", "'=1+1", shown, "brev", "eboks", "enrolled", "lookup", ""],
        ["3", "r2", f"{exempt[:6]}-••••", "brev", "", "exempt", "lookup", "eboks.exempt"],
        ["4", "r3", shown, "loenseddel", "eboks", "not_asked", "", ""],
        ["5", "r4", "", "", "", "rejected", "", "row.unknown_material"],
        ["6", "r5", "", "brev", "", "rejected", "", "identity.ambiguous"],
        ["7", "", "", "", "", "rejected", "", "row.too_few_fields"],
    ]
    written = out.read_text(encoding="utf-8-sig") + ran.out + ran.err
    assert valid not in written and exempt not in written


def test_a_person_reads_totals_in_words(house: HouseOnDisk, tmp_path: Path) -> None:
    path = numbers_file(tmp_path / "numre.csv", [person(word).number for word in WORDS])
    ran = said(house, "enrolment", "check", str(path), "--material", "brev")
    assert ran.code == 1
    assert "7 linjer" in ran.out and "Intet er sendt" in ran.out
    for word in ("tilmeldt", "fritaget", "død", "for ung", "findes ikke", "ikke tilmeldt dette materiale"):
        assert word in ran.out


def test_no_more_calls_are_under_way_than_the_channel_allows(
    found_house: FoundHouse, simulator: RunningSimulator, tmp_path: Path
) -> None:
    house = found_house(simulator, channel="parallel = 3")
    before = counts(house)["n_connections"]
    path = numbers_file(tmp_path / "numre.csv", list(cprs(300)))
    ran = house.brevdue("enrolment", "check", str(path), "--material", "brev")
    assert (ran.code, ran.data["answers"]) == (0, {"enrolled": 300})
    told = counts(house)
    assert told["n_lookups"] == 300
    assert told["n_connections"] - before <= 3 + 1  # ours who counts is one


@pytest.mark.parametrize("share", [0.3])
def test_a_service_that_stumbles_is_asked_again(house: HouseOnDisk, tmp_path: Path, share: float) -> None:
    with house.simulator.client() as client:
        client.add_fault("status", on="lookup", status=503, share=share, seed=3, count=6)
    path = numbers_file(tmp_path / "numre.csv", list(cprs(40)))
    ran = house.brevdue("enrolment", "check", str(path), "--material", "brev")
    assert (ran.code, ran.data["answers"]) == (0, {"enrolled": 40})


def test_a_service_that_does_not_answer_is_given_up_and_told(house: HouseOnDisk, tmp_path: Path) -> None:
    with house.simulator.client() as client:
        client.add_fault("status", on="lookup", status=503)
        path = numbers_file(tmp_path / "numre.csv", list(cprs(500)))
        ran = house.brevdue("enrolment", "check", str(path), "--material", "brev")
        assert (ran.code, ran.data["answers"], ran.data["no_answer"]) == (4, {"no_answer": 500}, 500)
        assert client.faults()[0]["n_fired"] < 60  # of 1,500: nobody hammers one who is down


def test_a_certificate_that_is_refused_ends_the_check_with_its_reason(
    found_house: FoundHouse, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator()
    house = found_house(simulator)
    pair = simulator.certificates.client("other_system")
    text = house.path.read_text(encoding="utf-8")
    good = simulator.certificates.client("good")
    text = text.replace(str(good.certificate), str(pair.certificate)).replace(str(good.key), str(pair.key))
    house.path.write_text(text, encoding="utf-8")
    path = numbers_file(tmp_path / "numre.csv", list(cprs(20)))
    ran = house.brevdue("enrolment", "check", str(path), "--material", "brev")
    assert ran.code == 2
    assert "eboks.access_denied" in ran.err
    assert counts(house)["n_lookups"] == 0
    gc.collect()  # a connection that was cut off would be told of here, by a warning


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nowhere.csv", "--material", "brev"], "usage.cannot_read"),
        (["numre.csv"], "usage.check_needs_material"),
        (["numre.csv", "--material", "x"], "usage.no_such_material"),
        (["numre.csv", "--source", "x"], "settings.no_source"),
        (["numre.csv", "--source", "loen"], ""),
    ],
)
def test_a_wrong_call_is_told(
    house: HouseOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    numbers_file(tmp_path / "numre.csv", [person("valid").number])
    ran = house.brevdue("enrolment", "check", *words)
    assert code in ran.err
    assert ran.code == (2 if code else 0)


def test_ctrl_c_ends_in_good_order_and_what_was_learnt_is_kept(
    found_house: FoundHouse, simulator_process: RunningSimulator, tmp_path: Path
) -> None:
    house = found_house(simulator_process, channel="per_second = 100\nparallel = 4")
    path, out = numbers_file(tmp_path / "numre.csv", list(cprs(2_000))), tmp_path / "svar.csv"
    process = start(house, "--json", "enrolment", "check", str(path), "--material", "brev", "--out", str(out))
    wait_until(lambda: counts(house)["n_lookups"] > 20, process)
    process.send_signal(signal.SIGINT)
    text, err = process.communicate(timeout=PATIENCE_SECONDS)
    told = json.loads(text)
    assert (process.returncode, told["stopped"]) == (130, True), err
    assert 20 < told["rows"] < 2_000
    assert rows_in_ledger(house)["enrolment"] == told["rows"] == counts(house)["n_lookups"]
    assert len(out.read_text(encoding="utf-8-sig").splitlines()) == told["rows"] + 1


def test_on_a_terminal_a_bar_shows_how_far_it_is(house: HouseOnDisk, tmp_path: Path) -> None:
    path = numbers_file(tmp_path / "numre.csv", list(cprs(50)))
    with terminal() as (descriptor, read):
        process = start(house, "enrolment", "check", str(path), "--material", "brev", err=descriptor)
        process.communicate(timeout=PATIENCE_SECONDS)
        shown = read()
    assert process.returncode == 0
    assert "Slår op" in shown and "50/5" in shown


def test_explain_looks_up_what_it_must_know_once_and_sends_nothing(house: HouseOnDisk) -> None:
    number = person("exempt").number
    folder = house.inbox / "brev"
    folder.mkdir()
    (folder / "a.txt").write_text("Kære modtager\n", encoding="utf-8")
    (folder / "index.csv").write_text(
        f"modtager;materiale;titel;fil\n{number};brev;Brev;a.txt\n", encoding="utf-8"
    )
    (house.inbox / "brev.klar").touch()
    house.brevdue("pull")
    (told,) = house.brevdue("explain", number).data["consignments"]
    assert (told["state"], told["outlook"]["channel"]) == ("ready", "")
    assert [one["code"] for one in told["outlook"]["reasons"]] == ["eboks.exempt"]
    assert (counts(house)["n_lookups"], counts(house)["n_messages"]) == (1, 0)
    house.brevdue("dispatch")
    n_asked = counts(house)["n_lookups"]
    assert n_asked == 1
    (told,) = house.brevdue("explain", number).data["consignments"]
    assert (told["enrolment"]["eboks"]["answer"], told["enrolment"]["eboks"]["source"]) == (
        "exempt",
        "lookup",
    )
    assert "tilmelding på eboks: fritaget (ifølge opslag, " in said(house, "explain", number).out
    assert counts(house)["n_lookups"] == n_asked
