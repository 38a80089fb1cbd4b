"""A letter that e-Boks does not take goes by the portal: the notice, the person, the answer, and each end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rigs.mail_simulator import exempt
from tests.rigs.portal_houses import ANNA, HANS, SECRET, FoundPortalHouse, PortalHouse, letter
from tests.rigs.portal_sites import Visitor
from tests.rigs.portals import text_of


def enter(visitor: Visitor, token: str) -> str:
    """Goes in by what the sender told; returns the parcel's path."""
    visitor.get(f"/b/{token}")
    assert visitor.submit("/bevis", answer=SECRET).status_code == 303
    path = str(visitor.page.headers["location"])
    assert visitor.follow().status_code == 200
    return path


def test_one_whom_eboks_does_not_reach_gets_a_notice_and_reads(found_portal_house: FoundPortalHouse) -> None:
    house = found_portal_house()
    number = house.sent()
    (notice,) = house.notices()
    assert notice["To"].addresses[0].addr_spec == HANS
    assert [one["under_tls"] for one in house.mail.received()] == [True]
    said = f"{notice['Subject']} {text_of(notice)} {text_of(notice, 'html')}"
    assert number not in said and SECRET not in said and "november" not in said
    assert house.collect() == 0
    with house.visitor() as visitor:
        path = enter(visitor, house.token())
        assert house.collect() == 0  # who is in has not read yet
        assert visitor.get(f"{path}/hent/0").content == letter("november", 1)
    assert house.collect() == 1
    told = house.mail.told()
    assert (told["state"], told["history"][-1]["code"]) == ("delivered", "portal.downloaded")
    causes = [(one["channel"], one["cause"], one["code"]) for one in told["history"]]
    assert ("eboks", "rerouted", "eboks.exempt") in causes
    assert told["receipt"]["proof"]["identity"] == "shared_secret"
    assert house.collect() == 0
    house.brevdue("close")
    (answer,) = house.mail.house.answers("kvittering.csv")
    assert "portal" in answer.read_text(encoding="utf-8-sig")


def test_the_whole_story_of_a_letter_comes_back_and_is_told(found_portal_house: FoundPortalHouse) -> None:
    """Also what happens long after the consignment was delivered; and each word once, however often asked."""
    house = found_portal_house()
    house.sent()
    house.collect()
    assert _told(house) == ["portal.sealed", "portal.notice_sent"]
    with house.visitor() as visitor:
        visitor.get(f"/b/{house.token()}")
        visitor.submit("/bevis", answer="noget andet")
        path = enter(visitor, house.token())
        visitor.get(f"{path}/vis/0")
        assert house.collect() == 1
        visitor.get(f"{path}/hent/0")
        visitor.get(f"{path}/svar")
        assert visitor.submit("/svar", text="Tak").status_code == 303
    for _ in range(2):
        assert house.collect() == 0
    house.let_expire()
    house.collect()
    whole = ["sealed", "notice_sent", "code_failed", "opened", "read", "downloaded", "replied"]
    assert [code for code in _told(house) if code != "portal.extended"] == [
        f"portal.{word}" for word in [*whole, "reply_fetched", "expired"]
    ]
    said = house.mail.house.brevdue_process("explain", house.mail.told()["consignment"]).data
    (read,) = [w for w in said["consignments"][0]["words"] if w["code"] == "portal.read"]
    assert (read["kind"], read["proof"]["identity"]) == ("read", "shared_secret")


def test_a_log_of_several_slices_is_read_in_one_pass(
    found_portal_house: FoundPortalHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = found_portal_house()
    house.sent()
    with house.visitor() as visitor:
        path = enter(visitor, house.token())
        for _ in range(5):
            visitor.get(f"{path}/hent/0")
    monkeypatch.setattr("jobs.collect.SLICE", 2)
    assert house.collect() == 1
    whole = ["sealed", "notice_sent", "opened", *["downloaded"] * 5]
    assert _told(house) == [f"portal.{word}" for word in whole]


def _told(house: PortalHouse) -> list[str]:
    return [word["code"] for word in house.mail.told()["words"]]


def test_the_link_alone_opens_nothing_and_a_wrong_secret_neither(
    found_portal_house: FoundPortalHouse,
) -> None:
    house = found_portal_house()
    house.sent()
    with house.visitor() as visitor:
        shown = visitor.get(f"/b/{house.token()}").text
        assert visitor.submit("/bevis", answer="noget andet").status_code == 403
        assert "november" not in shown + visitor.page.text
    assert house.collect() == 0
    assert house.mail.house.states() == {"accepted": 1}


def test_a_reply_lands_in_the_sources_folder_also_long_after_the_letter_was_read(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    house = found_portal_house()
    house.sent()
    with house.visitor() as visitor:
        path = enter(visitor, house.token())
        visitor.get(f"{path}/hent/0")
        assert house.collect() == 1
        assert house.answers == []
        visitor.get(f"{path}/svar")
        files = [("files", ("billag.txt", b"et bilag"))]
        assert visitor.submit("/svar", text="Tak for brevet", files=files).status_code == 303
    assert house.collect() == 0  # nothing is waited for any more, and the reply is fetched all the same
    (reply,) = house.answers
    assert b"Tak" not in reply.read_bytes()
    into = tmp_path / "svar-aabnet"
    ran = house.brevdue(
        "portal", "open-reply", str(reply), "--key", str(house.reply_key), "--into", str(into)
    )
    assert ran.code == 0, ran.out + ran.err
    (message,) = into.glob("*/besked.txt")
    assert "Tak for brevet" in message.read_text(encoding="utf-8")
    assert "november-1" in message.read_text(encoding="utf-8")
    house.collect()
    assert house.answers == [reply]


def test_what_expires_unread_goes_the_next_way(found_portal_house: FoundPortalHouse) -> None:
    house = found_portal_house(route=("eboks", "portal", "smime"))
    house.sent(ANNA)
    house.let_expire()
    assert house.collect() == 1
    house.mail.send()
    assert house.mail.house.states() == {"delivered": 1}
    told = house.mail.told()
    assert ("portal", "returned") in [(one["channel"], one["cause"]) for one in told["history"]]
    assert [one["layers"] for one in house.mail.received()][1:] == [["encrypted", "signed"]]
    house.assert_nothing_opens()


def test_what_expires_unread_at_the_end_of_its_route_is_on_the_error_list(
    found_portal_house: FoundPortalHouse,
) -> None:
    house = found_portal_house()
    house.sent()
    house.let_expire()
    assert house.collect() == 1
    told = house.mail.told()
    assert (told["state"], told["code"]) == ("failed", "portal.expired_unread")
    house.assert_nothing_opens()


def test_what_expires_unread_ends_where_the_settings_say_so(found_portal_house: FoundPortalHouse) -> None:
    house = found_portal_house(route=("eboks", "portal", "smime"), channel='expired_unread = "refuse"')
    house.sent(ANNA)
    house.let_expire()
    assert house.collect() == 1
    assert (house.mail.told()["state"], len(house.mail.received())) == ("failed", 1)


def test_a_class_of_data_that_wants_more_proof_goes_another_way(found_portal_house: FoundPortalHouse) -> None:
    """The material would take the agreed secret, and the portal does not take it for this class of data."""
    stricter = 'identity = { confidential = ["mitid"] }'
    house = found_portal_house(route=("eboks", "portal", "smime"), channel=stricter)
    (gone,) = exempt(house.mail, "valid")
    house.drop("november", [(gone, ANNA, SECRET)])
    house.mail.send()
    assert house.mail.house.states() == {"delivered": 1}
    assert (house.parcels(), house.notices()) == ([], [])
    codes = [(one["channel"], one["code"]) for one in house.mail.told()["history"]]
    assert ("portal", "portal.no_identity") in codes
