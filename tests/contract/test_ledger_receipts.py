"""Both ledgers: later word only moves forward, however it comes (facts/trust.md, scenario 14)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from schemas.consignments import ReceiptEvent, ReceiptKind
from schemas.states import Cause, State
from tests.rigs.ledgers import CHANNEL, LedgerHouse

CONFIRMED, RETURNED, REFUSED, READ, NOTED = ReceiptKind


def _accepted(house: LedgerHouse, **changes: object) -> tuple[str, str]:
    """Returns the consignment's id and its external id."""
    house.add(1, **changes)  # type: ignore[arg-type]
    (claim,) = house.claim()
    house.accept([claim])
    return claim.consignment.id, f"ext-{claim.message_id}"


def _word(house: LedgerHouse, external_id: str, kind: ReceiptKind, code: str = "") -> ReceiptEvent:
    return ReceiptEvent(CHANNEL, external_id, kind, house.clock(), code, {"post": "afleveret"})


def _bring(house: LedgerHouse, *events: ReceiptEvent) -> int:
    return house.ledger.record_receipts(events, actor="collect")


@pytest.mark.parametrize("kind", [CONFIRMED, READ])
def test_confirmed_or_read_is_delivered(ledgers: LedgerHouse, kind: ReceiptKind) -> None:
    consignment_id, external_id = _accepted(ledgers)
    assert _bring(ledgers, _word(ledgers, external_id, kind)) == 1
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert standing.state is State.DELIVERED
    assert standing.receipt is not None
    assert standing.receipt.proof["post"] == "afleveret"
    assert standing.receipt.proof["status"] == "200"
    assert standing.receipt.final


def test_refused_later_fails_with_its_code(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers)
    _bring(ledgers, _word(ledgers, external_id, REFUSED, "eboks.rejected"))
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert (standing.state, standing.code) == (State.FAILED, "eboks.rejected")


def test_returned_goes_to_the_next_step(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers)
    _bring(ledgers, _word(ledgers, external_id, RETURNED, "eboks.not_enrolled"))
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert (standing.state, standing.step, standing.message_id) == (State.READY, 1, "")
    assert len(ledgers.claim(channel="smime")) == 1


def test_returned_from_the_last_step_fails(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers, route=(CHANNEL,))
    _bring(ledgers, _word(ledgers, external_id, RETURNED, "eboks.not_enrolled"))
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert (standing.state, standing.history[-1].cause) == (State.FAILED, Cause.EXHAUSTED)


@pytest.mark.parametrize("order", list(itertools.permutations([CONFIRMED, CONFIRMED, READ])))
def test_doubles_in_any_order_deliver_once(ledgers: LedgerHouse, order: tuple[ReceiptKind, ...]) -> None:
    consignment_id, external_id = _accepted(ledgers)
    assert _bring(ledgers, *(_word(ledgers, external_id, kind) for kind in order)) == 1
    assert _bring(ledgers, _word(ledgers, external_id, order[0])) == 0
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert [event.cause for event in standing.history].count(Cause.CONFIRMED) == 1


@pytest.mark.parametrize("late", [RETURNED, REFUSED])
def test_word_after_the_end_changes_nothing(ledgers: LedgerHouse, late: ReceiptKind) -> None:
    consignment_id, external_id = _accepted(ledgers)
    _bring(ledgers, _word(ledgers, external_id, CONFIRMED))
    ledgers.clock.wait(20 * 3600)
    assert _bring(ledgers, _word(ledgers, external_id, late, "x.y")) == 0
    assert ledgers.state(consignment_id) is State.DELIVERED


def test_word_about_an_earlier_step_does_not_touch_the_next(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers)
    _bring(ledgers, _word(ledgers, external_id, RETURNED))
    ledgers.accept(ledgers.claim(channel="smime"))
    assert _bring(ledgers, _word(ledgers, external_id, REFUSED)) == 0
    assert ledgers.state(consignment_id) is State.ACCEPTED


def test_unknown_ids_and_other_channels_are_harmless(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers)
    stranger = ReceiptEvent("tunnel", external_id, REFUSED, ledgers.clock())
    assert _bring(ledgers, _word(ledgers, "nobody's", REFUSED), stranger) == 0
    assert ledgers.state(consignment_id) is State.ACCEPTED


def test_awaiting_gives_every_accepted_id_once_in_pages(ledgers: LedgerHouse) -> None:
    ledgers.add(7)
    ledgers.accept(ledgers.claim())
    pages: list[list[str]] = []
    while page := ledgers.ledger.awaiting(CHANNEL, 3, after=pages[-1][-1] if pages else ""):
        pages.append(page)
    assert [len(page) for page in pages] == [3, 3, 1]
    seen = [external_id for page in pages for external_id in page]
    assert len(set(seen)) == 7
    _bring(ledgers, *(_word(ledgers, external_id, CONFIRMED) for external_id in seen[:4]))
    assert ledgers.ledger.awaiting(CHANNEL, 10) == seen[4:]


def _line(house: LedgerHouse, external_id: str, kind: ReceiptKind, code: str, position: int) -> ReceiptEvent:
    """A line of the channel's log."""
    proof = {"event": str(position)}
    return ReceiptEvent(CHANNEL, external_id, kind, house.clock(), code, proof, position=str(position))


def _read_on(house: LedgerHouse, *words: ReceiptEvent, after: str = "") -> int | None:
    return house.ledger.record_log(CHANNEL, words, after=after, actor="collect")


def _codes(house: LedgerHouse, consignment_id: str) -> list[str]:
    standing = house.ledger.standing(consignment_id)
    assert standing is not None
    return [word.code for word in standing.words]


def test_a_channels_log_is_kept_word_by_word_and_moves_what_it_says(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers)
    words = [
        _line(ledgers, external_id, kind, code, n)
        for n, (kind, code) in enumerate(
            [(NOTED, "x.sent"), (NOTED, "x.opened"), (READ, "x.read"), (NOTED, "x.replied")], 1
        )
    ]
    assert _read_on(ledgers, *words[:2]) == 0
    assert ledgers.state(consignment_id) is State.ACCEPTED
    assert _read_on(ledgers, *words[2:], after="2") == 1
    assert ledgers.state(consignment_id) is State.DELIVERED
    assert _codes(ledgers, consignment_id) == ["x.sent", "x.opened", "x.read", "x.replied"]
    assert ledgers.ledger.log_position(CHANNEL) == "4"
    late = _line(ledgers, external_id, NOTED, "x.expired", 7)
    assert _read_on(ledgers, late, after="4") == 0
    standing = ledgers.ledger.standing(consignment_id)
    assert standing is not None
    assert standing.words[-1] == replace(late, position="")
    assert standing.history[-1].code == "x.read"


@pytest.mark.parametrize("after", ["", "1"])
def test_a_part_of_a_log_that_somebody_else_has_read_is_not_kept_twice(
    ledgers: LedgerHouse, after: str
) -> None:
    consignment_id, external_id = _accepted(ledgers)
    if after:
        _read_on(ledgers, _line(ledgers, external_id, NOTED, "x.sent", 1))
    word = _line(ledgers, external_id, READ, "x.read", 2)
    assert _read_on(ledgers, word, after=after) == 1
    assert _read_on(ledgers, word, after=after) is None
    assert _codes(ledgers, consignment_id).count("x.read") == 1
    assert ledgers.ledger.log_position("another") == ""


def test_a_word_that_comes_before_its_receipt_is_not_lost(ledgers: LedgerHouse) -> None:
    """The notice left and was read; the dispatcher had not yet recorded that it left."""
    ledgers.add(1)
    (claim,) = ledgers.claim()
    word = _line(ledgers, f"ext-{claim.message_id}", READ, "x.read", 1)
    assert _read_on(ledgers, word) == 0
    ledgers.accept([claim])
    assert _codes(ledgers, claim.consignment.id) == ["x.read"]
    assert _bring(ledgers, word) == 1  # the awaited ids are asked for anew
    assert ledgers.state(claim.consignment.id) is State.DELIVERED


def test_what_is_only_noted_never_moves_anything(ledgers: LedgerHouse) -> None:
    consignment_id, external_id = _accepted(ledgers)
    assert _bring(ledgers, _word(ledgers, external_id, NOTED, "x.opened")) == 0
    assert ledgers.state(consignment_id) is State.ACCEPTED
    both = [_word(ledgers, external_id, NOTED, "x.opened"), _word(ledgers, external_id, CONFIRMED)]
    assert _bring(ledgers, *both) == 1
