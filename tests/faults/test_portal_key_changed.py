"""The portal's key is changed while people are inside: their letters stay, their visits and codes end."""

from __future__ import annotations

import pytest

from routing.portal.keys import make_key
from schemas.errors import ConfigurationError
from tests.rigs.portal_sites import Log, Visitor, site_of
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


def _changed(bench: PortalBench, *, keep_former: bool = True) -> PortalBench:
    """Returns the same portal after its key was changed."""
    keys = bench.folder / "keys"
    (keys / "portal.key").rename(keys / "former.key")
    make_key(keys / "portal.key")
    former = (keys / "former.key",) if keep_former else ()
    return PortalBench(bench.folder, bench.url, clock=bench.clock, change={"former_keys": former})


def test_old_letters_open_under_the_former_key_and_old_visits_and_codes_end(bench):
    bench.send(bench.consignment(1))
    token = bench.token()
    inside, waiting = Visitor(bench, site_of(bench)), Visitor(bench, site_of(bench))
    path = inside.enter(token)
    code = waiting.ask_code(token)
    after = _changed(bench)
    site = site_of(after)
    for visitor in (inside, waiting):
        again = Visitor(after, site)
        again.client.cookies = visitor.client.cookies
        visitor.client = again.client
    assert inside.get(path).status_code == 403
    assert waiting.submit("/bevis", answer=code).status_code == 403
    assert inside.enter(token) == path
    assert inside.get(f"{path}/hent/0").status_code == 200
    after.send(after.consignment(2))
    ids = {parcel.key_id for parcel in after.store.parcels.listed(None, 9)}
    assert len(ids) == 2
    after.close()


def test_without_the_former_key_an_old_letter_is_a_fault_for_the_operator_and_opens_nothing(bench):
    bench.send(bench.consignment())
    token = bench.token()
    after = _changed(bench, keep_former=False)
    log = Log()
    visitor = Visitor(after, site_of(after, log=log))
    assert visitor.get(f"/b/{token}").status_code == 503
    assert log.lines == [{"event": "portal.failed", "code": "portal.key_unknown"}]
    with pytest.raises(ConfigurationError, match="key_unknown"):
        visitor.site.door.open_link(token)
    after.close()
