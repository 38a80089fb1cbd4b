"""A real browser walks every way through the portal: in both languages, by keyboard, without script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from routing.portal.reply_box import open_reply, read_private_key
from routing.portal.wording import wording
from schemas.catalogue import Language
from schemas.portal_settings import PortalBrand
from tests.rigs.browsers import Walk
from tests.rigs.portal_sites import served
from tests.rigs.portals import FILE_NAME, SECRET, SENDER, TITLE, PortalBench, code_in

LOCALES = {"da": "da-DK", "en": "en-GB"}
PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
EVIL = '"><script>alert(1)</script><svg onload=alert(2)>'


@dataclass
class Open:
    """A served portal and its address."""

    bench: PortalBench
    url: str

    def letter(self, material: str = "brev", **change: Any) -> str:
        """Sends a letter and returns its link."""
        self.bench.send(self.bench.consignment(material=material, **change))
        return f"{self.url}/b/{self.bench.token()}"

    def code(self) -> str:
        return code_in(self.bench.mail()[-1])


@pytest.fixture
def portal(tmp_path) -> Iterator[Open]:
    bench = PortalBench(tmp_path / "portal")
    with served(bench) as url:
        yield Open(bench, url)
    bench.close()


@pytest.fixture(params=["da", "en"])
def language(request) -> Language:
    return request.param


def walk_in(walk: Walk, portal: Open, t, link: str) -> None:
    """Goes in by a code from the mail, after a wrong one."""
    walk.page.goto(link)
    walk.look("link")
    walk.button(t("mail_code_do"))
    walk.look("code")
    code = portal.code()
    walk.page.get_by_label(t("code_label")).fill(f"{(int(code) + 1) % 10**6:06}")
    walk.button(t("code_do"))
    assert walk.page.get_by_role("alert").inner_text() == t("wrong")
    assert walk.page.title().startswith(t("error_title", heading=""))
    walk.look("wrong-code")
    walk.page.get_by_label(t("code_label")).fill(code)
    walk.button(t("code_do"))
    assert walk.page.get_by_role("heading", level=1).inner_text() == TITLE


def test_a_person_reads_downloads_answers_and_prints(
    browser: Browser, portal: Open, tmp_path: Path, language: Language
) -> None:
    t, walk = wording(language), Walk(browser, f"brev-{language}", {"locale": LOCALES[language]})
    walk_in(walk, portal, t, portal.letter())
    assert walk.page.locator("html").get_attribute("lang") == language
    walk.look("papers")
    with walk.page.expect_download() as download:
        walk.link(t("paper_fetch"))
    assert download.value.suggested_filename == FILE_NAME
    sent = portal.bench.papers.read(portal.bench.consignment(), portal.bench.consignment().documents[0])
    assert download.value.path().read_bytes() == sent
    walk.link(t("paper_show"))
    walk.page.wait_for_function("document.querySelector('iframe') !== null")
    # The page's frame, and in it, within the browser's own viewer, the document once more.
    until(walk, lambda: sum("/vis/0" in frame.url for frame in walk.page.frames) == 2)
    assert any(frame.url.startswith("chrome-extension:") for frame in walk.page.frames)
    walk.page.wait_for_timeout(1000)
    walk.look("pdf", axe=False)
    walk.link(t("back"))
    walk.page.get_by_role("link", name=t("paper_show")).nth(1).click()
    walk.look("text")
    assert "Et bilag nr 1" in walk.page.frame_locator("iframe").locator("body").inner_text()
    walk.link(t("back"))
    walk.link(t("reply_link"))
    walk.look("reply")
    walk.button(t("reply_do"))
    assert walk.page.get_by_role("alert").inner_text() == t("reply_empty")
    walk.look("reply-empty")
    walk.page.get_by_label(t("reply_text")).fill("Tak for brevet.")
    attachment = tmp_path / "svar.txt"
    attachment.write_bytes(b"hej")
    walk.page.get_by_label(t("reply_files")).set_input_files(attachment)
    walk.button(t("reply_do"))
    assert walk.page.get_by_role("heading", level=1).inner_text() == t("reply_sent_heading")
    walk.look("sent")
    (kept,) = portal.bench.store.replies.waiting()
    reply = open_reply(read_private_key(portal.bench.reply_private), kept.sealed)
    assert (reply.text, reply.files[0].data) == ("Tak for brevet.", b"hej")
    walk.link(t("back"))
    walk.link(t("receipt_link"))
    walk.look("receipt")
    for event in ("read", "downloaded", "replied"):
        assert walk.page.get_by_text(t(f"event_{event}")).count() >= 1
    walk.link(t("back"))
    walk.button(t("sign_out"))
    walk.look("signed-out")
    walk.page.go_back()
    assert TITLE not in walk.page.content()
    walk.done(portal.url)


def until(walk: Walk, true) -> None:
    """Waits for something that only the browser knows of."""
    for _ in range(1200):
        if true():
            return
        walk.page.wait_for_timeout(50)
    raise AssertionError("it did not come")


def test_an_agreed_password_opens_and_five_wrong_ones_lock(browser, portal, language):
    t, walk = wording(language), Walk(browser, f"kodeord-{language}", {"locale": LOCALES[language]})
    link = portal.letter("hemmelig")
    walk.page.goto(link)
    walk.look("link")
    walk.page.get_by_role("textbox", name=t("shared_secret_label")).fill(SECRET)
    walk.button(t("shared_secret_do"))
    assert walk.page.get_by_role("heading", level=1).inner_text() == TITLE
    walk.page.goto(link)
    for _ in range(5):
        walk.page.get_by_role("textbox", name=t("shared_secret_label")).fill("helt forkert")
        walk.button(t("shared_secret_do"))
    assert walk.page.get_by_role("alert").inner_text() == t("locked", sender=SENDER)
    walk.look("locked")
    walk.done(portal.url)


def test_the_pages_that_say_no_help_and_reveal_nothing(browser, portal, language):
    t, walk = wording(language), Walk(browser, f"nej-{language}", {"locale": LOCALES[language]})
    for path, kind in (("/b/abc", "gone"), ("/p/abc", "ended"), ("/nothing", "gone"), ("/", "front")):
        walk.page.goto(portal.url + path)
        assert walk.page.get_by_role("heading", level=1).inner_text() == t(f"{kind}_heading")
        walk.look(kind)
    walk.done(portal.url)


def test_the_language_is_switched_on_the_page_and_stays(browser, portal):
    walk = Walk(browser, "sprog", {"locale": "da-DK"})
    walk.page.goto(portal.letter())
    walk.link("English")
    assert walk.page.locator("html").get_attribute("lang") == "en"
    walk.button(wording("en")("mail_code_do"))
    walk.page.get_by_label(wording("en")("code_label")).fill(portal.code())
    walk.button(wording("en")("code_do"))
    assert walk.page.get_by_text("Your documents").count() == 1
    walk.done(portal.url)


def test_on_a_phone_no_page_is_wider_than_the_screen(browser, portal):
    t, walk = wording("da"), Walk(browser, "telefon", {"locale": "da-DK", **PHONE})
    walk_in(walk, portal, t, portal.letter())
    portal.letter(number=2, title="Afgørelseomorlovognogetmeregodtlangtudenmellemrum" * 2)
    walk.look("papers")
    for name in ("receipt_link", "reply_link"):
        walk.link(t(name))
        walk.look(name)
        walk.link(t("back"))
    walk.done(portal.url)


def test_everything_works_without_script(browser, portal):
    t = wording("da")
    walk = Walk(browser, "uden-script", {"locale": "da-DK", "java_script_enabled": False})
    walk_in(walk, portal, t, portal.letter())
    walk.link(t("reply_link"))
    walk.page.get_by_label(t("reply_text")).fill("Uden script.")
    walk.button(t("reply_do"))
    assert walk.page.get_by_role("heading", level=1).inner_text() == t("reply_sent_heading")
    walk.link(t("back"))
    walk.button(t("sign_out"))
    assert walk.page.get_by_role("heading", level=1).inner_text() == t("signed_out_heading")
    walk.done(portal.url)


def test_the_keyboard_alone_is_enough_and_shows_where_it_is(browser, portal):
    t, walk = wording("da"), Walk(browser, "tastatur", {"locale": "da-DK"})
    keys = walk.page.keyboard
    walk.page.goto(portal.letter("hemmelig"))
    keys.press("Tab")
    assert walk.page.evaluate("document.activeElement.className") == "skip"
    walk.look("skip")
    keys.press("Enter")
    keys.press("Tab")
    assert walk.page.evaluate("document.activeElement.id") == "answer"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert walk.page.evaluate(outline) == "solid"
    keys.type(SECRET)
    keys.press("Enter")
    walk.page.wait_for_url("**/p/*")
    for _ in range(12):
        keys.press("Tab")
        if walk.page.evaluate("document.activeElement.textContent") == t("receipt_link"):
            break
    keys.press("Enter")
    walk.page.wait_for_url("**/kvittering")
    walk.done(portal.url)


def test_a_screen_reader_hears_which_document_a_button_is_for(browser, portal):
    walk = Walk(browser, "skaermlaeser", {"locale": "da-DK"})
    walk_in(walk, portal, wording("da"), portal.letter())
    for verb in ("Læs", "Hent"):
        for name in (FILE_NAME, "bilag.txt"):
            assert walk.page.get_by_role("link", name=f"{verb} {name}", exact=True).count() == 1
    assert walk.page.get_by_role("main").count() == walk.page.get_by_role("banner").count() == 1
    walk.done(portal.url)


def test_a_title_and_a_file_name_run_nothing(browser, portal):
    walk = Walk(browser, "xss", {"locale": "da-DK"})
    letter = portal.bench.consignment()
    evil = replace(letter.documents[0], name=f"{EVIL}.pdf")
    link = portal.letter(title=EVIL, documents=(evil,))
    walk.page.goto(link)
    walk.button("Send en kode")
    walk.page.get_by_label("Kode på seks cifre").fill(portal.code())
    walk.button("Åbn")
    assert walk.page.get_by_role("heading", level=1).inner_text() == EVIL
    walk.link("Læs")
    walk.link("Tilbage")
    walk.link("Kvittering")
    walk.done(portal.url)


def test_two_letters_are_open_side_by_side(browser, portal):
    t, walk = wording("da"), Walk(browser, "to", {"locale": "da-DK"})
    addresses = []
    for number in (1, 2):
        walk.page.goto(portal.letter(**letter_of(portal.bench, number)))
        walk.button(t("mail_code_do"))
        walk.page.get_by_label(t("code_label")).fill(portal.code())
        walk.button(t("code_do"))
        addresses.append(walk.page.url)
    for number, address in enumerate(addresses, start=1):
        walk.page.goto(address)
        assert walk.page.get_by_role("heading", level=1).inner_text() == f"Brev {number}"
    walk.done(portal.url)


def letter_of(bench: PortalBench, number: int) -> dict[str, Any]:
    return {"number": number, "title": f"Brev {number}"}


@pytest.mark.parametrize("colour", ["#000000", "#b3261e", "#767676"])
def test_a_brand_in_any_allowed_colour_stays_readable(browser, tmp_path, colour):
    brands = {"default": PortalBrand(name="Det Meget Lange Navn På En Virksomhed A/S", colour=colour)}
    bench = PortalBench(tmp_path / "portal", change={"brands": brands})
    with served(bench) as url:
        walk = Walk(browser, f"farve-{colour[1:]}", {"locale": "da-DK", **PHONE})
        bench.send(bench.consignment(material="begge"))
        walk.page.goto(f"{url}/b/{bench.token()}")
        walk.look("link")
        walk.done(url)
    bench.close()
