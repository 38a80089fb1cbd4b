"""A real browser writes back: with few and many attachments, with what may not be sent, and too slowly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload

from routing.portal.reply_box import Reply, open_reply, read_private_key
from routing.portal.wording import size, wording
from schemas.catalogue import Language
from tests.rigs.browsers import Walk
from tests.rigs.clamd import EICAR, serve_clamd
from tests.rigs.pdfs import text_pdf
from tests.rigs.portal_sites import served
from tests.rigs.portal_walks import OpenPortal, until, walk_in, walk_of
from tests.rigs.portals import PortalBench

MAX_BYTES = 100_000


@pytest.fixture(params=["da", "en"])
def language(request) -> Language:
    return request.param


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator[OpenPortal]:
    """Gives a portal with a virus scanner, which takes little."""
    folder = tmp_path_factory.mktemp("portal")
    with serve_clamd("unix", folder) as (where, _):
        bench = PortalBench(folder / "portal", change={"scanner": where, "max_reply_bytes": MAX_BYTES})
        with served(bench) as url:
            yield OpenPortal(bench, url)
        bench.close()


def replies(portal: OpenPortal) -> list[Reply]:
    """Takes what has come, and opens it as its source would."""
    key, kept = read_private_key(portal.bench.reply_private), list(portal.bench.store.replies.waiting())
    for one in kept:
        portal.bench.store.replies.fetched(one.id, one.parcel_id)
    return [open_reply(key, one.sealed) for one in kept]


def files(*given: tuple[str, bytes]) -> list[FilePayload]:
    return [FilePayload(name=name, mimeType="application/octet-stream", buffer=data) for name, data in given]


def choose(walk: Walk, *given: tuple[str, bytes]) -> None:
    """Chooses several files at once, as in the first field; other fields have been left empty."""
    walk.page.locator("#files").set_input_files(files(*given))


def test_what_may_be_sent_arrives_and_what_may_not_is_told(browser, portal, language):
    t, walk = wording(language), walk_of(browser, "svar", language)
    walk_in(walk, portal, t, portal.letter())
    letter = walk.page.url
    walk.link(t("reply_link"))
    walk.look("form")
    txt, pdf = ("svar.txt", b"hej"), ("svar.pdf", text_pdf([["svar"]]))
    refused = (
        ((), t("reply_empty"), ""),
        ((txt,) * 6, t("reply_too_many", n_files=5), "Hej"),
        (
            (("stor.txt", b"x" * (MAX_BYTES + 1)),),
            t("reply_too_large", size=size(MAX_BYTES, language)),
            "Hej",
        ),
        ((txt, ("spil.exe", b"MZ\x90\0")), t("reply_kind", place=2, name="spil.exe"), "Hej"),
        ((("syg.txt", EICAR),), t("reply_infected", place=1, name="syg.txt"), "Hej"),
    )
    for given, said, text in refused:
        walk.page.get_by_label(t("reply_text")).fill(text)
        choose(walk, *given)
        walk.button(t("reply_do"))
        assert walk.alert() == said
        assert walk.page.evaluate("document.activeElement.id") == "error"
        assert walk.page.title().startswith(t("error_title", heading=""))
        assert walk.page.get_by_label(t("reply_text")).input_value() == text  # nothing written is lost
        walk.look("refused", axe=not given)
    assert replies(portal) == []
    for n_files in (0, 1, 5):
        walk.page.goto(f"{letter}/svar")
        walk.page.get_by_label(t("reply_text")).fill(f"Med {n_files}.")
        choose(walk, *[pdf][:n_files])
        if n_files == 5:  # the others one at a time, as on a telephone
            walk.page.get_by_text(t("reply_more")).click()
            for number in range(2, 6):
                one_more = walk.page.get_by_label(t("reply_one_more", number=number))
                one_more.set_input_files(files((f"{number}.txt", b"hej")))
            walk.look("five")
        walk.button(t("reply_do"))
        assert walk.heading() == t("reply_sent_heading")
        (reply,) = replies(portal)
        assert (reply.text, len(reply.files)) == (f"Med {n_files}.", n_files)
        assert reply.id in walk.page.get_by_role("status").inner_text()
    walk.look("sent")
    walk.link(t("back"))
    walk.link(t("receipt_link"))
    assert walk.page.get_by_text(t("event_replied")).count() == 3
    walk.done(portal.url)


def test_the_end_of_a_visit_is_announced_and_put_off_by_a_person_alone(browser, portal, language):
    t, walk, clock = wording(language), walk_of(browser, "ur", language), portal.bench.clock
    walk_in(walk, portal, t, portal.letter())
    walk.link(t("reply_link"))
    said, asked = walk.page.frame_locator("iframe.clock").locator("p"), walk.page.locator("iframe.clock")

    def ask() -> str:
        """Asks as the frame does by itself, later."""
        n_before = len(walk.requested)
        asked.evaluate("frame => { frame.src = frame.getAttribute('src'); }")
        until(walk, lambda: len(walk.requested) > n_before)
        return walk.page.frame_locator("iframe.clock").locator("p").inner_text()

    begun = clock()
    walk.page.get_by_label(t("reply_text")).fill("Det tager tid at skrive.")
    until(walk, lambda: said.inner_text().startswith(t("clock_until", at="10:20")))
    clock.move(minutes=16)
    until(walk, lambda: ask().startswith(t("clock_soon", at="10:20")))
    walk.look("soon")
    frame = walk_of(browser, "ur-ramme", language, storage_state=walk.context.storage_state())
    frame.page.goto(walk.page.url.replace("/svar", "/tid"))
    frame.look("soon")
    frame.done(portal.url)
    walk.page.frame_locator("iframe.clock").get_by_role("link", name=t("clock_stay")).click()
    until(walk, lambda: said.inner_text().startswith(t("clock_until", at="10:36")))
    clock.move(minutes=19)  # it would be over, had nobody stayed
    until(walk, lambda: ask().startswith(t("clock_soon", at="10:36")))
    clock.move(minutes=2)  # the frame's own asking put nothing off
    until(walk, lambda: ask() == t("clock_over"))
    walk.look("over")
    walk.button(t("reply_do"))
    assert walk.heading() == t("late_heading")
    assert walk.page.get_by_label(t("reply_text")).input_value() == "Det tager tid at skrive."
    walk.look("late")
    assert replies(portal) == []
    clock.at = begun
    walk.done(portal.url)
