"""The simulator's state: persons and their standing, messages, their file, the pace and the codes."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from eboks.simulator import PERSONS, Material, Standing, Status, codes, person
from eboks.simulator.codes import Objection
from eboks.simulator.journal import Journal
from eboks.simulator.messages import Counts, Messages, Pace, Received
from eboks.simulator.persons import Directory, number_born, standing
from schemas.errors import ConfigurationError
from schemas.identity import Verdict, judge_cpr, judge_cvr

TODAY = date(2026, 11, 24)
VOLUNTARY, MANDATORY = Material(delivery="voluntary"), Material(delivery="mandatory")


def received(number: int = 1, **change: object) -> Received:
    message = Received(
        id=f"001234{number}",
        system_id=1234,
        recipient="1408683994",
        recipient_type="P",
        content_type_id=179343,
        title_sha256="0" * 64,
        sha256="1" * 64,
        n_bytes=19,
        extension="pdf",
        standing="enrolled",
        received_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
        returned_id=f"proxy-{number}",
    )
    return replace(message, **change)  # type: ignore[arg-type]


def test_every_listed_number_is_one_that_may_be_sent_to():
    for one in PERSONS.values():
        if one.kind == "V":
            assert judge_cvr(one.number)
        else:
            assert judge_cpr(one.number, TODAY) in (Verdict.OK, Verdict.OK_NO_MOD11)
    assert len({(one.kind, one.number) for one in PERSONS.values()}) == len(PERSONS)


def test_every_person_the_facts_ask_for_is_listed():
    assert PERSONS.keys() >= {
        "valid",
        "never_logged_in",
        "not_this_material",
        "exempt",
        "dead",
        "minor",
        "protected",
        "same_name_1",
        "same_name_2",
        "company",
        "company_without_material",
        "company_p_number",
    }
    twins = person("same_name_1"), person("same_name_2")
    assert (twins[0].name, twins[0].address) == (twins[1].name, twins[1].address)


def test_a_person_never_shows_the_number():
    assert person("valid").number not in repr(person("valid"))


def test_a_computed_number_is_the_highest_of_its_century():
    assert number_born(date(1980, 4, 7)) == max(
        digits for serial in range(10_000) if judge_cpr(digits := f"070480{serial:04d}", TODAY) is Verdict.OK
    )


@pytest.mark.parametrize(
    ("word", "material", "expected"),
    [
        ("valid", VOLUNTARY, Standing.ENROLLED),
        ("valid", MANDATORY, Standing.ENROLLED),
        ("never_logged_in", MANDATORY, Standing.ENROLLED),
        ("never_logged_in", VOLUNTARY, Standing.NOT_FOR_MATERIAL),
        ("not_this_material", MANDATORY, Standing.ENROLLED),
        ("not_this_material", VOLUNTARY, Standing.NOT_FOR_MATERIAL),
        ("not_this_material", Material(delivery="voluntary", group="bank"), Standing.ENROLLED),
        ("valid", Material(recipient_types=("V",)), Standing.NOT_FOR_MATERIAL),
        ("exempt", MANDATORY, Standing.EXEMPT),
        ("dead", MANDATORY, Standing.DEAD),
        ("minor", MANDATORY, Standing.MINOR),
        ("not_found", MANDATORY, Standing.NOT_FOUND),
        ("protected", VOLUNTARY, Standing.ENROLLED),
        ("company", VOLUNTARY, Standing.ENROLLED),
        ("company_without_material", VOLUNTARY, Standing.NOT_FOR_MATERIAL),
        ("company_p_number", VOLUNTARY, Standing.ENROLLED),
    ],
)
def test_standing_follows_person_and_material(word: str, material: Material, expected: Standing):
    assert standing(person(word), material) is expected


@pytest.mark.parametrize("rule", [Status.ENROLLED, Status.NOT_FOUND])
def test_everyone_else_follows_the_rule_for_the_unlisted(rule: Status):
    assert Directory(rule).find("P", number_born(date(1971, 1, 2))).status is rule


def test_a_flip_lasts_and_touches_one_directory_alone():
    directory, other = Directory(Status.ENROLLED), Directory(Status.ENROLLED)
    number = person("valid").number
    directory.flip("P", number, Status.EXEMPT)
    directory.flip("P", number, groups=())
    assert (directory.find("P", number).status, directory.find("P", number).groups) == (Status.EXEMPT, ())
    directory.flip("P", number, Status.ENROLLED, all_groups=True)
    assert directory.find("P", number) == other.find("P", number)


def test_an_id_is_taken_by_its_first_message_for_good():
    messages = Messages()
    assert messages.take(received()) is None
    first = messages.take(received(sha256="2" * 64))
    assert first is not None and (first.sha256, first.n_puts) == ("1" * 64, 2)
    assert len(messages) == 1
    assert messages.find("proxy-1") is first


def test_the_file_tells_the_same_after_a_restart(tmp_path: Path):
    path = tmp_path / "received.jsonl"
    messages = Messages(journal := Journal(path))
    messages.take(received(1))
    messages.take(received(2, warnings=("unknown_element_1",)))
    messages.take(received(1))
    kept = [one.as_json() for one in messages]
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    journal.close()
    assert [line["event"] for line in lines] == ["received", "received", "repeated"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Messages(journal := Journal(path))
    assert [one.as_json() for one in again] == kept
    assert again.take(received(2)) is not None
    journal.close()


def test_a_line_torn_by_a_kill_is_cut_off(tmp_path: Path):
    path = tmp_path / "received.jsonl"
    messages = Messages(journal := Journal(path))
    messages.take(received(1))
    journal.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "rece')
    again = Messages(journal := Journal(path))
    again.take(received(2))
    journal.close()
    assert [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()] == ["0012341", "0012342"]


def test_forgetting_empties_the_file(tmp_path: Path):
    path = tmp_path / "received.jsonl"
    messages = Messages(journal := Journal(path))
    messages.take(received(1))
    assert messages.forget_all() == 1
    assert (len(messages), messages.find("proxy-1"), path.read_bytes()) == (0, None, b"")
    messages.take(received(1))
    journal.close()
    assert len(path.read_text("utf-8").splitlines()) == 1


def test_a_file_that_cant_be_used_is_a_configuration_error(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"simulator\.record_unwritable"):
        Journal(tmp_path)
    (tmp_path / "odd").write_text("not json\n", encoding="utf-8")
    journal = Journal(tmp_path / "odd")
    with pytest.raises(ConfigurationError, match=r"simulator\.record_unreadable"):
        Messages(journal)
    journal.close()


def test_the_pace_sees_the_fastest_second_and_the_most_side_by_side():
    times = iter([0.0, 0.2, 0.9, 1.0, 1.3, 5.0])
    counts = Counts()
    pace = Pace(counts, lambda: next(times), None)
    assert all(pace.arrive() for _ in range(5))  # 0.2 to 1.0 lie within one second, 0.0 no longer does
    assert counts.max_sends_in_one_second == 3
    for _ in range(5):
        pace.leave()
    pace.arrive()
    assert (counts.max_sends_in_one_second, counts.max_parallel) == (3, 5)


def test_the_limit_lets_that_many_through_in_any_second():
    times = iter([0.0, 0.1, 0.2, 0.3, 1.05, 1.06])
    pace = Pace(Counts(), lambda: next(times), 2)
    assert [pace.arrive() for _ in range(6)] == [True, True, False, False, True, False]


def test_invented_numbers_stay_in_the_invented_range():
    listed = [one for one in vars(codes).values() if isinstance(one, Objection)]
    assert len(listed) > 20
    for one in listed:
        assert 9000 <= one.number <= 9999 or (one.number, one.status) == (3000, 403)
        assert len(one.text) <= 2048
    assert len({(one.number, one.status) for one in listed}) == len(listed)
