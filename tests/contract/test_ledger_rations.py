"""Both databases: what a channel of limited amounts carries is counted at the claim, once, and by hash."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Thread

from sqlalchemy import text

from batch.records import Outcome, Ration
from schemas.consignments import Receipt
from schemas.states import Cause
from tests.rigs.ledgers import CPRS, OWNER, LedgerHouse

CHANNEL = "tls"
MATERIAL = "loenseddel"


def _either_few(n_recipients: int, n_persons: int) -> bool:
    return n_recipients <= 2 and n_persons <= 2


RATION = Ration(24.0, frozenset({MATERIAL}), _either_few)


def _claim(house: LedgerHouse, ration=RATION, limit=10):
    return house.ledger.claim(
        CHANNEL, limit, owner=OWNER, lease_seconds=60, name_id=lambda seed: seed, ration=ration
    )


def _add(house: LedgerHouse, *who: tuple[str, str]) -> None:
    for number, email in who:
        house.add(1, route=(CHANNEL, "portal"), material=MATERIAL, digits=number, email=email)


A, B, C = CPRS[:3]


def test_what_is_within_the_ration_goes_and_the_rest_is_marked(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"), (B, "x@firma.example"), (C, "x@firma.example"))
    assert [claim.over_ration for claim in _claim(ledgers)] == [False, False, True]


def test_one_persons_addresses_are_counted_too(ledgers: LedgerHouse) -> None:
    _add(ledgers, *((A, f"{n}@firma.example") for n in range(3)))
    assert [claim.over_ration for claim in _claim(ledgers)] == [False, False, True]


def test_the_letter_case_of_an_address_makes_no_other_recipient(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"), (A, "X@Firma.example"), (A, "x@FIRMA.example"))
    assert not any(claim.over_ration for claim in _claim(ledgers))


def test_another_way_to_write_an_address_makes_no_other_recipient(ledgers: LedgerHouse) -> None:
    ways = {"x@\u00f8l.example": "x@xn--l-4ga.example"}
    one_mailbox = replace(RATION, mailbox=lambda text: ways.get(text, text))
    _add(ledgers, (A, "x@\u00f8l.example"), (B, "x@xn--l-4ga.example"), (C, "x@\u00f8l.example"))
    claims = _claim(ledgers, one_mailbox)
    assert [claim.over_ration for claim in claims] == [False, False, True]
    assert ledgers.ledger.amount(CHANNEL, claims[2].consignment, one_mailbox) == (1, 3)


def test_a_consignment_that_is_tried_again_counts_once(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"))
    for _ in range(4):
        (claim,) = _claim(ledgers)
        assert not claim.over_ration
        later = Outcome(claim, Cause.DEFERRED, "smtp.451", retry_at=ledgers.clock.at)
        ledgers.ledger.record([later], actor="brevdue")
    assert ledgers.ledger.amount(CHANNEL, claim.consignment, RATION) == (1, 1)


def test_what_the_channel_did_not_take_counts_no_longer(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"), (B, "x@firma.example"), (C, "x@firma.example"))
    first, second, third = _claim(ledgers)
    ledgers.ledger.record(
        [
            Outcome(first, Cause.REROUTED, "tls.no_starttls"),
            Outcome(third, Cause.REROUTED, "policy.too_much"),
        ],
        actor="brevdue",
    )
    assert ledgers.ledger.amount(CHANNEL, second.consignment, RATION) == (1, 1)


def test_what_waits_for_a_way_counts_no_longer(ledgers: LedgerHouse) -> None:
    ledgers.add(1, route=(CHANNEL,), material=MATERIAL, digits=A, email="x@firma.example")
    (claim,) = _claim(ledgers)
    out = Outcome(claim, Cause.REROUTED, "tls.no_starttls", at_end=Cause.NO_WAY)
    ledgers.ledger.record([out], actor="brevdue")
    _add(ledgers, (B, "x@firma.example"))
    (other,) = _claim(ledgers)
    assert ledgers.ledger.amount(CHANNEL, other.consignment, RATION) == (1, 1)


def test_what_was_taken_counts_until_the_hours_have_passed(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"), (B, "x@firma.example"))
    outcomes = [
        Outcome(claim, Cause.ACCEPTED, receipt=Receipt(CHANNEL, f"id-{n}", ledgers.clock.at, final=True))
        for n, claim in enumerate(_claim(ledgers))
    ]
    ledgers.ledger.record(outcomes, actor="brevdue")
    _add(ledgers, (C, "x@firma.example"))
    (claim,) = _claim(ledgers)
    assert claim.over_ration
    ledgers.ledger.record([Outcome(claim, Cause.DEFERRED, retry_at=ledgers.clock.at)], actor="brevdue")
    ledgers.clock.at += timedelta(hours=24, seconds=1)
    assert [claim.over_ration for claim in _claim(ledgers)] == [False]


def test_other_materials_and_channels_are_not_counted(ledgers: LedgerHouse) -> None:
    for number in (A, B, C):
        ledgers.add(1, route=(CHANNEL,), material="nyhedsbrev", digits=number, email="x@firma.example")
    assert not any(claim.over_ration for claim in _claim(ledgers))
    assert not any(claim.over_ration for claim in _claim(ledgers, ration=None))


def test_channels_of_the_same_protection_count_together(ledgers: LedgerHouse) -> None:
    together = replace(RATION, beside=frozenset({CHANNEL, "tls2"}))
    _add(ledgers, (A, "x@firma.example"), (B, "x@firma.example"))
    assert not any(claim.over_ration for claim in _claim(ledgers, together))
    ledgers.add(1, route=("tls2",), material=MATERIAL, digits=C, email="x@firma.example")
    (claim,) = ledgers.ledger.claim(
        "tls2", 10, owner=OWNER, lease_seconds=60, name_id=lambda seed: seed, ration=together
    )
    assert claim.over_ration
    assert ledgers.ledger.amount("tls2", claim.consignment, together) == (1, 3)


def test_neither_number_nor_address_is_stored(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"))
    _claim(ledgers)
    with ledgers.ledger._store.database.reading() as connection:
        rows = [str(tuple(row)) for row in connection.execute(text("SELECT * FROM ration_use"))]
    assert len(rows) == 1
    assert A not in rows[0]
    assert "firma.example" not in rows[0]


def test_two_workers_at_once_never_exceed_it_together(ledgers: LedgerHouse) -> None:
    _add(ledgers, *((CPRS[n % 5], "x@firma.example") for n in range(5)))
    other, start, taken = ledgers.open(), Barrier(2), []

    def work(ledger) -> None:
        start.wait()
        for _ in range(5):
            taken.extend(
                ledger.claim(
                    CHANNEL, 1, owner=OWNER, lease_seconds=60, name_id=lambda seed: seed, ration=RATION
                )
            )

    workers = [Thread(target=work, args=(one,)) for one in (ledgers.ledger, other)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if ledgers.url.startswith("sqlite"):
        assert len(taken) == 5
    assert sum(not claim.over_ration for claim in taken) <= 2


def test_whoever_counts_at_the_same_time_waits_for_the_other(ledgers: LedgerHouse) -> None:
    """Both are let into the count together, if anything lets them in together."""
    _add(ledgers, (A, "x@firma.example"), (B, "x@firma.example"))
    both_count = Barrier(2)
    over: list[bool] = []

    def one_person(n_recipients: int, n_persons: int) -> bool:
        with suppress(BrokenBarrierError):
            both_count.wait(1.0)
        return n_persons <= 1

    def work(ledger) -> None:
        ration = Ration(24.0, frozenset({MATERIAL}), one_person)
        claims = ledger.claim(
            CHANNEL, 1, owner=OWNER, lease_seconds=60, name_id=lambda seed: seed, ration=ration
        )
        over.extend(claim.over_ration for claim in claims)

    workers = [Thread(target=work, args=(one,)) for one in (ledgers.ledger, ledgers.open())]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(over) == [False, True]


def test_erasing_a_batch_takes_its_marks_out_of_the_count(ledgers: LedgerHouse) -> None:
    _add(ledgers, (A, "x@firma.example"))
    claims = _claim(ledgers)
    batch_id = claims[0].consignment.batch_id
    ledgers.accept(claims, final=True)
    ledgers.ledger.mark_answered(batch_id, ledgers.ledger.batch(batch_id).version)
    assert ledgers.ledger.close_batch(batch_id)
    ledgers.ledger.erase_batch(batch_id)
    with ledgers.ledger._store.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM ration_use")).scalar() == 0
