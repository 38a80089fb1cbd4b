"""Whoever has one link, or sits behind one address, asks without end, and uses up nobody else's share."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import func, select

from routing.portal.links import LinkToken
from routing.portal.parcel_rows import READS_AN_HOUR
from routing.portal.parcels import Happening
from routing.portal.tables import RATE
from tests.rigs.portal_sites import WIDE, Log, Visitor, site_of
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


def test_codes_refused_to_one_link_are_not_counted_for_all(bench):
    tokens = []
    for number in (1, 2):
        bench.send(bench.consignment(number))
        tokens.append(bench.token())
    site = site_of(
        bench, rates=WIDE.model_copy(update={"codes_per_link": "2/hour", "codes_in_all": "5/hour"})
    )
    flooder, person = Visitor(bench, site), Visitor(bench, site, "192.0.2.8")
    seen = []
    for _ in range(9):
        flooder.get(f"/b/{tokens[0]}")
        seen.append(flooder.submit("/send").status_code)
    assert seen == [303] * 2 + [429] * 7
    person.get(f"/b/{tokens[1]}")
    assert person.submit("/send").status_code == 303


def test_guesses_refused_to_one_address_are_not_counted_for_all(bench):
    rates = WIDE.model_copy(update={"misses": "2/hour", "everything_missed": "5/hour"})
    site = site_of(bench, rates=rates)
    guesser, other = Visitor(bench, site), Visitor(bench, site, "192.0.2.8")
    seen = [guesser.get(f"/b/{LinkToken(os.urandom(32)).text}").status_code for _ in range(9)]
    assert seen == [404] * 2 + [429] * 7
    assert other.get(f"/b/{LinkToken(os.urandom(32)).text}").status_code == 404


def test_visitors_whose_old_addresses_a_proxy_writes_in_the_new_form_are_counted_each_alone(bench):
    site = site_of(bench, rates=WIDE.model_copy(update={"misses": "2/hour"}))
    guesser, other = Visitor(bench, site, "::ffff:192.0.2.7"), Visitor(bench, site, "::ffff:192.0.2.8")
    seen = [guesser.get("/b/nothing").status_code for _ in range(4)]
    assert seen == [404] * 2 + [429] * 2
    assert other.get("/b/nothing").status_code == 404
    assert Visitor(bench, site, "192.0.2.7").get("/b/nothing").status_code == 429


def test_a_flood_from_everywhere_leaves_no_heap_of_counts_and_no_heap_of_lines(bench):
    log = Log()
    site = site_of(bench, rates=WIDE.model_copy(update={"everything_missed": "5/minute"}), log=log)
    for round_ in range(4):
        for number in range(300):
            Visitor(bench, site, f"2001:db8:{round_:x}:{number:x}::1").get("/b/nothing")
        bench.clock.move(minutes=2)
    with bench.store.database.reading() as connection:
        n_rows = connection.scalar(select(func.count()).select_from(RATE))
    assert n_rows < 2 * 2 * 300  # as many as the last minutes made, and not as many as ever were
    assert log.lines == [{"event": "portal.limited", "kind": "everything_missed"}] * 4


def test_who_reads_without_end_fills_no_log_of_what_happened(bench):
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench))
    path = visitor.enter(bench.token())

    def told() -> int:
        kinds = [event.kind for event in bench.store.parcels.events()]
        return kinds.count(Happening.DOWNLOADED)

    for _ in range(READS_AN_HOUR + 10):
        assert visitor.get(f"{path}/hent/1").status_code == 200
    assert told() == READS_AN_HOUR
    bench.clock.move(minutes=61)
    path = visitor.enter(bench.token())
    assert visitor.get(f"{path}/hent/1").status_code == 200
    assert told() == READS_AN_HOUR + 1
