"""From a drop folder to e-Boks and back, by the commands a person would type, on both databases."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import zipfile
from functools import partial
from pathlib import Path

import pytest

from tests.rigs import drops
from tests.rigs.big_drops import BigDrop, cprs, payslip_bytes, write_big_drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees, held_by_simulator

pytest_plugins = ["tests.rigs.houses"]

N = 40
DIRECT, PROXY, SOAP = {"profile": "direct"}, {"profile": "proxy"}, {"service": "soap"}


@pytest.fixture(params=[DIRECT, SOAP], ids=["rest", "soap"])
def found_house(request, found_house: FoundHouse) -> FoundHouse:
    """Founds the same house again, with another way to e-Boks."""
    return partial(found_house, **request.param)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request) -> str:
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def dropped(house: HouseOnDisk, n: int = N, name: str = "loen-2026-11", seed: int = 1) -> BigDrop:
    return write_big_drop(house.inbox, name, n, seed=seed, n_bytes=6_000)


@pytest.mark.parametrize("found_house", [DIRECT, PROXY, SOAP], ids=["direct", "proxy", "soap"], indirect=True)
def test_every_payslip_lies_in_its_mailbox_and_the_answers_say_so(found_house: FoundHouse, database_url):
    house = found_house(database_url=database_url)
    drop = dropped(house)
    house.day()
    assert_each_exactly_once(house, drop.expected)
    assert_ledger_agrees(house, N)
    lines = rows(house.answers("kvittering.csv")[0])
    assert [line["linje"] for line in lines] == [str(n) for n in range(2, N + 2)]
    assert {line["status"] for line in lines} == {"leveret"}
    assert {line["reference"] for line in lines} == {str(n) for n in range(1, N + 1)}
    report = json.loads(house.answers("rapport.json")[0].read_text(encoding="utf-8"))
    assert (report["antal"], report["sum_stemmer"], report["simuleret"]) == (N, True, True)
    assert rows(house.answers("fejlliste.csv")[0]) == []


def test_no_plain_original_is_left_once_it_is_taken(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house)
    needle = payslip_bytes(next(iter(drop.expected)), 6_000)[-400:-200]
    house.brevdue("pull")
    files = [path for path in house.path.parent.rglob("*") if path.is_file()]
    assert not any(path.suffix == ".pdf" or path.name == "index.csv" for path in files)
    assert not any(needle in path.read_bytes() for path in files)
    assert os.listdir(house.source / "arbejde") == []
    assert os.listdir(house.inbox) == []


def test_no_number_stands_anywhere_in_the_house(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house)
    ran = [house.brevdue("pull"), house.brevdue("dispatch"), house.brevdue("close"), house.brevdue("status")]
    batch = ran[0].data["taken"][0]["batch_id"]
    ran.append(house.brevdue("explain", f"{batch}-00002"))
    seen = b"\n".join((one.out + one.err).encode() for one in ran)
    for path in house.path.parent.rglob("*"):
        seen += path.name.encode() + (path.read_bytes() if path.is_file() else b"")
    found = sum(cpr.encode() in seen or f"{cpr[:6]}-{cpr[6:]}".encode() in seen for cpr in drop.expected)
    assert found == 0


@pytest.mark.parametrize("found_house", [DIRECT], ids=["rest"], indirect=True)  # no matter which way
@pytest.mark.parametrize("again", ["same_name", "other_name", "zipped", "csv"])
def test_the_same_drop_again_is_refused_and_sends_nothing(found_house: FoundHouse, tmp_path, again):
    house = found_house()
    dropped(house)
    shutil.copytree(house.inbox / "loen-2026-11", tmp_path / "copy")
    house.day()
    n_before = len(held_by_simulator(house))
    ran = drop_again(house, tmp_path / "copy", again)
    assert ran.code == 1
    assert ran.data["taken"] == []
    assert [refusal["code"] for refusal in ran.data["refused"]] == ["drop.already_taken"]
    house.brevdue("dispatch")
    assert len(held_by_simulator(house)) == n_before


def drop_again(house: HouseOnDisk, copy: Path, again: str):
    if again == "csv":
        return house.brevdue("pull", "--source", "loen", "--csv", str(copy / "index.csv"))
    name = "loen-2026-11" if again == "same_name" else "igen"
    if again == "zipped":
        with zipfile.ZipFile(house.inbox / f"{name}.zip", "w") as archive:
            for path in sorted(copy.iterdir()):
                archive.write(path, path.name)
        (house.inbox / f"{name}.zip.klar").touch()
    else:
        shutil.copytree(copy, house.inbox / name)
        (house.inbox / f"{name}.klar").touch()
    return house.brevdue("pull")


def test_a_batch_straight_from_a_csv_leaves_the_users_own_files_alone(found_house: FoundHouse, tmp_path):
    house = found_house()
    drop = write_big_drop(tmp_path, "run", 12, n_bytes=6_000)
    before = sorted((path.name, path.read_bytes()) for path in drop.path.iterdir())
    ran = house.brevdue("pull", "--source", "loen", "--csv", str(drop.path / "index.csv"))
    assert ran.code == 0
    assert ran.data["taken"][0]["n_ready"] == 12
    assert sorted((path.name, path.read_bytes()) for path in drop.path.iterdir()) == before
    house.day()
    assert_each_exactly_once(house, drop.expected)


def test_a_corrected_drop_sends_only_what_was_not_sent_before(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house)
    house.day()
    folder = house.inbox / "rettet"
    folder.mkdir()
    new = next(cpr for cpr in cprs(N + 1, seed=99) if cpr not in drop.expected)
    lines = ["modtager;fil;reference"]
    for number, cpr in enumerate([*drop.expected, new], start=1):
        (folder / f"{number}.pdf").write_bytes(payslip_bytes(cpr, 6_000))
        lines.append(f"{cpr};{number}.pdf;{number}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (house.inbox / "rettet.klar").touch()
    ran = house.brevdue("pull")
    assert (ran.data["taken"][0]["n_ready"], ran.data["taken"][0]["n_rejected"]) == (1, N)
    assert ran.data["taken"][0]["held_code"] == ""
    house.day()
    held = held_by_simulator(house)
    assert len(held) == N + 1
    assert len({recipient for recipient, _ in held}) == N + 1


def test_a_wrong_control_total_holds_the_batch_until_a_person_releases_it(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house, 10)
    index = drop.path / "index.csv"
    index.write_text(index.read_text(encoding="utf-8").replace("#ANTAL;10", "#ANTAL;11"), encoding="utf-8")
    ran = house.brevdue("pull")
    assert ran.code == 3
    assert ran.data["taken"][0]["held_code"] == "batch.wrong_total"
    house.brevdue("dispatch")
    assert held_by_simulator(house) == []
    released = house.brevdue("release", ran.data["taken"][0]["batch_id"], "--reason", "Antallet er rettet")
    assert (released.code, released.data["changed"]) == (0, 10)
    house.day()
    assert_each_exactly_once(house, drop.expected)


def test_a_payslip_of_somebody_else_is_held_and_goes_only_when_a_person_releases_it(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house, 40)
    swapped = list(drop.expected)[:2]
    one, two = drop.path / "1.pdf", drop.path / "2.pdf"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    ran = house.brevdue("pull")
    assert ran.data["taken"][0]["n_held"] == 2
    house.day()
    assert not {recipient for recipient, _ in held_by_simulator(house)} & set(swapped)
    batch = ran.data["taken"][0]["batch_id"]
    looked = house.brevdue("status", batch).data["attention"]
    assert [one["consignment"] for one in looked] == [f"{batch}-00002", f"{batch}-00003"]
    told = house.brevdue("explain", looked[0]["consignment"]).data["consignments"][0]
    assert (told["state"], told["code"]) == ("held", "document.other_cpr")
    assert house.brevdue("cancel", f"{batch}-00002", "--reason", "byttet").data["changed"] == 1
    assert house.brevdue("release", f"{batch}-00003", "--reason", "set efter").data["changed"] == 1
    house.day()
    assert_ledger_agrees(house, 39)
    report = json.loads(house.answers("rapport.json")[0].read_text(encoding="utf-8"))
    assert report["sum_stemmer"]


def test_a_person_finds_a_consignment_by_its_recipient(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house, 5)
    house.day()
    told = house.brevdue("explain", next(iter(drop.expected)))
    assert told.code == 0
    one = told.data["consignments"][0]
    assert json.loads(house.brevdue("status", one["consignment"]).err)["error"] == "usage.batch_wanted"
    assert json.loads(house.brevdue("explain", one["batch"]).err)["error"] == "usage.consignment_wanted"
    assert (one["state"], one["line"], one["recipient"][-4:]) == ("delivered", 2, "••••")
    assert one["receipt"]["proof"]
    assert [event["to"] for event in one["history"]][-3:] == ["sending", "accepted", "delivered"]


def test_a_person_finds_a_number_that_lost_its_zero_as_the_index_has_it(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house, 2)
    cpr = next(iter(drop.expected))
    index = drop.path / "index.csv"
    index.write_text(index.read_text(encoding="utf-8").replace(cpr, drops.LOST_ZERO), encoding="utf-8")
    house.brevdue("pull")
    told = house.brevdue("explain", drops.LOST_ZERO).data["consignments"]
    assert [(one["line"], one["recipient"]) for one in told] == [(2, "050682-••••")]


def test_purge_destroys_the_documents_and_keeps_the_proof(found_house: FoundHouse):
    house = found_house(house="", source="")
    dropped(house, 5)
    house.path.write_text(
        house.path.read_text(encoding="utf-8") + "\n[retention]\ndocument_days = 0\n", encoding="utf-8"
    )
    house.day()
    assert list((house.source / "arkiv").iterdir()) != []
    assert house.brevdue("purge").data["n_batches"] == 1
    assert list((house.source / "arkiv").iterdir()) == []
    with sqlite3.connect(house.settings.house.data / "brevdue.db") as database:
        left = database.execute("SELECT count(*) FROM document WHERE wrapped_key IS NOT NULL").fetchone()[0]
        sealed = database.execute("SELECT count(*) FROM consignment WHERE sealed IS NOT NULL").fetchone()[0]
        proof = database.execute("SELECT count(*) FROM receipt").fetchone()[0]
    database.close()
    assert (left, sealed, proof) == (0, 5, 5)


def test_a_material_s_own_days_and_the_last_date_count_from_the_closing(found_house: FoundHouse):
    house = found_house(material="document_days = 0")
    dropped(house, 3)
    house.day()
    answers = house.source / "kvittering"
    assert house.brevdue("purge").data == {
        "n_batches": 1,
        "n_erased": 0,
        "n_refused_drops": 0,
        "stopped": False,
        "exit_code": 0,
    }
    assert list((house.source / "arkiv").iterdir()) == [] and len(list(answers.iterdir())) == 1
    house.path.write_text(
        house.path.read_text(encoding="utf-8") + "\n[retention]\nevidence_days = 0\n", encoding="utf-8"
    )
    told = house.brevdue("purge").data
    assert (told["n_batches"], told["n_erased"]) == (0, 1)
    assert list(answers.iterdir()) == []
    assert house.brevdue("purge").data["n_erased"] == 0
    assert house.states() == {"delivered": 3}
    with sqlite3.connect(house.settings.house.data / "brevdue.db") as database:
        left = database.execute("SELECT count(*) FROM consignment WHERE recipient_key <> ''").fetchone()[0]
        events = database.execute("SELECT count(*) FROM event").fetchone()[0]
    database.close()
    assert (left, events) == (0, 3 * 3)


def test_check_says_that_all_is_well_and_names_what_is_not(found_house: FoundHouse):
    house = found_house()
    good = house.brevdue("check")
    assert good.code == 0, [point for point in good.data["points"] if point["code"]]
    text = house.path.read_text(encoding="utf-8").replace("client-good.pem", "client-expired.pem")
    house.path.write_text(text.replace("client-good.key", "client-expired.key"), encoding="utf-8")
    bad = house.brevdue("check")
    assert bad.code == 2
    assert "tls.certificate_expired" in {point["code"] for point in bad.data["points"]}


def test_a_house_never_mixes_simulated_and_live(found_house: FoundHouse):
    house = found_house()
    text = house.path.read_text(encoding="utf-8").replace("[house]", '[house]\nmode = "live"')
    house.path.write_text(text, encoding="utf-8")
    ran = house.brevdue("dispatch")
    assert ran.code == 2
    assert json.loads(ran.err)["error"] == "ledger.wrong_mode"
    assert house.brevdue("simulate").code == 2
