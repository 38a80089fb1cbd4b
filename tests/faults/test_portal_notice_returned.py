"""A notice or its reminder comes back: the parcel is destroyed and its route goes on; no other report ends
anything."""

from __future__ import annotations

import json
from pathlib import Path

from tests.rigs.mail_reports import report
from tests.rigs.portal_houses import ANNA, SECRET, FoundPortalHouse, PortalHouse
from tests.rigs.portal_sites import Visitor


def test_a_notice_that_comes_back_destroys_the_parcel_and_the_route_goes_on(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_portal_house(route=("eboks", "portal", "smime"), mail=f'reports = "{box}"')
    house.sent(ANNA)
    assert house.collect() == 0
    came_back(box, house.notices()[0]["Message-ID"])
    assert house.collect() == 1
    house.assert_nothing_opens()
    house.mail.send()
    told = house.mail.told()
    assert ("portal", "returned", "portal.notice_bounced") in [
        (one["channel"], one["cause"], one["code"]) for one in told["history"]
    ]
    assert [one["layers"] for one in house.mail.received()][1:] == [["encrypted", "signed"]]
    with house.store() as store:
        events = {one.kind.value: one.detail for one in store.parcels.events()}
    assert events["notice_bounced"] == "report.no_such_mailbox"


def test_a_report_about_a_link_that_was_replaced_ends_nothing(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_portal_house(mail=f'reports = "{box}"')
    house.sent()
    consignment = house.mail.told()["consignment"]
    words = ("portal", "resend-notice", consignment, "--email", ANNA, "--reason", "tastefejl")
    assert house.brevdue(*words).code == 0
    wrong, right = house.notices()
    came_back(box, wrong["Message-ID"])
    assert house.collect() == 0
    assert [one.state.value for one in house.parcels()] == ["open"]
    came_back(box, right["Message-ID"])
    assert house.collect() == 1
    assert house.mail.told()["code"] == "portal.notice_bounced"


def test_a_notice_that_has_arrived_and_one_that_is_late_end_nothing(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_portal_house(mail=f'reports = "{box}"\nreport_hours = 0.000001')
    house.sent()
    (notice,) = house.notices()
    came_back(box, notice["Message-ID"], "delayed", "4.4.1")
    came_back(box, notice["Message-ID"], "delivered", "2.0.0")
    assert house.collect() == 0
    assert house.mail.house.states() == {"accepted": 1}  # no silence delivers it: somebody must read


def test_a_reminder_that_comes_back_does_as_the_notice_itself(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_portal_house(route=("eboks", "portal", "smime"), mail=f'reports = "{box}"')
    reminder = reminded(house)
    came_back(box, reminder, "delayed", "4.4.1")
    assert house.collect() == 0
    came_back(box, reminder)
    assert house.collect() == 1
    house.assert_nothing_opens()
    house.mail.send()
    history = [(one["channel"], one["cause"], one["code"]) for one in house.mail.told()["history"]]
    assert ("portal", "returned", "portal.notice_bounced") in history


def test_a_reminder_of_a_link_that_was_replaced_or_of_a_letter_that_was_read_ends_nothing(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_portal_house(mail=f'reports = "{box}"')
    reminder = reminded(house)
    consignment = house.mail.told()["consignment"]
    assert house.brevdue("portal", "resend-notice", consignment, "--reason", "igen").code == 0
    came_back(box, reminder)
    assert house.collect() == 0
    assert [one.state.value for one in house.parcels()] == ["open"]
    with house.visitor() as visitor:
        path = visitor_in(visitor, house)
        assert visitor.get(f"{path}/hent/0").status_code == 200
    came_back(box, house.notices()[-1]["Message-ID"].replace(".1@", ".1.r@"))
    assert house.collect() == 1
    assert house.mail.house.states() == {"delivered": 1}
    with house.store() as store:
        assert "notice_bounced" in {one.kind.value for one in store.parcels.events()}
    assert [one.state.value for one in house.parcels()] == ["open"]


def test_without_its_mailbox_of_reports_collect_says_so(
    found_portal_house: FoundPortalHouse, tmp_path: Path
) -> None:
    house = found_portal_house(mail=f'reports = "{tmp_path / "nowhere"}"')
    house.sent()
    ran = house.brevdue("collect")
    assert ran.code != 0
    assert "report.box_missing" in json.dumps(ran.data)


def reminded(house: PortalHouse) -> str:
    """Sends a letter and lets its recipient be reminded; returns the reminder's Message-ID."""
    house.sent(ANNA)
    house.let_days_pass(8)
    assert house.collect() == 0
    notice, reminder = (one["Message-ID"] for one in house.notices())
    assert reminder == notice.replace(".0@", ".0.r@")
    return str(reminder)


def visitor_in(visitor: Visitor, house: PortalHouse) -> str:
    """Goes in by the newest link; returns the parcel's path."""
    visitor.get(f"/b/{house.token()}")
    assert visitor.submit("/bevis", answer=SECRET).status_code == 303
    return str(visitor.page.headers["location"])


def maildir(folder: Path) -> Path:
    box = folder / "reports"
    for part in ("tmp", "new", "cur"):
        (box / part).mkdir(parents=True)
    return box


def came_back(box: Path, message_id: str, action: str = "failed", status: str = "5.1.1") -> None:
    """Puts a report about a mail into the mailbox."""
    name = f"{len(list(box.glob('*/*')))}.report"
    (box / "new" / name).write_bytes(report(action, status, message_id=str(message_id).strip()))
