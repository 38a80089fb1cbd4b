"""A document that can't be opened is told as a fault, and never counts as read or delivered."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from routing.portal.tables import CHUNK
from tests.rigs.portal_sites import Log, Visitor, site_of
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.mark.parametrize("way", ["vis", "hent"])
@pytest.mark.parametrize("fault", [update(CHUNK).values(data=b"x" * 40), delete(CHUNK)])
def test_what_can_not_be_opened_is_not_read(bench, way, fault):
    bench.send(bench.consignment())
    log = Log()
    visitor = Visitor(bench, site_of(bench, log=log))
    path = visitor.enter(bench.token())
    with bench.store.database.writing() as connection:
        connection.execute(fault)
    page = visitor.get(f"{path}/{way}/0")
    assert page.status_code == 503
    assert "content-disposition" not in page.headers
    assert {"event": "portal.failed", "code": "portal.unreadable"} in log.lines
    (parcel,) = bench.store.parcels.listed(None, 1)
    assert parcel.read_at is None
    assert {event.kind.value for event in bench.store.parcels.events()} & {"read", "downloaded"} == set()
