"""A real browser walks every way through the portal: in both languages, by keyboard, without script."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from routing.portal.wording import wording
from schemas.catalogue import Language
from schemas.portal_settings import PortalBrand
from tests.rigs.browsers import PICTURES, Walk
from tests.rigs.portal_sites import served
from tests.rigs.portal_walks import PHONE, OpenPortal, until, walk_in, walk_of
from tests.rigs.portals import FILE_NAME, SECRET, SENDER, TITLE, PortalBench

EVIL = '"><script>alert(1)</script><svg onload=alert(2)>'
LONG = "Afgørelseomorlovognogetmeregodtlangtudenmellemrum" * 2
SPACED = """p { margin-bottom: 2em !important; }
* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }"""
"""What a reader may set by himself, and nothing may be lost (WCAG 2.2, 1.4.12)."""
CUT_OFF = """[...document.querySelectorAll('main *')].filter(one => !one.closest('textarea, iframe'))
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(one => one.outerHTML)"""
FOCUS = """[document.activeElement].map(one => one.contentDocument ? one.contentDocument.activeElement : one)
  .map(one => getComputedStyle(one).outlineStyle)[0]"""


@pytest.fixture(params=["da", "en"])
def language(request) -> Language:
    return request.param


def test_a_person_reads_downloads_prints_and_signs_out(
    browser: Browser, open_portal: OpenPortal, language: Language
) -> None:
    t, walk = wording(language), walk_of(browser, "brev", language)
    walk.page.goto(open_portal.letter())
    walk.look("link")
    walk.button(t("mail_code_do"))
    walk.look("code")
    code = walk.page.get_by_label(t("code_label"))
    assert (code.get_attribute("autocomplete"), code.get_attribute("inputmode")) == (
        "one-time-code",
        "numeric",
    )
    code.fill(f" {open_portal.code()[:3]} {open_portal.code()[3:]} ")  # as people copy it
    walk.button(t("code_do"))
    assert walk.heading() == TITLE
    assert walk.page.locator("html").get_attribute("lang") == language
    assert walk.page.title() == f"{t('papers_heading')} – {SENDER}"  # a history tells nothing of the letter
    walk.look("papers")
    with walk.page.expect_download() as download:
        walk.link(t("paper_fetch"))
    assert download.value.suggested_filename == FILE_NAME
    assert download.value.path().read_bytes().startswith(b"%PDF-")
    walk.link(t("paper_show"))
    # The page's frame, and in it, within the browser's own viewer, the document once more.
    until(walk, lambda: sum("/vis/0" in frame.url for frame in walk.page.frames) == 2)
    assert any(frame.url.startswith("chrome-extension:") for frame in walk.page.frames)
    walk.look("pdf", axe=False)
    walk.link(t("paper_alone"))
    until(walk, lambda: sum("/vis/0" in frame.url for frame in walk.page.frames) == 2)
    walk.page.go_back()
    walk.link(t("back"))
    walk.page.get_by_role("link", name=t("paper_show")).nth(1).click()
    assert "Et bilag nr" in walk.page.frame_locator("iframe.sheet").locator("body").inner_text()
    walk.look("text")
    walk.link(t("back"))
    walk.link(t("receipt_link"))
    walk.look("receipt")
    for event in ("read", "downloaded"):
        assert walk.page.get_by_text(t(f"event_{event}")).count() >= 1
    assert walk.page.pdf(path=PICTURES / f"kvittering-{language}.pdf").startswith(b"%PDF-")
    walk.link(t("back"))
    letter = walk.page.url
    walk.button(t("sign_out"))
    assert walk.heading() == t("signed_out_heading")
    walk.look("signed-out")
    walk.page.go_back()
    assert TITLE not in walk.page.content()
    walk.page.goto(letter)
    assert walk.heading() == t("ended_heading")
    walk.look("ended")
    walk.done(open_portal.url)


def test_an_agreed_password_opens_and_five_wrong_ones_lock(browser, open_portal, language):
    t, walk = wording(language), walk_of(browser, "kodeord", language)
    link = open_portal.letter("hemmelig")
    walk.page.goto(link)
    walk.look("link")
    password = walk.page.get_by_role("textbox", name=t("shared_secret_label"))
    password.fill(SECRET)
    walk.button(t("shared_secret_do"))
    assert walk.heading() == TITLE
    walk.page.goto(link)
    for number in range(5):
        password.fill("helt forkert")
        walk.button(t("shared_secret_do"))
        assert walk.alert() == t("wrong_secret" if number < 4 else "locked", sender=SENDER)
        if number == 0:
            walk.look("wrong")
    walk.look("locked")
    walk.done(open_portal.url)


def test_the_pages_that_say_no_help_and_reveal_nothing(browser, open_portal, language):
    t, walk = wording(language), walk_of(browser, "nej", language)
    for path, kind in (("/b/abc", "gone"), ("/p/abc", "ended"), ("/nothing", "gone"), ("/", "front")):
        walk.page.goto(open_portal.url + path)
        assert walk.heading() == t(f"{kind}_heading")
        assert walk.page.get_by_role("contentinfo").inner_text() == t(
            "foot_contact", sender=SENDER, contact="11 22 33 44"
        )
    walk.look("front")
    walk.done(open_portal.url)


def test_the_language_is_switched_on_the_page_and_stays(browser, open_portal):
    da, en, walk = wording("da"), wording("en"), walk_of(browser, "sprog", "da")
    walk.page.goto(open_portal.letter("begge"))
    walk.page.get_by_label(da("shared_secret_label"), exact=True).fill("forkert kode")
    walk.button(da("shared_secret_do"))
    walk.link("English")  # also from the answer to a form
    assert walk.heading() == en("link_heading", sender=SENDER)
    walk.button(en("mail_code_do"))
    walk.page.get_by_label(en("code_label")).fill("1")
    walk.button(en("code_do"))
    assert walk.alert() == en("no_try_code")
    walk.link("Dansk")
    assert walk.heading() == da("code_heading")
    walk.link("English")
    walk.page.get_by_label(en("code_label")).fill(open_portal.code())
    walk.button(en("code_do"))
    assert walk.page.get_by_text(en("papers_heading")).count() == 1
    walk.done(open_portal.url)


def test_on_a_phone_no_page_is_wider_than_the_screen_and_each_target_is_large(browser, open_portal):
    t, walk = wording("da"), walk_of(browser, "telefon", "da", **PHONE)
    bench = open_portal.bench
    paper = bench.papers.keep(b"tekst", "txt", 0)
    papers = [replace(paper, ordinal=n, name=f"{n} {LONG}.txt", media_type="text/plain") for n in range(20)]
    walk.page.goto(open_portal.letter("begge", title=LONG, documents=tuple(papers)))
    walk.look("link")
    walk.button(t("mail_code_do"))
    walk.look("code")
    walk.page.get_by_label(t("code_label")).fill(open_portal.code())
    walk.button(t("code_do"))
    assert walk.heading() == LONG
    walk.look("papers")
    for name in ("receipt_link", "reply_link"):
        walk.link(t(name))
        walk.look(name)
        for target in walk.page.locator("main :is(a, button, summary), header a").all():
            box = target.bounding_box()
            assert box is None or min(box["width"], box["height"]) >= 24, target.inner_html()
        walk.link(t("back"))
    walk.done(open_portal.url)


@pytest.mark.parametrize("need", ["spaced", "zoomed", "forced colours"])
def test_who_sets_text_size_or_colours_loses_nothing(browser, open_portal, need):
    options = (
        {"viewport": {"width": 640, "height": 480}, "device_scale_factor": 2} if need == "zoomed" else {}
    )
    options |= {"forced_colors": "active"} if need == "forced colours" else {}
    t, walk = wording("da"), walk_of(browser, need.replace(" ", "-"), "da", **options)
    walk_in(walk, open_portal, t, open_portal.letter())
    for name in ("", "reply_link", "receipt_link"):
        if name:
            walk.link(t(name))
        if need == "spaced":
            walk.page.evaluate(f"s = document.createElement('style'); s.textContent = `{SPACED}`;"
                               "document.head.append(s)")  # fmt: skip
        walk.look(name or "papers", axe=False)
        assert walk.page.evaluate(CUT_OFF) == []
        if name:
            walk.link(t("back"))
    walk.context.close()


def test_everything_works_without_script(browser, open_portal):
    t, walk = wording("da"), walk_of(browser, "uden-script", "da", java_script_enabled=False)
    walk_in(walk, open_portal, t, open_portal.letter())
    walk.look("papers")
    walk.link(t("reply_link"))
    walk.page.get_by_label(t("reply_text")).fill("Uden script.")
    walk.button(t("reply_do"))
    assert walk.heading() == t("reply_sent_heading")
    walk.link(t("back"))
    walk.button(t("sign_out"))
    assert walk.heading() == t("signed_out_heading")
    walk.done(open_portal.url)


def tab_to(walk: Walk, text: str) -> None:
    """Goes on by keyboard to what says so, and demands to see where one is at each stop."""
    walk.page.frame_locator("iframe.clock").get_by_role("link").wait_for()
    for _ in range(20):
        walk.page.keyboard.press("Tab")
        assert walk.page.evaluate(FOCUS) != "none"
        if walk.page.evaluate("document.activeElement.textContent") == text:
            return
    raise AssertionError(f"no way to {text}")


def test_the_keyboard_alone_is_enough_and_shows_where_it_is(browser, open_portal):
    t, walk = wording("da"), walk_of(browser, "tastatur", "da")
    keys = walk.page.keyboard
    walk.page.goto(open_portal.letter("hemmelig"))
    keys.press("Tab")
    assert walk.page.evaluate("document.activeElement.className") == "skip"
    walk.look("skip")
    keys.press("Enter")
    keys.press("Tab")
    assert walk.page.evaluate("document.activeElement.id") == "answer"
    keys.type("forkert ord")
    keys.press("Enter")
    walk.page.wait_for_url("**/bevis")
    assert walk.page.evaluate("document.activeElement.textContent") == t("wrong_secret")
    keys.press("Tab")
    walk.look("wrong")
    keys.type(SECRET)
    keys.press("Enter")
    walk.page.wait_for_url("**/p/*")
    tab_to(walk, t("reply_link"))
    keys.press("Enter")
    walk.page.wait_for_url("**/svar")
    for _ in range(20):
        keys.press("Tab")
        if walk.page.evaluate("document.activeElement.id") == "text":
            break
    keys.type("Skrevet med tastaturet.")
    tab_to(walk, t("reply_do"))
    keys.press("Enter")
    walk.page.wait_for_url("**/sendt?*")
    walk.done(open_portal.url)


def test_a_screen_reader_hears_which_document_a_button_is_for(browser, open_portal):
    walk = walk_of(browser, "skaermlaeser", "da")
    walk_in(walk, open_portal, wording("da"), open_portal.letter())
    for verb in ("Læs", "Hent"):
        for name in (FILE_NAME, "bilag.txt"):
            assert walk.page.get_by_role("link", name=f"{verb} {name}", exact=True).count() == 1
    assert walk.page.get_by_role("main").count() == walk.page.get_by_role("banner").count() == 1
    walk.done(open_portal.url)


def test_a_title_and_a_file_name_run_nothing(browser, open_portal):
    walk = walk_of(browser, "xss", "da")
    evil = replace(open_portal.bench.consignment().documents[0], name=f"{EVIL}.pdf")
    walk.page.goto(open_portal.letter(title=EVIL, documents=(evil,)))
    walk.button("Send en kode")
    walk.page.get_by_label("Kode på seks cifre").fill(open_portal.code())
    walk.button("Åbn")
    assert walk.heading() == EVIL
    walk.link("Læs")
    walk.link("Tilbage")
    walk.link("Kvittering")
    walk.done(open_portal.url)


def test_two_letters_are_open_side_by_side(browser, open_portal):
    t, walk = wording("da"), walk_of(browser, "to", "da")
    addresses = []
    for title in ("Brev 1", "Brev 2"):
        walk.page.goto(open_portal.letter(title=title))
        walk.button(t("mail_code_do"))
        walk.page.get_by_label(t("code_label")).fill(open_portal.code())
        walk.button(t("code_do"))
        addresses.append(walk.page.url)
    for number, address in enumerate(addresses, start=1):
        walk.page.goto(address)
        assert walk.heading() == f"Brev {number}"
    walk.done(open_portal.url)


@pytest.mark.parametrize("colour", ["#000000", "#767676"])
def test_a_brand_in_any_allowed_colour_stays_readable(browser, tmp_path, colour):
    brands = {"default": PortalBrand(name="Det Meget Lange Navn På En Virksomhed A/S", colour=colour)}
    bench = PortalBench(tmp_path / "portal", change={"brands": brands})
    with served(bench) as url:
        walk = walk_of(browser, f"farve-{colour[1:]}", "da", **PHONE)
        bench.send(bench.consignment(material="begge"))
        walk.page.goto(f"{url}/b/{bench.token()}")
        walk.look("link")
        walk.done(url)
    bench.close()
