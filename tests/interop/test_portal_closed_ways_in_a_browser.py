"""A real browser meets what is closed: a code of another browser, a lock, an old link, a letter that has
ended."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from routing.portal.packing import contact_of
from routing.portal.parcels import ParcelState
from routing.portal.wording import wording
from schemas.catalogue import Language
from tests.rigs.portal_walks import OpenPortal, walk_in, walk_of, wrong_old_right
from tests.rigs.portals import RULES, SENDER, TITLE


@pytest.fixture(params=["da", "en"])
def language(request) -> Language:
    return request.param


def test_a_code_is_of_its_time_and_of_the_browser_that_asked_and_five_wrong_ones_lock(
    browser, open_portal, language
):
    t, walk = wording(language), walk_of(browser, "kode", language)
    other = walk_of(browser, "kode-anden", language)
    link = open_portal.letter()
    walk.page.goto(link)
    walk.button(t("mail_code_do"))
    walk.page.wait_for_url("**/kode?*")
    other.page.goto(walk.page.url)
    other.page.get_by_label(t("code_label")).fill(open_portal.code())
    other.button(t("code_do"))
    assert other.alert() == t("wrong")  # and counted for nobody: who never asked locks nothing
    wrong = f"{(int(open_portal.code()) + 1) % 10**6:06}"
    for number in range(5):
        walk.page.get_by_label(t("code_label")).fill(wrong)
        walk.button(t("code_do"))
        assert walk.alert() == t("wrong" if number < 4 else "locked", sender=SENDER)
    walk.look("locked")
    walk.page.goto(link)
    walk.button(t("mail_code_do"))
    assert walk.alert() == t("locked", sender=SENDER)
    open_portal.bench.clock.move(hours=1, seconds=1)
    walk.button(t("mail_code_do"))
    walk.page.wait_for_url("**/kode?*")
    wrong_old_right(walk, t, open_portal.bench.clock, open_portal.code)
    assert walk.heading() == TITLE
    walk.done(open_portal.url)
    other.done(open_portal.url)


def renewed(portal: OpenPortal, number: int) -> str:
    """Seals a letter again under a new link, as an operator does; returns the link."""
    bench, channel = portal.bench, portal.bench.channel()
    letter = bench.consignment(number)
    parcel = bench.store.parcels.by_message(channel.message_id(letter.seed))

    assert parcel is not None
    fresh = channel.renew(parcel, letter, contact_of(letter, RULES["brev"]))
    assert fresh is not None

    async def again() -> None:
        await channel.notify_again(fresh)
        await channel.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(again())).result()
    return f"{portal.url}/b/{bench.token()}"


def test_a_person_comes_back_until_the_letter_has_a_new_link_is_revoked_or_expires(
    browser, open_portal, language
):
    t, walk, bench = wording(language), walk_of(browser, "igen", language), open_portal.bench
    number = next(open_portal.numbers)
    parcel = bench.send(bench.consignment(number))
    link = f"{open_portal.url}/b/{bench.token()}"
    walk_in(walk, open_portal, t, link)
    walk.button(t("sign_out"))
    walk_in(walk, open_portal, t, link)
    letter, new = walk.page.url, renewed(open_portal, number)
    for gone in (link, letter):
        walk.page.goto(gone)
        assert walk.heading() == t("gone_heading" if gone == link else "ended_heading")
    walk_in(walk, open_portal, t, new)
    bench.store.parcels.end(parcel.id, ParcelState.REVOKED)
    walk.page.reload()
    assert walk.heading() == t("ended_heading")
    walk.page.goto(new)
    assert walk.heading() == t("gone_heading")
    walk.look("gone")
    another = open_portal.letter()
    walk.page.goto(another)
    assert walk.heading() == t("link_heading", sender=SENDER)
    bench.clock.move(days=31)
    walk.page.reload()
    assert walk.heading() == t("gone_heading")
    walk.done(open_portal.url)
