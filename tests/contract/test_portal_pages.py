"""The portal's pages, as a browser without script sees them: the ways in, what they show, and what they
refuse."""

from __future__ import annotations

import io
import os
import re
import zipfile
from dataclasses import replace

import pytest

from routing.portal.identity import Departure, Return
from routing.portal.links import LinkToken
from routing.portal.packing import Contact, Contents, PortalRules
from routing.portal.parcels import Happening, ParcelState
from routing.portal.reply_box import open_reply, read_private_key
from routing.portal.sealing import Envelope, Person, unwrap
from routing.portal.web.file_types import disposition, extension_of, fit_name
from schemas.errors import Transient
from schemas.portal_settings import PortalBrand, PortalRates
from tests.rigs.clamd import EICAR, serve_clamd
from tests.rigs.pdfs import text_pdf
from tests.rigs.portal_sites import HOST, WIDE, Log, Visitor, site_of
from tests.rigs.portals import FILE_NAME, SECRET, SENDER, TITLE, PortalBench

XSS = '"><script>alert(1)</script><img src=x onerror=alert(2)>.pdf'


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.fixture
def visitor(bench) -> Visitor:
    return Visitor(bench, site_of(bench))


def kinds(bench: PortalBench) -> list[str]:
    return [event.kind.value for event in bench.store.parcels.events()]


# --- the ways in


def test_a_code_by_mail_leads_in_and_the_documents_are_what_was_sent(bench, visitor):
    letter = bench.consignment()
    bench.send(letter)
    path = visitor.enter(bench.token())
    assert TITLE in visitor.page.text and FILE_NAME in visitor.page.text
    for number, document in enumerate(letter.documents):
        shown = visitor.get(f"{path}/vis/{number}")
        fetched = visitor.get(f"{path}/hent/{number}")
        assert shown.content == fetched.content == bench.papers.read(letter, document)
        assert fetched.headers["content-disposition"].startswith("attachment; ")
        assert shown.headers["content-disposition"].startswith("inline; ")
    assert (
        "filename*=UTF-8''afg%C3%B8relse%20om%20orlov.pdf"
        in visitor.get(f"{path}/hent/0").headers["content-disposition"]
    )
    assert kinds(bench)[:5] == ["sealed", "notice_sent", "code_sent", "opened", "read"]


def test_an_agreed_secret_leads_in(bench, visitor):
    bench.send(bench.consignment(material="hemmelig"))
    visitor.get(f"/b/{bench.token()}")
    assert "Dit medarbejdernavn" in visitor.page.text
    assert visitor.submit("/bevis", answer="forkert ord").status_code == 403
    assert "Kodeordet passer ikke" in visitor.page.text
    assert visitor.submit("/bevis", answer=SECRET.upper()).status_code == 303
    assert TITLE in visitor.follow().text


def test_before_the_proof_a_page_tells_who_sent_it_and_nothing_of_the_letter(bench, visitor):
    letter = bench.consignment(material="begge")
    bench.send(letter)
    page = visitor.get(f"/b/{bench.token()}").text
    assert SENDER in page
    for secret in (TITLE, FILE_NAME, letter.recipient.number.digits, letter.recipient.name,
                   letter.recipient.email, letter.recipient.mobile, "begge"):  # fmt: skip
        assert secret not in page


def test_five_wrong_codes_lock_the_letter_until_an_hour_has_gone(bench, visitor):
    bench.send(bench.consignment())
    token = bench.token()
    code = visitor.ask_code(token)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(5):
        visitor.submit("/bevis", answer=wrong)
    assert "svaret forkert for mange gange" in visitor.page.text
    assert visitor.submit("/bevis", answer=code).status_code == 403
    visitor.get(f"/b/{token}")
    assert visitor.submit("/send").status_code == 403
    bench.clock.move(hours=1, seconds=1)
    visitor.enter(token)
    assert kinds(bench).count("locked") == 1


@pytest.mark.parametrize("typed", ["wrong", "old", "used", "other_browser", "never_asked"])
def test_wrong_old_used_strange_and_never_asked_for_codes_get_one_and_the_same_answer(bench, visitor, typed):
    bench.send(bench.consignment())
    token = bench.token()
    code = visitor.ask_code(token)
    answer = code
    if typed == "wrong":
        answer = f"{(int(code) + 1) % 10**6:06}"
    elif typed == "old":
        bench.clock.move(minutes=11)
    elif typed == "used":
        visitor.submit("/bevis", answer=code)
        visitor.get(f"/b/{token}/kode?m=mail_code")
    else:
        visitor = Visitor(bench, visitor.site)
        visitor.get(f"/b/{token}/kode?m=mail_code")
    page = visitor.submit("/bevis", answer=answer)
    assert page.status_code == 403
    assert "Koden passer ikke, eller den er for gammel." in page.text


class Provider:
    """A provider of identity as the core sees one; says yes to the right name."""

    name = "mitid"
    origins = ("https://login.example",)

    def __init__(self) -> None:
        self.down = False

    def possible(self, person: Person, data_class: str) -> bool:
        return bool(person.number)

    async def depart(self, person: Person, state: str, return_url: str, language: str) -> Departure:
        if self.down:
            raise Transient("http.unreachable")
        return Departure(f"https://login.example/?state={state}&back={return_url}&l={language}", b"nonce")

    async def judge(self, person: Person, back: Return) -> bool:
        return back.query["who"] == person.number and back.kept == b"nonce"


def state_in(address: str) -> str:
    (state,) = re.findall(r"state=([\w-]+)", address)
    return state


def test_a_provider_leads_in_once_for_the_browser_that_left_and_the_right_person(bench):
    letter = bench.consignment(material="mitid")
    bench.send(letter)
    token, provider = bench.token(), Provider()
    visitor = Visitor(bench, site_of(bench, methods={"mitid": provider}))
    page = visitor.get(f"/b/{token}")
    assert "form-action 'self' https://login.example;" in page.headers["content-security-policy"]
    assert visitor.submit("/videre").status_code == 303
    away = visitor.page.headers["location"]
    assert "&back=https://portal.example/retur/mitid&l=da" in away
    state = state_in(away)
    back = f"/retur/mitid?state={state}&who="
    stranger = Visitor(bench, visitor.site)
    stranger.get(f"/b/{token}")
    assert stranger.get(back + letter.recipient.number.digits).status_code == 403
    assert visitor.get(back + letter.recipient.number.digits).status_code == 303
    assert TITLE in visitor.follow().text
    assert visitor.get(back + letter.recipient.number.digits).status_code == 403
    visitor.get(f"/b/{token}")
    visitor.submit("/videre")
    state = state_in(visitor.page.headers["location"])
    assert visitor.get(f"/retur/mitid?state={state}&who=another").status_code == 403
    provider.down = True
    visitor.get(f"/b/{token}")
    assert visitor.submit("/videre").status_code == 503


def test_a_code_that_could_not_be_sent_is_told_and_opens_nothing(bench):
    bench.send(bench.consignment())
    token, log = bench.token(), Log()

    class Down:
        async def deliver(self, recipient, mail, message_id):
            raise Transient("smtp.451")

    bench.carries = Down()
    visitor = Visitor(bench, site_of(bench, log=log))
    visitor.get(f"/b/{token}")
    assert visitor.submit("/send").status_code == 503
    assert log.lines == [{"event": "portal.failed", "code": "smtp.451"}]


def test_a_mail_code_is_refused_for_other_classes_even_where_the_parcel_allows_it(bench, visitor):
    letter = bench.consignment()
    bench.rules["brev"] = PortalRules("cpr", bench.rules["begge"].portal)
    parcel, chunks = bench.channel().packer.pack(
        "portal-1", Contents(letter, (b"", b"")), Contact("a@b.example", "", SECRET), bench.clock(), b""
    )
    assert parcel.methods == ("shared_secret",)
    packer = bench.channel().packer
    parcel = replace(parcel, methods=("mail_code",))
    key = unwrap(packer._keys.current, packer.token(parcel).secret, parcel.id, parcel.wrapped_key)
    person = Person("cpr", "0101010101", "a@b.example")
    sealed = key.seal_envelope(Envelope("", "", (), person), parcel.terms)
    bench.store.parcels.add(replace(parcel, envelope=sealed), chunks)
    visitor.get(f"/b/{packer.token(parcel).text}")
    assert "<form" not in visitor.page.text
    assert "Kontakt" in visitor.page.text


# --- scanners, guesses, strangers


def test_nothing_is_consumed_by_get_head_or_a_scanners_posts(bench, visitor):
    parcel = bench.send(bench.consignment())
    token = bench.token()
    before = (kinds(bench), bench.store.parcels.by_id(parcel.id))
    for _ in range(20):
        for method in ("GET", "HEAD"):
            for path in ("", "/kode?m=mail_code", "/send", "/bevis", "/videre"):
                visitor.request(method, f"/b/{token}{path}")
        for path in ("/send", "/bevis", "/videre"):
            visitor.post(f"/b/{token}{path}", {"method": "mail_code", "answer": "123456"})
            visitor.get(f"/b/{token}/kode?m=mail_code")
        visitor.submit("/bevis", answer="")
        visitor.submit("/bevis", answer="test@example.com")
    assert (kinds(bench), bench.store.parcels.by_id(parcel.id)) == before
    Visitor(bench, visitor.site).enter(token)


def test_what_a_browser_fetches_ahead_or_by_head_is_not_read(bench, visitor):
    parcel = bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    assert visitor.get(f"{path}/vis/0", **{"sec-purpose": "prefetch"}).status_code == 503
    assert visitor.request("HEAD", f"{path}/hent/0").status_code == 200
    assert visitor.page.content == b""
    visitor.get(f"{path}/dok/0")
    assert bench.store.parcels.by_id(parcel.id).read_at is None
    visitor.get(f"{path}/vis/0")
    assert bench.store.parcels.by_id(parcel.id).read_at is not None


@pytest.mark.parametrize("sub", ["", "/kode?m=mail_code"])
def test_unknown_expired_revoked_erased_and_malformed_links_get_the_same_answer(bench, visitor, sub):
    tokens = {}
    for number, end in enumerate(("expired", "revoked", "erased"), start=1):
        parcel = bench.send(bench.consignment(number))
        tokens[end] = bench.token()
        if end != "expired":
            bench.store.parcels.end(parcel.id, ParcelState(end))
    bench.clock.move(days=31)
    tokens |= {"unknown": LinkToken(os.urandom(32)).text, "malformed": "abc"}
    answers = {
        (page.status_code, page.text, tuple(sorted(page.headers.items())))
        for token in tokens.values()
        for page in [Visitor(bench, visitor.site).get(f"/b/{token}{sub}")]
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404


def test_who_asks_too_often_waits_and_others_do_not(bench):
    bench.send(bench.consignment())
    rates = WIDE.model_copy(update={"misses": "5/minute", "codes_per_link": "2/hour"})
    log = Log()
    site = site_of(bench, rates=rates, log=log)
    guesser, visitor = Visitor(bench, site), Visitor(bench, site, "2001:db8::1")
    seen = [guesser.get(f"/b/{LinkToken(os.urandom(32)).text}").status_code for _ in range(8)]
    assert seen == [404] * 5 + [429] * 3
    assert guesser.page.headers["retry-after"] == "60"
    assert {line["event"] for line in log.lines} == {"portal.limited"}
    token = bench.token()
    visitor.ask_code(token)
    visitor.get(f"/b/{token}")
    assert visitor.submit("/send").status_code == 303
    visitor.get(f"/b/{token}")
    assert visitor.submit("/send").status_code == 429
    assert Visitor(bench, site, "2001:db8::ffff").get(f"/b/{token}").status_code == 200


def test_tries_from_one_address_are_counted_too(bench):
    bench.send(bench.consignment())
    site = site_of(bench, rates=PortalRates(tries_per_address="2/minute"))
    visitor = Visitor(bench, site)
    visitor.ask_code(bench.token())
    assert [visitor.submit("/bevis", answer="x").status_code for _ in range(2)] == [422, 422]
    assert visitor.submit("/bevis", answer="x").status_code == 429


# --- what a page is allowed


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(bench, visitor):
    bench.send(bench.consignment())
    token = bench.token()
    path = visitor.enter(token)
    for one in ("/", "/lukket", f"/b/{token}", path, f"{path}/dok/0", f"{path}/vis/0", f"{path}/svar",
                f"{path}/kvittering", "/b/abc", "/p/abc", "/nothing", "/portal.css"):  # fmt: skip
        headers = visitor.get(one).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "base-uri 'none'" in policy
        assert "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "") or "/vis/" in one
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-accel-buffering"] == "no"
        assert headers["strict-transport-security"].startswith("max-age=31536000")
        assert (
            headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        )
        assert headers["x-frame-options"] == ("SAMEORIGIN" if "/vis/" in one else "DENY")
        assert headers["cache-control"] == ("public, max-age=3600" if "css" in one else "no-store")
        assert "server" not in headers


def test_cookies_are_host_bound_and_out_of_reach(bench, visitor):
    bench.send(bench.consignment())
    visitor.get(f"/b/{bench.token()}?sprog=en")
    set_cookies = visitor.page.headers.get_list("set-cookie")
    visitor.ask_code(bench.token())
    from tests.rigs.portals import code_in

    visitor.submit("/bevis", answer=code_in(bench.mail()[-1]))
    set_cookies += visitor.page.headers.get_list("set-cookie")
    assert len(set_cookies) == 3
    for one in set_cookies:
        assert one.startswith("__Host-")
        for part in ("Secure", "HttpOnly", "Path=/", "SameSite=lax"):
            assert part in one
        assert "Domain" not in one


@pytest.mark.parametrize("action", ["/send", "/bevis"])
def test_a_form_without_its_mark_or_from_elsewhere_does_nothing(bench, visitor, action):
    bench.send(bench.consignment())
    token = bench.token()
    visitor.ask_code(token)
    n_mails = len(bench.mail())
    given = {"method": "mail_code", "answer": "123456"}
    assert visitor.post(f"/b/{token}{action}", given).status_code == 403
    assert visitor.post(f"/b/{token}{action}", given | {"mark": "0" * 32}).status_code == 403
    visitor.get(f"/b/{token}/kode?m=mail_code")
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert visitor.submit_with(action, headers, answer="123456").status_code == 403
    assert len(bench.mail()) == n_mails
    assert Happening.CODE_FAILED.value not in kinds(bench)


def test_signing_out_needs_the_mark_and_ends_the_session(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    assert visitor.post(f"{path}/luk", {"mark": "x"}).status_code == 403
    visitor.get(path)
    assert visitor.submit("/luk").headers["location"] == "/lukket"
    assert visitor.get(path).status_code == 403
    assert "ikke logget ind" in visitor.page.text


def test_a_new_proof_ends_the_former_visit_of_the_same_browser_and_no_other(bench, visitor):
    bench.send(bench.consignment())
    other = Visitor(bench, visitor.site)
    path = visitor.enter(bench.token())
    other.enter(bench.token())
    former = dict(visitor.client.cookies)
    visitor.enter(bench.token())
    assert visitor.get(path).status_code == other.get(path).status_code == 200
    thief = Visitor(bench, visitor.site)
    thief.client.cookies.update(former)
    assert thief.get(path).status_code == 403


def test_another_hosts_name_is_not_answered(bench, visitor):
    assert visitor.get("/", host="evil.example").status_code == 403
    assert visitor.get("/", host=HOST).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "POST"])
def test_other_methods_are_refused(visitor, method):
    assert visitor.request(method, "/").status_code in (403, 405)


def test_a_body_too_large_is_cut_off(bench, visitor):
    bench.send(bench.consignment())
    token = bench.token()
    visitor.get(f"/b/{token}")
    assert visitor.submit("/send", junk="x" * 70_000).status_code == 413


def test_a_title_and_a_file_name_are_only_ever_text(bench, visitor):
    letter = bench.consignment()
    evil = replace(letter.documents[0], name=XSS)
    bench.send(replace(letter, title=XSS, documents=(evil,)))
    path = visitor.enter(bench.token())
    for one in (path, f"{path}/dok/0", f"{path}/kvittering"):
        page = visitor.get(one).text
        assert "<script" not in page and "<img src=x" not in page
        assert "&lt;script&gt;" in page
    said = visitor.get(f"{path}/hent/0").headers["content-disposition"]
    assert "<" not in said and "\n" not in said and said.count('"') == 2


def test_the_brand_of_the_source_is_shown_with_its_own_colour_and_logo(bench, tmp_path):
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n")
    brands = bench.settings.brands | {"loen": PortalBrand(name="Løn A/S", colour="#7a1040", logo=logo)}
    settings = bench.settings.model_copy(update={"brands": brands})
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench, settings=settings))
    page = visitor.get(f"/b/{bench.token()}").text
    assert "Løn A/S" in page and '"/logo/loen"' in page
    assert "#7a1040" in visitor.get("/udseende/loen.css").text
    assert visitor.get("/logo/loen").headers["content-type"] == "image/png"
    assert visitor.get("/logo/default").status_code == visitor.get("/udseende/x.css").status_code == 404


@pytest.mark.parametrize(
    ("header", "language"),
    [("da-DK", "da"), ("en-GB,da;q=0.5", "en"), ("de", "en"), ("nb", "da"), ("", "da"), ("*;q=x", "en")],
)
def test_the_language_follows_the_browser_until_it_is_switched(bench, visitor, header, language):
    bench.send(bench.consignment())
    token = bench.token()
    page = visitor.get(f"/b/{token}", **{"accept-language": header})
    assert f'<html lang="{language}">' in page.text
    other = "en" if language == "da" else "da"
    visitor.get(f"/b/{token}?sprog={other}", **{"accept-language": header})
    assert f'<html lang="{other}">' in visitor.get("/", **{"accept-language": header}).text


def test_a_letter_without_replies_has_no_way_to_write_back(bench, visitor):
    bench.send(bench.consignment(material="uden_svar"))
    path = visitor.enter(bench.token())
    assert "/svar" not in visitor.page.text
    assert visitor.get(f"{path}/svar").status_code == 404


def test_a_revoked_letter_ends_the_visit_at_once(bench, visitor):
    parcel = bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    bench.store.parcels.end(parcel.id, ParcelState.REVOKED)
    assert visitor.get(f"{path}/hent/0").status_code == 403


def test_the_receipt_says_what_was_received_and_what_happened(bench, visitor):
    letter = bench.consignment()
    parcel = bench.send(letter)
    path = visitor.enter(bench.token())
    visitor.get(f"{path}/vis/0")
    page = visitor.get(f"{path}/kvittering").text
    assert letter.documents[0].sha256 in page and parcel.message_id in page
    assert "Dokument vist" in page and "25. november 2026 kl. 10:00" in page
    assert letter.recipient.number.digits not in page


def test_a_fault_of_ours_says_nothing_about_itself(bench):
    log = Log()
    visitor = Visitor(bench, site_of(bench, log=log))
    bench.store.database.close()
    (bench.folder / "portal.db").unlink()
    page = visitor.get(f"/b/{LinkToken(os.urandom(32)).text}")
    assert page.status_code in (500, 503)
    assert "Intet er tabt" in page.text
    assert "portal.db" not in page.text and "sqlite" not in page.text.lower()
    assert log.lines[0]["event"] == "portal.failed"


def test_the_small_pages_answer(visitor):
    assert visitor.get("/liv").text == "ok\n"
    assert "Disallow: /" in visitor.get("/robots.txt").text
    assert visitor.get("/favicon.ico").status_code == 204
    assert "Åbn linket" in visitor.get("/").text


# --- replies


def files(*given: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("files", (name, data, "application/octet-stream")) for name, data in given]


def office(*names: str, mimetype: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def write(visitor: Visitor, path: str, text: str = "Tak", *given: tuple[str, bytes]):
    visitor.get(f"{path}/svar")
    return visitor.submit("/svar", text=text, files=files(*given) or files(("", b"")))


def test_a_reply_reaches_the_source_alone_encrypted_and_is_confirmed_after_it_is_kept(bench, visitor):
    letter = bench.consignment()
    bench.send(letter)
    path = visitor.enter(bench.token())
    pdf = text_pdf([["svar"]])
    page = write(visitor, path, "Tak for brevet\r\næøå", ("../../mit svar.PDF", pdf), ("note", b"hej"))
    assert page.status_code == 303
    (kept,) = bench.store.replies.waiting()
    assert kept.id in visitor.follow().text
    assert b"Tak for" not in kept.sealed and b"%PDF" not in kept.sealed
    reply = open_reply(read_private_key(bench.reply_private), kept.sealed)
    assert (reply.text, reply.reference, reply.method) == (
        "Tak for brevet\næøå",
        letter.reference,
        "mail_code",
    )
    assert [(f.name, f.media_type, f.data) for f in reply.files] == [
        ("mit svar.pdf", "application/pdf", pdf),
        ("note.txt", "text/plain", b"hej"),
    ]
    assert kinds(bench)[-1] == "replied"


def test_the_same_form_sent_twice_is_one_reply_and_a_changed_one_is_two(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    visitor.get(f"{path}/svar")
    form = visitor.page
    for text in ("Tak", "Tak", "Nej tak"):
        visitor.page = form
        assert visitor.submit("/svar", text=text, files=files(("", b""))).status_code == 303
    assert bench.store.replies.n_waiting() == 2


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ([], 422, "Skriv en besked"),
        ([("a.pdf", b"%PDF-1.7")] * 6, 422, "flere end 5 bilag"),
        ([("a.pdf", b"%PDF-" + b"x" * 25_000_000)], 413, "fylder mere end"),
        ([("a.pdf", b"MZ\x90\x00program")], 422, "Bilag nummer 1"),
        ([("a.txt", b"<html><script>")], 422, "Bilag nummer 1"),
        ([("ok.txt", b"hej"), ("a.html", b"<p>hej")], 422, "Bilag nummer 2"),
        (
            [("a.docx", office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"))],
            422,
            "nummer 1",
        ),
        ([("a.zip", office("a.txt"))], 422, "Bilag nummer 1"),
        ([("empty.txt", b"")], 422, "Bilag nummer 1"),
    ],
    ids=["nothing", "six", "large", "program", "html as txt", "second", "macro", "zip", "empty"],
)
def test_what_may_not_be_sent_is_told_and_nothing_is_kept(bench, visitor, given, status, said):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    page = write(visitor, path, "" if not given else "Hej <b>", *given)
    assert page.status_code == status
    assert said in page.text
    if given:
        assert "Hej &lt;b&gt;</textarea>" in page.text  # what was written is not lost
    assert bench.store.replies.n_waiting() == 0


def test_a_text_too_long_is_told(bench, visitor):
    bench.send(bench.consignment())
    path = visitor.enter(bench.token())
    assert write(visitor, path, "x" * 20_001).status_code == 422
    assert "længere end 20000 tegn" in visitor.page.text


@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize(
    ("data", "status", "said"), [(b"hej", 303, ""), (EICAR, 422, "stoppet af virusscanneren")]
)
def test_attachments_are_scanned(bench, tmp_path, kind, data, status, said):
    bench.send(bench.consignment())
    with serve_clamd(kind, tmp_path) as (where, seen):
        settings = bench.settings.model_copy(update={"scanner": where})
        visitor = Visitor(bench, site_of(bench, settings=settings))
        path = visitor.enter(bench.token())
        page = write(visitor, path, "Hej", ("a.txt", data * 5000 if status == 303 else data))
    assert page.status_code == status
    assert said in page.text
    assert len(seen) == 1
    assert bench.store.replies.n_waiting() == (status == 303)


@pytest.mark.parametrize("fault", ["down", "silent", "garbage", "error", "hang_up"])
def test_a_scanner_that_gives_no_answer_is_never_a_yes(bench, tmp_path, fault):
    bench.send(bench.consignment())
    log = Log()
    with serve_clamd("tcp", tmp_path, fault=fault) as (where, _):
        change = {"scanner": where if fault != "down" else "tcp://127.0.0.1:1", "scanner_seconds": 0.3}
        settings = bench.settings.model_copy(update=change)
        visitor = Visitor(bench, site_of(bench, settings=settings, log=log))
        path = visitor.enter(bench.token())
        page = write(visitor, path, "Hej", ("a.txt", b"hej"))
    assert page.status_code == 503
    assert bench.store.replies.n_waiting() == 0
    assert log.lines[-1] == {"event": "portal.failed", "code": "portal.scanner_down"}


# --- file names and types


@pytest.mark.parametrize(
    ("data", "extension"),
    [
        (b"%PDF-1.7", "pdf"),
        (b"\x89PNG\r\n\x1a\n..", "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        ("æøå".encode(), "txt"),
        ("æøå".encode("cp1252"), "txt"),
        (office("[Content_Types].xml", "word/document.xml"), "docx"),
        (office("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        (office("content.xml", mimetype="application/vnd.oasis.opendocument.text"), "odt"),
        (office(*[f"f{n}" for n in range(2001)]), ""),
        (b"PK\x03\x04 not really", ""),
        (b"\x7fELF\x00", ""),
        (b"#!/bin/sh", ""),
        (b"", ""),
    ],
)
def test_a_file_is_what_its_content_says(data, extension):
    assert extension_of(data) == extension


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\temp\\a.pdf", "a.pdf"),
        ("a.exe", "a.exe.pdf"),
        ("", "bilag.pdf"),
        ("...", "bilag.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "a__Set-Cookie_ x.pdf"),
        ("fdp\u202eexe.pdf", "fdp_exe.pdf"),
        ("x" * 300, "x" * 100 + ".pdf"),
    ],
)
def test_a_name_is_made_fit(name, fits):
    assert fit_name(name, "pdf", "bilag") == fits
    assert disposition("attachment", fits).isascii()
