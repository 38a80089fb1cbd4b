"""A real browser shows the onboarding report, from a phone to a desk, and it loads nothing but itself."""

from __future__ import annotations

import pytest

from tests.rigs.chromium import Chromium
from tests.rigs.senders import QUICK, OpenDesk


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_every_screen_and_breaks_no_rule_of_its_own(
    chromium: Chromium, open_desk: OpenDesk, dark: bool
):
    desk = open_desk()
    desk.onboard(*QUICK, *desk.flags(name="x" * 90, write=None, url="https://127.0.0.1:1"))
    page = desk.sender_folder / "rapport.html"
    for width in (320, 768, 1200):
        chromium.show(page, width=width, dark=dark)
        assert chromium.ask("document.documentElement.scrollWidth") <= width
    said = [event for event in chromium.events if event.get("method") == "Log.entryAdded"]
    assert [event["params"]["entry"]["text"] for event in said] == []
    assert chromium.ask("document.querySelectorAll('table').length") >= 4
    assert "text/css" not in chromium.ask("document.body.innerText")
