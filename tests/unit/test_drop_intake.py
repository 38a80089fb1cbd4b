"""A drop becomes a batch: every line in one place, every file encrypted, no original left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from batch.document_store import DocumentStore
from batch.drop_folder import take
from batch.pdf_text import MAX_PAGES_READ
from batch.quarantine import DropRefused
from batch.reports import write_answers
from schemas.states import State
from tests.rigs import drops
from tests.rigs.drops import Drop, OpenHouse, good_drop
from tests.rigs.pdfs import many_pages_pdf


def test_a_good_folder_becomes_a_batch_and_no_original_is_left(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = good_drop(4)
    drop.write_folder(house.inbox)
    done = house.take_one()
    assert (done.n_lines, done.n_ready, done.n_held, done.n_rejected) == (4, 4, 0, 0)
    assert house.in_folder("ind") == house.in_folder("arbejde") == house.in_folder("karantaene") == []
    assert house.in_folder("arkiv") == [f"{done.batch_id}.pack"]
    packed = (house.source.folder / "arkiv" / f"{done.batch_id}.pack").read_bytes()
    assert all(content not in packed and content[:40] not in packed for content in drop.files.values())


def test_the_recorded_documents_are_the_senders_for_the_right_people(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = good_drop(3)
    drop.write_folder(house.inbox)
    batch_id = house.take_one().batch_id
    store = DocumentStore(house.vault, drops.TENANT, {drops.SOURCE: house.source.folder / "arkiv"})
    for line, number in enumerate(drops.GOOD[:3], 2):
        standing = house.ledger.standing(f"{batch_id}-{line:05d}")
        assert standing is not None
        consignment = standing.consignment
        assert consignment is not None
        assert consignment.recipient.number.digits == number
        assert consignment.title == "Lønseddel"
        assert consignment.reference == f"ref-{line - 1}"
        (document,) = consignment.documents
        assert store.read(consignment, document) == drops.payslip(number)


def test_a_zip_with_a_top_folder_is_read_like_a_folder(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(3).write_zip(house.inbox, top="uddata november/")
    done = house.take_one()
    assert (done.n_ready, done.n_rejected, house.warnings(done.batch_id)) == (3, 0, [])


@pytest.mark.parametrize("way", ["same name", "other name", "zipped", "recoded", "with a stray"])
def test_the_same_drop_again_is_refused_whole(intake_house: OpenHouse, way: str) -> None:
    house = intake_house()
    drop = good_drop(3)
    drop.write_folder(house.inbox)
    first = house.take_one()
    if way == "zipped":
        drop.write_zip(house.inbox, "andet.zip", top="mappe/")
    else:
        if way == "recoded":
            drop.encoding, drop.line_end = "utf-8-sig", "\n"
        if way == "with a stray":
            drop.files["Thumbs.db"] = b"noise"
        drop.write_folder(house.inbox, "uddata" if way == "same name" else "andet")
    (refused,) = house.pull()
    assert isinstance(refused, DropRefused)
    assert (refused.code, refused.params) == ("drop.already_taken", {"batch": first.batch_id})
    assert len(house.ledger.batches()) == 1
    assert house.in_folder("arkiv") == [f"{first.batch_id}.pack"]


def test_one_corrected_row_in_the_same_folder_sends_that_row_alone(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = good_drop(3).add(drops.BAD_DATE, "d.pdf", shown=drops.OK_NO_MOD11_1992)
    drop.write_folder(house.inbox)
    first = house.take_one()
    assert (first.n_held, first.n_rejected, first.held_code) == (3, 1, "batch.too_many_bad")
    drop.lines[3] = drop.lines[3].replace(drops.BAD_DATE, drops.OK_NO_MOD11_1992)
    drop.write_folder(house.inbox)
    house.ledger.release(first.batch_id, actor="test")
    second = house.take_one()
    assert (second.n_ready, second.n_rejected, second.held_code) == (1, 3, "")
    assert house.codes(second.batch_id) == dict.fromkeys((2, 3, 4), "row.already_sent")
    (fault,) = [line for line in house.ledger.lines(second.batch_id) if line.line == 3]
    assert fault.params == {"batch": first.batch_id, "earlier_line": 3}


@pytest.mark.parametrize(("setting", "status"), [("hold", "held"), ("send", "ready")])
def test_what_was_sent_before_is_held_or_sent_as_the_source_says(
    intake_house: OpenHouse, setting: str, status: str
) -> None:
    house = intake_house(duplicates=setting)
    good_drop(1).write_folder(house.inbox, "a")
    house.take_one()
    good_drop(2).write_folder(house.inbox, "b")
    assert house.statuses(house.take_one().batch_id) == {2: status, 3: "ready"}


def test_what_was_cancelled_before_may_be_sent(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(1).write_folder(house.inbox, "a")
    first = house.take_one()
    house.ledger.cancel(first.batch_id, actor="test", reason="forkert")
    good_drop(2).write_folder(house.inbox, "b")
    assert house.take_one().n_ready == 2


def test_the_same_row_twice_in_one_batch_is_sent_once(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = good_drop(1)
    drop.line(drop.lines[0]).write_folder(house.inbox)
    done = house.take_one()
    assert house.codes(done.batch_id) == {3: "row.already_sent"}
    assert done.n_ready == 1
    assert (3, "row.file_named_twice") in house.warnings(done.batch_id)


def test_a_row_whose_twin_was_refused_is_judged_on_its_own(intake_house: OpenHouse) -> None:
    house = intake_house(hold_above_percent=100)
    drop = Drop().add(content=b"no pdf at all", file="x.pdf")
    drop.line(drop.lines[0]).write_folder(house.inbox)
    done = house.take_one()
    assert set(house.codes(done.batch_id).values()).isdisjoint({"row.already_sent"})
    assert done.n_rejected == 2


def test_one_bad_row_never_stops_the_others(intake_house: OpenHouse) -> None:
    house = intake_house(hold_above_percent=100)
    drop = Drop()
    drop.add(drops.OK).add(drops.BAD_DATE).add(drops.OK_2004, content=b"%PDF-1.4 broken")
    drop.add(drops.OK_2003).line("kun;to").add(drops.OK_NO_MOD11, material="ukendt")
    drop.write_folder(house.inbox)
    done = house.take_one()
    assert house.statuses(done.batch_id) == {
        2: "ready", 3: "rejected", 4: "rejected", 5: "ready", 6: "rejected", 7: "rejected",
    }  # fmt: skip
    codes = house.codes(done.batch_id)
    assert codes[3] == "identity.ambiguous"
    assert codes[4] == "document.damaged"
    assert codes[6] == "row.too_few_fields"
    assert codes[7] == "row.unknown_material"
    summary = house.ledger.batch(done.batch_id)
    assert summary is not None and summary.adds_up


def test_every_file_of_the_drop_is_kept_encrypted_named_or_not(intake_house: OpenHouse) -> None:
    house = intake_house(hold_above_percent=100)
    drop = good_drop(1).add(drops.BAD_DATE, "afvist.pdf").line("for;kort")
    drop.files["ingen_naevner_mig.pdf"] = b"stray"
    drop.write_folder(house.inbox)
    done = house.take_one()
    size = (house.source.folder / "arkiv" / f"{done.batch_id}.pack").stat().st_size
    # 12 bytes of nonce and 16 of tag for each of four files.
    contents = [drop.index, *drop.files.values()]
    assert size == sum(len(content) + 28 for content in contents)


def test_an_unnamed_file_is_a_warning_that_shows_no_name(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = good_drop(1)
    drop.files[f"loen {drops.OK} Jens.pdf"] = b"stray"
    drop.files[".DS_Store"] = b"noise"
    drop.write_folder(house.inbox)
    done = house.take_one()
    (warning,) = house.ledger.warnings(done.batch_id)
    assert (warning.line, warning.code) == (0, "drop.unnamed_file")
    assert warning.params == {"n_files": 1, "shown": "loe….pdf"}


def test_the_wrong_persons_document_is_held(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(1).add(drops.OK_2004, shown=drops.OK_2003).write_folder(house.inbox)
    done = house.take_one()
    assert house.codes(done.batch_id) == {3: "document.other_cpr"}
    assert (done.n_ready, done.n_held, done.held_code) == (1, 1, "")


def test_who_lets_a_doubtful_row_go_is_told_of_the_wrong_document_first_and_of_the_rest(
    intake_house: OpenHouse,
) -> None:
    house = intake_house()
    good_drop(1).add(drops.LOST_ZERO, shown=drops.OK_2003).write_folder(house.inbox)
    done = house.take_one()
    assert (done.n_ready, done.n_held) == (1, 1)
    (held,) = [line for line in house.ledger.lines(done.batch_id) if line.status == "held"]
    assert (held.code, held.column) == ("document.other_cpr", "fil")
    assert [(one.code, one.column) for one in held.further] == [("identity.lost_zero", "modtager")]
    assert held.further[0].params == {"repaired": "050682-••••"}
    house.ledger.release(held.consignment_id, actor="test")
    assert [line.further for line in house.ledger.lines(done.batch_id)] == [(), ()]


def test_a_document_that_was_not_read_to_its_end_is_told_in_the_answers(intake_house: OpenHouse) -> None:
    house = intake_house()
    long = many_pages_pdf(MAX_PAGES_READ + 1)
    good_drop(1).add(drops.OK_2004, content=long).write_folder(house.inbox)
    done = house.take_one()
    assert (done.n_ready, done.n_warnings) == (2, 1)
    assert house.warnings(done.batch_id) == [(3, "document.not_read_to_end")]
    answers = house.source.folder / "kvittering"
    told = write_answers(
        answers, house.ledger, done.batch_id, language="da", simulated=True, now=lambda: drops.NOON
    )
    assert "document.not_read_to_end" in (told / "rapport.html").read_text(encoding="utf-8")
    assert json.loads((told / "rapport.json").read_text(encoding="utf-8"))["advarsler"] == 1


def test_a_lost_zero_is_held_with_the_repair_offered(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(1).add(drops.LOST_ZERO, shown=drops.REPAIRED).write_folder(house.inbox)
    done = house.take_one()
    (held,) = [line for line in house.ledger.lines(done.batch_id) if line.status == "held"]
    assert (held.code, held.column, held.params) == (
        "identity.lost_zero",
        "modtager",
        {"repaired": "050682-••••"},
    )
    standing = house.ledger.standing(held.consignment_id)
    assert standing is not None and standing.consignment.recipient.number.digits == drops.REPAIRED


def test_a_lost_zero_is_repaired_and_told_when_the_source_wants_it(intake_house: OpenHouse) -> None:
    house = intake_house(repair_lost_zero=True)
    good_drop(1).add(drops.LOST_ZERO, shown=drops.REPAIRED).write_folder(house.inbox)
    done = house.take_one()
    assert done.n_ready == 2
    assert house.warnings(done.batch_id) == [(3, "identity.repaired_zero")]


def test_attachments_travel_with_their_row(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = Drop(header="modtager;fil;bilag;materiale")
    drop.line(f"{drops.CVR};a.pdf;b.pdf | c.pdf;loenseddel")
    drop.files = {name: drops.payslip(drops.CVR) + name.encode() for name in ("a.pdf", "b.pdf", "c.pdf")}
    drop.write_folder(house.inbox)
    done = house.take_one()
    standing = house.ledger.standing(f"{done.batch_id}-00002")
    assert standing is not None
    assert [document.name for document in standing.consignment.documents] == ["a.pdf", "b.pdf", "c.pdf"]
    assert [document.sha256 for document in standing.consignment.documents] == [
        hashlib.sha256(content).hexdigest() for content in drop.files.values()
    ]


def test_seeds_differ_by_line_and_unknown_columns_are_kept(intake_house: OpenHouse) -> None:
    house = intake_house(material="loenseddel")
    drop = good_drop(2)
    drop.header += ";Lønart"
    drop.lines = [f"{line};{n}" for n, line in enumerate(drop.lines)]
    drop.write_folder(house.inbox)
    done = house.take_one()
    found = [house.ledger.standing(f"{done.batch_id}-{line:05d}") for line in (2, 3)]
    assert len({one.consignment.seed for one in found if one}) == 2
    assert [dict(one.consignment.extra) for one in found if one] == [{"Lønart": "0"}, {"Lønart": "1"}]


@pytest.mark.parametrize(
    ("total", "code", "state"),
    [
        ("#ANTAL;3", "", State.READY),
        ("#antal; 3 ;;;", "", State.READY),
        ("#ANTAL;4", "batch.wrong_total", State.HELD),
        ("#ANTAL;tre", "batch.unreadable_total", State.HELD),
        ("#ANTAL", "batch.unreadable_total", State.HELD),
    ],
)
def test_a_wrong_control_total_holds_the_batch(
    intake_house: OpenHouse, total: str, code: str, state: State
) -> None:
    house = intake_house()
    good_drop(3).line(total).write_folder(house.inbox)
    done = house.take_one()
    assert done.held_code == code
    summary = house.ledger.batch(done.batch_id)
    assert summary is not None and summary.counts.get(state) == 3


def test_too_many_bad_rows_hold_the_batch_and_a_few_do_not(intake_house: OpenHouse) -> None:
    house = intake_house(hold_above_percent=25)
    good_drop(3).add(drops.BAD_DATE).write_folder(house.inbox, "a")
    assert house.take_one().held_code == ""
    good_drop(2).add(drops.BAD_DATE).line("kort").write_folder(house.inbox, "b")
    # Two rows were sent before, which is no fault: two bad of four, and nothing left to hold.
    assert house.take_one().n_ready == 0


def test_all_or_nothing_holds_the_good_rows_of_a_batch_with_a_bad_one(intake_house: OpenHouse) -> None:
    house = intake_house(all_or_nothing=True, hold_above_percent=100)
    good_drop(3).add(drops.BAD_DATE).write_folder(house.inbox)
    done = house.take_one()
    assert (done.held_code, done.n_ready, done.n_held) == ("batch.all_or_nothing", 0, 3)


def test_progress_ends_at_the_number_of_lines(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(3).write_folder(house.inbox)
    heard: list[tuple[int, int]] = []
    taken = take(house.sealed()[0], "20261124-110000-aaaaaa")
    assert taken is not None
    house.intake.take_in(drops.SOURCE, taken, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (3, 3)
    assert heard == sorted(heard)


def test_a_csv_is_taken_in_place_and_the_users_files_stay(intake_house: OpenHouse, tmp_path: Path) -> None:
    house = intake_house()
    own = tmp_path / "own"
    own.mkdir()
    folder = good_drop(2).write_folder(own, marker="")
    (folder / "private.txt").write_text("not yours")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = house.intake.take_csv(drops.SOURCE, folder / "index.csv")
    assert (done.n_ready, house.warnings(done.batch_id)) == (2, [])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert house.in_folder("arbejde") == []
    good_drop(2).write_folder(house.inbox)
    (refused,) = house.pull()
    assert isinstance(refused, DropRefused) and refused.code == "drop.already_taken"


def test_a_refused_csv_moves_nothing(intake_house: OpenHouse, tmp_path: Path) -> None:
    house = intake_house()
    csv = tmp_path / "liste.csv"
    csv.write_text("modtager;materiale;fil\n")
    with pytest.raises(DropRefused) as refused:
        house.intake.take_csv(drops.SOURCE, csv)
    assert refused.value.code == "index.no_rows"
    assert csv.exists()
    assert house.in_folder("arbejde") == house.in_folder("karantaene") == house.in_folder("arkiv") == []


@pytest.mark.parametrize(
    "name", ["../hemmelig.pdf", "/etc/passwd", "under/a.pdf", "link.pdf", "..", "C:a.pdf"]
)
def test_a_csv_reaches_nothing_outside_its_folder(intake_house: OpenHouse, tmp_path: Path, name: str) -> None:
    house = intake_house(hold_above_percent=100)
    folder = tmp_path / "own"
    (folder / "under").mkdir(parents=True)
    for path in (tmp_path / "hemmelig.pdf", folder / "under" / "a.pdf"):
        path.write_bytes(drops.payslip(drops.OK))
    (folder / "link.pdf").symlink_to(tmp_path / "hemmelig.pdf")
    (folder / "x.csv").write_text(f"modtager;materiale;fil\n{drops.OK};loenseddel;{name}\n")
    done = house.intake.take_csv(drops.SOURCE, folder / "x.csv")
    assert house.codes(done.batch_id)[2] in ("row.file_outside", "row.file_missing")
