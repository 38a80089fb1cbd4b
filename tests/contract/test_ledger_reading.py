"""Both ledgers: every input line stands in exactly one place, and anybody may ask where."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

from batch.records import NewRejection, Outcome
from schemas.states import Cause, State
from tests.rigs.ledgers import CHANNEL, CPRS, TENANT, LedgerHouse, make_rejection


def test_lines_come_merged_in_line_order(ledgers: LedgerHouse) -> None:
    batch_id = "20261102-080000-000001"
    vault = ledgers.vault
    rejections = [
        make_rejection(vault, batch_id, 9, "row.unknown_material"),
        make_rejection(vault, batch_id, 5, "row.too_few_fields"),
        make_rejection(vault, batch_id, 9, "row.missing_title"),
        make_rejection(vault, batch_id, 2, "row.file_named_twice", warning=True),
    ]
    assert ledgers.add(3, rejections=rejections) == batch_id
    lines = list(ledgers.ledger.lines(batch_id))
    assert [(line.line, line.status, line.code) for line in lines] == [
        (2, "ready", ""),
        (3, "ready", ""),
        (4, "ready", ""),
        (5, "rejected", "row.too_few_fields"),
        (9, "rejected", "row.unknown_material"),
    ]
    assert [line.reference for line in lines] == ["ref-2", "ref-3", "ref-4", "ref-5", "ref-9"]
    assert [line.extra["afdeling"] for line in lines] == ["Øst"] * 3 + ["Vest"] * 2
    assert (lines[3].column, lines[3].params) == ("fil", {"n_fields": 3})
    assert "ref-2" not in repr(lines[0])
    assert [[one.code for one in line.further] for line in lines] == [[]] * 4 + [["row.missing_title"]]
    (warning,) = ledgers.ledger.warnings(batch_id)
    assert (warning.line, warning.code) == (2, "row.file_named_twice")
    assert [len(list(ledgers.ledger.warnings(batch_id, line))) for line in (2, 3)] == [1, 0]


def test_a_line_that_waits_for_a_person_comes_with_the_remarks_about_it(ledgers: LedgerHouse) -> None:
    batch_id = "20261102-080000-000001"
    remarks = [
        make_rejection(ledgers.vault, batch_id, line, code, warning=True)
        for line, code in (
            (0, "drop.unnamed_file"),
            (2, "row.file_named_twice"),
            (3, "identity.repaired_zero"),
            (3, "document.not_read_to_end"),
        )
    ]
    assert ledgers.add(3, rejections=remarks) == batch_id
    ledgers.ledger.hold(f"{batch_id}-00003", actor="test", reason="ser efter")
    said = {line.line: [one.code for one in line.further] for line in ledgers.ledger.lines(batch_id)}
    assert said == {2: [], 3: ["identity.repaired_zero", "document.not_read_to_end"], 4: []}


def test_a_line_shows_the_receipt_of_its_current_step(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(2)
    first, second = ledgers.claim()
    ledgers.clock.wait(5)
    ledgers.accept([first], final=True)
    ledgers.record(Outcome(second, Cause.REROUTED, "eboks.not_enrolled"))
    lines = list(ledgers.ledger.lines(batch_id))
    assert (lines[0].receipt_id, lines[0].simulated) == (f"ext-{first.message_id}", True)
    assert lines[0].at == ledgers.clock()
    assert (lines[1].receipt_id, lines[1].channel) == ("", "smime")


def test_a_lease_alone_is_no_news(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1)
    (claim,) = ledgers.claim()
    ledgers.record(Outcome(claim, Cause.LOST, "eboks.no_answer"))
    lost_at, before = ledgers.clock(), ledgers.ledger.batch(batch_id)
    ledgers.clock.wait(60)
    ledgers.doubts()
    after = ledgers.ledger.batch(batch_id)
    assert before is not None
    assert after is not None
    assert before.version == after.version
    assert next(ledgers.ledger.lines(batch_id)).at == lost_at


def test_lines_are_streamed_with_flat_memory(ledgers: LedgerHouse) -> None:
    peaks = []
    for n in (1100, 3300):
        batch_id = ledgers.add(n)
        assert sum(1 for _ in ledgers.ledger.lines(batch_id)) == n  # warms every cache
        tracemalloc.start()
        last = 0
        for line in ledgers.ledger.lines(batch_id):
            assert line.line > last
            last = line.line
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_many_rejections_of_one_line_across_pages_are_one_result(ledgers: LedgerHouse) -> None:
    plain = make_rejection(ledgers.vault, "20261102-080000-000001", 2)
    many = [replace(plain, code=f"row.fault_{n}") for n in range(1100)]
    batch_id = ledgers.add(0, rejections=many)
    assert [line.code for line in ledgers.ledger.lines(batch_id)] == ["row.fault_0"]


def test_a_recipients_consignments_are_found_by_the_number_alone(ledgers: LedgerHouse) -> None:
    batch_id = ledgers.add(1, digits=CPRS[1])
    ledgers.add(1, digits=CPRS[2])
    assert ledgers.ledger.by_recipient(CPRS[1]) == [f"{batch_id}-00002"]
    assert ledgers.ledger.by_recipient("0000000000") == []


def test_standing_tells_the_whole_history(ledgers: LedgerHouse) -> None:
    ledgers.add(1)
    (claim,) = ledgers.claim()
    ledgers.clock.wait(3)
    ledgers.record(Outcome(claim, Cause.REROUTED, "eboks.not_enrolled"))
    standing = ledgers.ledger.standing(claim.consignment.id)
    assert standing is not None
    assert standing.consignment is not None
    assert standing.route == (CHANNEL, "smime")
    first, second = standing.history
    assert (first.from_state, first.to_state, first.cause) == (State.READY, State.SENDING, Cause.CLAIMED)
    assert (second.cause, second.step, second.attempt) == (Cause.REROUTED, 0, 1)
    assert (second.channel, second.code, second.at) == (CHANNEL, "eboks.not_enrolled", ledgers.clock())


def test_what_is_not_there_is_none_or_empty(ledgers: LedgerHouse) -> None:
    assert ledgers.ledger.batch("nothing") is None
    assert ledgers.ledger.standing("nothing") is None
    assert list(ledgers.ledger.lines("nothing")) == []
    assert ledgers.ledger.batches() == []
    assert ledgers.ledger.next_due_at(CHANNEL) is None
    assert not ledgers.ledger.has_batch("nothing")


def test_batches_come_newest_first_and_open_ones_alone_if_asked(ledgers: LedgerHouse) -> None:
    first = ledgers.add(0, rejections=[_rejection(ledgers)])
    ledgers.clock.wait(1)
    second = ledgers.add(1)
    summary = ledgers.ledger.batch(first)
    assert summary is not None
    ledgers.ledger.mark_answered(first, summary.version)
    assert ledgers.ledger.close_batch(first)
    assert [batch.id for batch in ledgers.ledger.batches()] == [second, first]
    assert [batch.id for batch in ledgers.ledger.batches(open_only=True)] == [second]
    assert [batch.id for batch in ledgers.ledger.batches(limit=1)] == [second]


def _rejection(house: LedgerHouse) -> NewRejection:
    return make_rejection(house.vault, TENANT, 2)


def test_what_a_person_should_look_at_is_listed_without_what_waits_with_the_batch(
    ledgers: LedgerHouse,
) -> None:
    batch_id = ledgers.add(6, held_code="batch.wrong_total", codes={3: "document.other_cpr"})
    looked = ledgers.ledger.attention(batch_id, 10)
    assert [(one.consignment_id, one.state, one.code) for one in looked] == [
        (f"{batch_id}-00003", State.HELD, "document.other_cpr")
    ]
    ledgers.ledger.release(batch_id, actor="test")
    claims = ledgers.claim()
    ledgers.record(
        Outcome(claims[0], Cause.REFUSED, "eboks.dead"), Outcome(claims[1], Cause.LOST, "http.no_answer")
    )
    looked = ledgers.ledger.attention(batch_id, 10)
    assert [(one.state, one.code) for one in looked] == [
        (State.FAILED, "eboks.dead"),
        (State.HELD, "document.other_cpr"),
        (State.IN_DOUBT, "http.no_answer"),
    ]
    assert ledgers.ledger.attention(batch_id, 2) == looked[:2]
