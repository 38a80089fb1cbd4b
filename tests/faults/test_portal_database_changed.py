"""Who can write to the database, and has a link, makes nothing of a parcel that it was not sealed as."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from routing.portal.tables import CHUNK, PARCEL
from tests.rigs.portal_sites import Log, Visitor, site_of
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.mark.parametrize(
    "change",
    [
        {"methods": "mail_code", "data_class": "ordinary"},
        {"methods": "shared_secret mail_code"},
        {"data_class": "ordinary"},
        {"reply_key": bytes(32)},
        {"replies": False},
        {"source": "andre"},
        {"message_id": "portal-0"},
        {"consignment_id": "another"},
    ],
)
def test_how_one_proves_who_one_is_and_who_gets_the_answer_is_sealed(bench, change: dict[str, Any]):
    parcel = bench.send(bench.consignment(material="hemmelig"))
    log = Log()
    visitor = Visitor(bench, site_of(bench, log=log))
    assert visitor.get(f"/b/{bench.token()}").status_code == 200
    with bench.store.database.writing() as connection:
        connection.execute(update(PARCEL).where(PARCEL.c.id == parcel.id).values(change))
    page = visitor.get(f"/b/{bench.token()}")
    assert page.status_code == 503
    assert "<form" not in page.text
    assert {"event": "portal.failed", "code": "portal.unreadable"} in log.lines


@pytest.mark.parametrize(
    "names", [("wrapped_key",), ("envelope",), ("wrapped_key", "envelope"), ("locator",)]
)
def test_what_two_parcels_hold_can_not_be_exchanged(bench, names):
    parcels, tokens = [], []
    for number in (1, 2):
        parcels.append(bench.send(bench.consignment(number)))
        tokens.append(bench.token())
    visitor = Visitor(bench, site_of(bench))
    with bench.store.database.writing() as connection:
        for number, parcel in enumerate(parcels):  # in between, what is unique must be
            free = {"locator": b"%d" % number} if "locator" in names else {}
            connection.execute(update(PARCEL).where(PARCEL.c.id == parcel.id).values({"n_wrong": 0} | free))
        for mine, other in zip(parcels, reversed(parcels), strict=True):
            values = {name: getattr(other, name) for name in names}
            connection.execute(update(PARCEL).where(PARCEL.c.id == mine.id).values(values))
    assert [visitor.get(f"/b/{token}").status_code for token in tokens] == [503, 503]


def test_documents_of_two_parcels_can_not_be_exchanged(bench):
    first = bench.send(bench.consignment(1))
    second = bench.send(bench.consignment(2))
    visitor = Visitor(bench, site_of(bench))
    path = visitor.enter(bench.token())
    with bench.store.database.writing() as connection:
        theirs = connection.scalars(select(CHUNK.c.data).where(CHUNK.c.parcel_id == first.id)).first()
        connection.execute(update(CHUNK).where(CHUNK.c.parcel_id == second.id).values(data=theirs))
    assert visitor.get(f"{path}/hent/0").status_code == 503
