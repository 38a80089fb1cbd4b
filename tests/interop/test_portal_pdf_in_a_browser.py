"""What a PDF can do where the portal shows it, and whether the browser's viewer works in a sandbox by now."""

from __future__ import annotations

from dataclasses import replace

from pikepdf import Dictionary, Name, String

from routing.portal.wording import wording
from schemas.consignments import Document
from tests.rigs.browsers import Walk
from tests.rigs.pdfs import text_pdf, with_changes
from tests.rigs.portal_walks import until, walk_in, walk_of
from tests.rigs.portals import TITLE, PortalBench

T = wording("da")
EVERYTHING = (
    "allow-downloads allow-forms allow-modals allow-orientation-lock allow-pointer-lock allow-popups "
    "allow-popups-to-escape-sandbox allow-presentation allow-same-origin allow-scripts "
    "allow-storage-access-by-user-activation allow-top-navigation"
)
BLOCKED = "chrome-error://chromewebdata/"
DEVIATION = "the portal's PDF can be sandboxed from now on: end the deviation in docs/portal-security.md"
# Whatever a PDF's script can be asked to do, and then a word that it ran at all.
SCRIPT = """
var there = '%(url)s/lukket', tried = [
  function () { top.document.title = 'taken'; }, function () { parent.location = there; },
  function () { app.launchURL(there, false); }, function () { app.launchURL(there, true); },
  function () { this.getURL(there); }, function () { this.submitForm(there); },
  function () { document.cookie = 'a=b'; }, function () { XMLHttpRequest(); }];
for (var n in tried) { try { tried[n](); } catch (e) {} }
app.alert([typeof window, typeof document, typeof top, typeof XMLHttpRequest].join());
"""


def has_viewer(walk: Walk) -> bool:
    """Says whether the document is drawn: once in the page's frame, and once more within the viewer's own."""
    return sum("/vis/" in frame.url for frame in walk.page.frames) == 2


def test_chromium_still_shows_no_pdf_in_a_sandboxed_frame(browser, open_portal):
    walk = walk_of(browser, "sandkasse", "da")
    walk_in(walk, open_portal, T, open_portal.letter())
    papers = walk.page.url

    def sandboxed(route):
        answer = route.fetch()
        body = answer.text().replace('<iframe class="sheet"', f'<iframe sandbox="{tokens}" class="sheet"')
        route.fulfill(response=answer, body=body)

    walk.page.route("**/dok/0", sandboxed)
    for tokens in ("", "allow-same-origin", "allow-scripts allow-same-origin", EVERYTHING):
        walk.page.goto(papers)
        walk.link(T("paper_show"))
        until(walk, lambda: has_viewer(walk) or any(frame.url == BLOCKED for frame in walk.page.frames))
        assert not has_viewer(walk), f"Chromium {browser.version}, sandbox='{tokens}': {DEVIATION}"
        assert walk.page.locator("iframe.sheet").get_attribute("sandbox") == tokens
    walk.context.close()


def test_chromium_still_takes_no_notice_of_a_sandbox_in_a_pdfs_own_policy(browser, open_portal):
    walk = walk_of(browser, "sandkasse", "da")

    def sandboxed(route):
        answer = route.fetch()
        policy = answer.headers["content-security-policy"] + "; sandbox"
        route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": policy})

    walk.page.route("**/vis/0", sandboxed)
    walk_in(walk, open_portal, T, open_portal.letter())
    walk.link(T("paper_show"))
    until(walk, lambda: has_viewer(walk))
    origin = "document.querySelector('iframe.sheet').contentDocument?.defaultView.origin"
    found = walk.page.evaluate(origin)
    assert found == open_portal.url, f"Chromium {browser.version}, policy sandbox: {DEVIATION}"
    walk.context.close()


def wicked(ordinal: int, action: Dictionary, bench: PortalBench) -> Document:
    """Returns a PDF that does something by itself when it is opened; intake would have refused it."""
    opening = lambda pdf: pdf.Root.__setitem__("/OpenAction", pdf.make_indirect(action))  # noqa: E731
    kept = bench.papers.keep(with_changes(text_pdf([["Ond"]]), opening), "pdf", ordinal)
    return replace(kept, name=f"ond-{ordinal}.pdf", media_type="application/pdf")


def test_a_pdf_that_got_past_intake_reaches_neither_the_page_nor_its_cookie(browser, open_portal):
    target = String(f"{open_portal.url}/lukket")
    actions = (
        Dictionary(S=Name.JavaScript, JS=String(SCRIPT % {"url": open_portal.url})),
        Dictionary(S=Name.URI, URI=target),
        Dictionary(S=Name.SubmitForm, F=target, Flags=4),
        Dictionary(S=Name.Launch, F=target, NewWindow=True),
    )
    papers = tuple(wicked(n, action, open_portal.bench) for n, action in enumerate(actions))
    walk = walk_of(browser, "ond", "da")
    walk_in(walk, open_portal, T, open_portal.letter(documents=papers))
    letter = walk.page.url
    for number in range(len(papers)):
        walk.page.goto(f"{letter}/dok/{number}")
        title = walk.page.title()
        until(walk, lambda: has_viewer(walk))
        if number == 0:  # the script did run, and it knows of no page at all
            until(walk, lambda: bool(walk.faults))
            assert walk.faults == ["dialog: undefined,undefined,undefined,undefined"]
            walk.faults.clear()
        walk.look(f"ond-{number}", axe=False)
        assert (walk.page.url, walk.page.title()) == (f"{letter}/dok/{number}", title)
        assert walk.page.evaluate("document.cookie") == ""
    assert len(walk.context.pages) == 1
    assert not [one for one in walk.requested if "/lukket" in one]
    walk.link(T("back"))
    assert walk.heading() == TITLE  # and the visit goes on
    walk.done(open_portal.url)
