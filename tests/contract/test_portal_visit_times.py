"""The portal's pages where time and language matter: the clock of a visit, a reply that comes too late, the
switch."""

from __future__ import annotations

import pytest

from tests.rigs.portal_sites import Visitor, site_of
from tests.rigs.portals import SECRET, TITLE, PortalBench

EVIL = "</textarea><script>alert(1)</script>"


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.fixture
def visitor(bench) -> Visitor:
    return Visitor(bench, site_of(bench))


def clock(visitor: Visitor, path: str, query: str = "") -> tuple[int, str, str]:
    """Asks as the frame does; returns the status, what is to be asked next and when, and the page."""
    page = visitor.get(f"{path}/tid{query}")
    return page.status_code, page.headers.get("refresh", ""), page.text


def test_the_clock_asks_again_when_there_is_something_to_say_and_makes_nothing_last_longer(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    again = f"; url={path}/tid"
    assert f'<iframe class="clock" src="{path}/tid"' in visitor.page.text
    assert clock(visitor, path)[1] == f"{15 * 60 + 1}{again}"
    bench.clock.move(minutes=16)
    status, refresh, page = clock(visitor, path)
    assert (status, refresh) == (200, f"61{again}")
    assert "Du bliver logget ud kl. 10:20." in page and f'href="{path}/tid?bliv=1"' in page
    bench.clock.move(minutes=3, seconds=30)
    assert clock(visitor, path)[1] == f"31{again}"
    bench.clock.move(seconds=31)
    status, refresh, page = clock(visitor, path)
    assert (status, refresh) == (403, "")
    assert "Du er logget ud." in page
    assert visitor.get(path).status_code == 403


def test_a_person_puts_the_end_off_until_the_longest_visit_is_over(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    for _ in range(7):
        bench.clock.move(minutes=15)
        _, refresh, page = clock(visitor, path, "?bliv=1")
        assert "bliv" not in refresh  # what the frame asks by itself is no sign of a person
    assert "Du bliver logget ud kl. 12:00. Log ind igen bagefter" in page and "bliv=1" not in page
    bench.clock.move(minutes=15)
    assert clock(visitor, path, "?bliv=1")[0] == 403


def test_the_clock_may_stand_in_our_own_pages_alone(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    for asked in (path, "/p/unknown"):
        headers = visitor.get(f"{asked}/tid").headers
        assert headers["x-frame-options"] == "SAMEORIGIN"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
        assert "script" not in policy and "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
    stranger = Visitor(bench, visitor.site)
    assert clock(stranger, path)[0] == 403


def test_what_was_written_too_slowly_is_handed_back_and_kept_nowhere(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    visitor.get(f"{path}/svar")
    form = visitor.page
    bench.clock.move(minutes=21)
    page = visitor.submit("/svar", text=f"Kære kommune {EVIL}", files=[("files", ("a.txt", b"hej", ""))])
    assert page.status_code == 403
    assert "Dit svar er ikke sendt" in page.text
    assert "Kære kommune &lt;/textarea&gt;&lt;script&gt;" in page.text and "<script" not in page.text
    assert bench.store.replies.n_waiting() == 0
    for text, size in (("  ", 0), ("Med et stort bilag", 300_000)):
        visitor.page = form
        page = visitor.submit("/svar", text=text, files=[("files", ("a.txt", b"x" * size, ""))])
        assert page.status_code == 403
        assert "Du er ikke logget ind" in page.text and "stort bilag" not in page.text


def test_what_was_written_is_handed_back_to_our_own_pages_alone(bench):
    stranger = Visitor(bench, site_of(bench))
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        page = stranger.post("/p/unknown/svar", {"text": "Skriv dit kodeord her"}, headers=headers)
        assert page.status_code == 403
        assert "kodeord" not in page.text


def test_the_language_is_switched_where_an_answer_to_a_form_can_be_opened(bench, visitor):
    bench.send(bench.consignment(material="begge"))
    first = f"/b/{bench.token()}"
    visitor.get(first)
    visitor.submit("/bevis", answer="forkert ord")
    assert f'href="{first}?sprog=en"' in visitor.page.text
    visitor.get(first)
    visitor.submit("/send")
    visitor.follow()
    assert f'href="{first}/kode?m=mail_code&amp;sprog=en"' in visitor.page.text
    visitor.submit("/bevis", answer="1")
    assert f'href="{first}/kode?m=mail_code&amp;sprog=en"' in visitor.page.text
    visitor.post(f"{first}/videre", {"method": "mail_code"})
    assert f'href="{first}?sprog=en"' in visitor.page.text
    assert visitor.get(f"{first}/kode?m=mail_code&sprog=en").status_code == 200


def test_a_hint_that_is_there_in_one_language_is_shown_in_both_and_says_which(bench, visitor):
    bench.send(bench.consignment(material="hemmelig"))
    page = visitor.get(f"/b/{bench.token()}?sprog=en").text
    assert '<html lang="en">' in page
    assert '<span lang="da">Dit medarbejdernavn og løbenummer.</span>' in page


def test_what_a_browser_remembers_of_a_page_names_no_letter_and_no_file(bench, visitor):
    bench.send(bench.consignment(material="hemmelig"))
    visitor.get(f"/b/{bench.token()}")
    visitor.submit("/bevis", answer=SECRET)
    path = visitor.page.headers["location"]
    for one in ("", "/dok/0", "/dok/1", "/svar", "/kvittering"):
        title = visitor.get(path + one).text.partition("<title>")[2].partition("</title>")[0]
        assert title
        assert TITLE not in title and ".pdf" not in title and ".txt" not in title
