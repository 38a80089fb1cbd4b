"""Both ledgers: the daily enrolment list, read in beside the one in force and put in its place whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from batch.listed import ListCounts, ListedLine
from schemas.channels import Listed
from schemas.consignments import ReceiptEvent, ReceiptKind
from schemas.enrolment import Enrolment
from schemas.errors import ServiceDown
from tests.rigs.ledgers import CHANNEL, CPRS, CVR, LedgerHouse

DAY = 24 * 3600.0
NOTHING: tuple[str, set[str]] = ("", set())
ENROLLED, NOT_FOR_MATERIAL = Enrolment.ENROLLED, Enrolment.NOT_FOR_MATERIAL


def lines(*said: tuple[str, Enrolment, tuple[str, ...]]) -> list[ListedLine]:
    return [ListedLine(at, *one) for at, one in enumerate(said, start=2)]


def take(
    house: LedgerHouse, *said: tuple[str, Enrolment, tuple[str, ...]], channel: str = CHANNEL
) -> ListCounts:
    """Reads a list in and puts it in force; returns its counts."""
    lists = house.ledger.enrolments.lists
    serial = lists.begin(channel)
    assert lists.add(channel, serial, lines(*said)) == []
    counts = lists.compare(channel, serial)
    lists.put_in_force(channel, serial, counts=counts, dated_at=house.clock(), sha256="ab" * 32, actor="anna")
    return counts


def says(house: LedgerHouse, number: str, channel: str = CHANNEL) -> tuple[str, set[str]]:
    """Returns answer and places; an empty answer when there is no list that counts."""
    found = house.ledger.enrolments.listed(channel, number, DAY)
    return (found.answer, set(found.places)) if found else NOTHING


def n_rows(house: LedgerHouse) -> int:
    with house.ledger._store.database.reading() as connection:
        return connection.scalar(text("SELECT count(*) FROM enrolment_listed"))


def test_without_a_list_nothing_is_said(ledgers: LedgerHouse) -> None:
    assert ledgers.ledger.enrolments.lists.head(CHANNEL) is None
    assert says(ledgers, CPRS[0]) == NOTHING


def test_a_list_says_what_stands_in_it_and_who_is_missing_is_enrolled_for_nothing(
    ledgers: LedgerHouse,
) -> None:
    counts = take(
        ledgers,
        (CPRS[0], ENROLLED, ("7", "g:loen")),
        (CPRS[1], Enrolment.EXEMPT, ()),
        (CVR, ENROLLED, ("*",)),
    )
    assert counts == ListCounts(3, 3, 0, 0)
    assert says(ledgers, CPRS[0]) == ("enrolled", {"7", "g:loen"})
    assert says(ledgers, CPRS[1]) == ("exempt", set())
    assert says(ledgers, CVR) == ("enrolled", {"*"})
    assert says(ledgers, CPRS[2]) == ("not_for_this_material", set())
    assert says(ledgers, CPRS[0], "other") == NOTHING
    head = ledgers.ledger.enrolments.lists.head(CHANNEL)
    assert (head.n_recipients, head.dated_at) == (3, ledgers.clock())


def test_a_list_has_an_age_and_one_from_the_future_counts_for_nothing(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))
    ledgers.clock.wait(DAY)
    assert ledgers.ledger.enrolments.listed(CHANNEL, CPRS[0], DAY) == Listed(
        ledgers.clock() - timedelta(days=1), "enrolled", frozenset({"7"})
    )
    ledgers.clock.wait(1)
    assert says(ledgers, CPRS[0]) == NOTHING
    ledgers.clock.wait(-DAY - 60)
    assert says(ledgers, CPRS[0]) == NOTHING


def test_a_new_list_replaces_the_old_one_whole_and_is_compared_with_it(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)), (CPRS[1], ENROLLED, ("7",)), (CPRS[2], ENROLLED, ("7",)))
    lists = ledgers.ledger.enrolments.lists
    serial = lists.begin(CHANNEL)
    new = lines((CPRS[0], ENROLLED, ("7",)), (CPRS[1], Enrolment.DEAD, ()), (CPRS[3], ENROLLED, ("8",)))
    lists.add(CHANNEL, serial, new)
    counts = lists.compare(CHANNEL, serial)
    assert counts == ListCounts(n_recipients=3, n_new=1, n_gone=1, n_changed=1)
    for reader in (ledgers.ledger, ledgers.open()):  # until it is in force nobody sees any of it
        assert reader.enrolments.listed(CHANNEL, CPRS[1], DAY).answer == "enrolled"
        assert reader.enrolments.listed(CHANNEL, CPRS[3], DAY).answer == "not_for_this_material"
    lists.put_in_force(CHANNEL, serial, counts=counts, dated_at=ledgers.clock(), sha256="", actor="anna")
    assert says(ledgers, CPRS[1]) == ("dead", set())
    assert says(ledgers, CPRS[2]) == ("not_for_this_material", set())
    assert says(ledgers, CPRS[3]) == ("enrolled", {"8"})
    assert n_rows(ledgers) == 3  # nothing of the old one lingers


def test_a_list_of_one_channel_is_no_other_channels(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))
    take(ledgers, (CPRS[1], ENROLLED, ("7",)), channel="eboks_soap")
    assert says(ledgers, CPRS[0]) == ("enrolled", {"7"})
    assert says(ledgers, CPRS[0], "eboks_soap") == ("not_for_this_material", set())


def test_several_lines_about_one_recipient_add_up_over_parts_too(ledgers: LedgerHouse) -> None:
    lists = ledgers.ledger.enrolments.lists
    serial = lists.begin(CHANNEL)
    lists.add(CHANNEL, serial, lines((CPRS[0], ENROLLED, ("7",)), (CPRS[0], ENROLLED, ("8", "g:loen"))))
    lists.add(CHANNEL, serial, lines((CPRS[0], ENROLLED, ("7", "9"))))
    counts = lists.compare(CHANNEL, serial)
    assert counts.n_recipients == 1
    lists.put_in_force(CHANNEL, serial, counts=counts, dated_at=ledgers.clock(), sha256="", actor="a")
    assert says(ledgers, CPRS[0]) == ("enrolled", {"7", "8", "9", "g:loen"})


@pytest.mark.parametrize("apart", [False, True])
def test_of_one_about_whom_a_list_contradicts_itself_it_says_nothing(
    ledgers: LedgerHouse, apart: bool
) -> None:
    lists = ledgers.ledger.enrolments.lists
    serial = lists.begin(CHANNEL)
    both = lines((CPRS[0], ENROLLED, ("7",)), (CPRS[0], Enrolment.EXEMPT, ()))
    parts = [[one] for one in both] if apart else [both]
    faults = [fault for part in parts for fault in lists.add(CHANNEL, serial, part)]
    assert [(fault.line, fault.code) for fault in faults] == [(3, "enrolment_list.contradiction")]
    counts = lists.compare(CHANNEL, serial)
    lists.put_in_force(CHANNEL, serial, counts=counts, dated_at=ledgers.clock(), sha256="", actor="a")
    assert says(ledgers, CPRS[0]) == ("unknown", set())


def test_a_list_that_is_given_up_leaves_the_old_one_in_force_and_nothing_behind(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))
    lists = ledgers.ledger.enrolments.lists
    serial = lists.begin(CHANNEL)
    lists.add(CHANNEL, serial, lines((CPRS[1], ENROLLED, ("7",))))
    lists.give_up(CHANNEL, serial)
    assert says(ledgers, CPRS[0]) == ("enrolled", {"7"})
    assert n_rows(ledgers) == 1


def test_what_a_killed_import_left_is_swept_away_by_the_next(ledgers: LedgerHouse) -> None:
    dead = ledgers.open().enrolments.lists
    dead.add(CHANNEL, dead.begin(CHANNEL), lines((CPRS[1], ENROLLED, ("7",))))
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))
    assert says(ledgers, CPRS[1]) == ("not_for_this_material", set())
    assert n_rows(ledgers) == 1


def test_of_two_imports_at_once_the_later_one_counts_and_the_other_changes_nothing(
    ledgers: LedgerHouse,
) -> None:
    one, other = ledgers.ledger.enrolments.lists, ledgers.open().enrolments.lists
    early = one.begin(CHANNEL)
    one.add(CHANNEL, early, lines((CPRS[0], ENROLLED, ("7",))))
    counts = one.compare(CHANNEL, early)
    late = other.begin(CHANNEL)
    with pytest.raises(ServiceDown) as refused:
        one.put_in_force(CHANNEL, early, counts=counts, dated_at=ledgers.clock(), sha256="", actor="a")
    assert refused.value.code == "enrolment_list.overtaken"
    with pytest.raises(ServiceDown):
        one.add(CHANNEL, early, lines((CPRS[1], ENROLLED, ("7",))))
    assert says(ledgers, CPRS[0]) == NOTHING
    other.give_up(CHANNEL, late)
    assert n_rows(ledgers) == 0


def test_after_a_reject_the_list_says_nothing_about_that_recipient(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)), (CPRS[1], ENROLLED, ("7",)))
    ledgers.ledger.enrolments.forget(CHANNEL, CPRS[0])
    assert says(ledgers, CPRS[0])[0] == "unknown"
    assert says(ledgers, CPRS[1])[0] == "enrolled"
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))  # the next day's list counts again
    assert says(ledgers, CPRS[0])[0] == "enrolled"


@pytest.mark.parametrize("kind", [ReceiptKind.RETURNED, ReceiptKind.REFUSED])
def test_later_word_that_a_letter_did_not_arrive_forgets_what_was_kept(
    ledgers: LedgerHouse, kind: ReceiptKind
) -> None:
    ledgers.add(2)
    claims = ledgers.claim()
    ledgers.accept(claims)
    numbers = [claim.consignment.recipient.number.digits for claim in claims]
    take(ledgers, *((number, ENROLLED, ("7",)) for number in numbers))
    cache = ledgers.ledger.enrolments
    for number in numbers:
        cache.remember(CHANNEL, 7, number, "enrolled")
    word = ReceiptEvent(CHANNEL, f"ext-{claims[0].message_id}", kind, ledgers.clock(), "eboks.exempt")
    assert ledgers.ledger.record_receipts([word], actor="collect") == 1
    assert [cache.recall(CHANNEL, 7, number, DAY) is None for number in numbers] == [True, False]
    assert [says(ledgers, number)[0] for number in numbers] == ["unknown", "enrolled"]


def test_no_number_lies_in_the_database(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))
    with ledgers.ledger._store.database.reading() as connection:
        for table in ("enrolment_list", "enrolment_listed", "act"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert rows
            assert CPRS[0] not in str(rows)


def test_the_act_of_importing_is_kept_with_its_actor(ledgers: LedgerHouse) -> None:
    take(ledgers, (CPRS[0], ENROLLED, ("7",)))
    with ledgers.ledger._store.database.reading() as connection:
        act = connection.execute(text("SELECT verb, subject, actor, n_changed FROM act")).one()
    assert tuple(act) == ("enrolment import", CHANNEL, "anna", 1)
