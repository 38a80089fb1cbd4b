"""What the portal holds goes by an operator's word or when its time is over; the house's purge leaves it."""

from __future__ import annotations

from tests.rigs.portal_houses import SECRET, FoundPortalHouse, PortalHouse, letter
from tests.rigs.portal_sites import Visitor

WHY = ("--reason", "forkert modtager")


def read(house: PortalHouse, visitor: Visitor) -> bytes:
    """Goes in by the newest link and returns the first document."""
    visitor.get(f"/b/{house.token()}")
    assert visitor.submit("/bevis", answer=SECRET).status_code == 303
    return bytes(visitor.get(f"{visitor.page.headers['location']}/hent/0").content)


def test_an_unread_letter_that_is_erased_opens_no_more_and_the_ledger_learns_of_it(
    found_portal_house: FoundPortalHouse,
) -> None:
    house = found_portal_house()
    house.sent()
    consignment = house.mail.told()["consignment"]
    assert house.brevdue("portal", "erase", consignment).code == 2  # not without a reason
    assert house.brevdue("portal", "erase", consignment, *WHY).code == 0
    house.assert_nothing_opens()
    with house.store() as store:
        assert [one.kind.value for one in store.parcels.events()] == ["sealed", "notice_sent", "erased"]
    assert house.brevdue("portal", "erase", consignment, *WHY).code != 0  # it has ended
    assert house.collect() == 1
    told = house.mail.told()
    assert (told["state"], told["code"]) == ("failed", "portal.erased")


def test_a_letter_that_was_read_can_be_erased_and_stays_delivered(
    found_portal_house: FoundPortalHouse,
) -> None:
    house = found_portal_house()
    house.sent()
    with house.visitor() as visitor:
        assert read(house, visitor) == letter("november", 1)
        assert house.collect() == 1
        path = visitor.page.url.path
        assert house.brevdue("portal", "erase", house.mail.told()["consignment"], *WHY).code == 0
        assert visitor.get(path).status_code == 403  # whose visit it was is out at once
    house.assert_nothing_opens()
    house.collect()
    assert house.mail.house.states() == {"delivered": 1}


def test_the_houses_own_purge_leaves_a_parcel_until_its_own_time_is_over_and_no_longer(
    found_portal_house: FoundPortalHouse,
) -> None:
    house = found_portal_house(material="document_days = 0")
    house.sent()
    with house.visitor() as visitor:
        assert read(house, visitor) == letter("november", 1)
        assert house.collect() == 1
        assert house.brevdue("close").code == 0
        ran = house.brevdue("purge")
        assert (ran.code, ran.data["n_batches"]) == (0, 1)
        assert read(house, visitor) == letter("november", 1)
        again = ("portal", "resend-notice", house.mail.told()["consignment"], *WHY)
        ran = house.brevdue(*again)
        assert ran.code != 0 and "portal.copy_gone" in ran.out + ran.err
        assert read(house, visitor) == letter("november", 1)  # no empty letter took its place
    house.let_expire()
    house.collect()  # nothing is waited for any more, and it goes all the same
    house.assert_nothing_opens()
