"""Codes by SMS as a way into the portal: through the pages, to a gateway by TLS; what the message says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from routing.portal.identity import CodeErrand
from routing.portal.keys import read_key
from routing.portal.proofs_by_others import proofs_by_others
from routing.portal.rations import DailyRation
from routing.portal.sealing import Person
from routing.portal.simulator.gateway import TakenSms
from routing.portal.sms_code import SmsCode
from schemas.errors import ConfigurationError, Transient, Unreachable
from schemas.portal_proof_settings import PortalMitId, PortalSms
from schemas.portal_settings import PortalBrand
from tests.rigs.outsiders import TOKEN, GatewayBench, gateway_of, listening, secret_file
from tests.rigs.portal_sites import LOOP, WIDE, Log, Visitor, site_of
from tests.rigs.portals import SENDER, TITLE, PortalBench

PERSON = Person("cpr", "", "", "20 12 34 56")


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.fixture
def gateway(tmp_path):
    with gateway_of(tmp_path, timeout_seconds=4.0) as made:
        yield made


def method_of(bench: PortalBench, settings: PortalSms, *, simulated: bool = True) -> SmsCode:
    """Returns the method as the portal's process would build it."""
    channel = bench.settings.model_copy(update={"sms": settings})
    made = proofs_by_others(channel, bench.store, read_key(channel.key), simulated=simulated)
    assert set(made) == {"sms"} and isinstance(made["sms"], SmsCode)
    return made["sms"]


def visit(bench: PortalBench, gateway: GatewayBench, log: Log | None = None) -> Visitor:
    """Sends a letter and returns who opens its link."""
    bench.send(bench.consignment(material="mitid"))
    methods = {"sms": method_of(bench, gateway.settings)}
    visitor = Visitor(bench, site_of(bench, methods=methods, log=log))
    visitor.get(f"/b/{bench.token()}")
    return visitor


def code_in(sms: TakenSms) -> str:
    return sms.text[:6]


def errand(source="loen", language="da", code="123456"):
    return CodeErrand(code, language, source, "errand-1", 10)


def test_a_code_by_sms_leads_in(bench, gateway):
    visitor = visit(bench, gateway)
    assert visitor.submit("/send").status_code == 303
    page = visitor.follow()
    assert "ender på 56." in page.text and "20123456" not in page.text
    (sms,) = gateway.gateway.taken
    assert visitor.submit("/bevis", answer=code_in(sms)).status_code == 303
    assert TITLE in visitor.follow().text
    happened = [(e.kind.value, e.detail) for e in bench.store.parcels.events()]
    assert ("code_sent", "sms") in happened and ("opened", "sms") in happened


def test_the_message_says_who_sent_it_and_nothing_of_the_matter(bench, gateway):
    letter = bench.consignment()
    visit(bench, gateway).submit("/send")
    (sms,) = gateway.gateway.taken
    code = code_in(sms)
    assert sms.text == (
        f"{code} er din kode til sikker post fra {SENDER}. Den virker i 10 minutter, hvor du bad om den. "
        f"Giv den aldrig videre.\n\n@portal.example #{code}"
    )
    assert (sms.msisdn, sms.sender, sms.encoding, sms.seconds) == ("4520123456", "Eksempel", "UTF8", 600)
    assert re.fullmatch(r"[0-9a-f]{16}", sms.userref)
    for secret in (letter.title, letter.recipient.number.digits, letter.recipient.name, bench.token()):
        assert secret not in sms.text


def test_an_english_page_gets_an_english_message(bench, gateway):
    visitor = visit(bench, gateway)
    visitor.get(f"/b/{bench.token()}?sprog=en")
    visitor.submit("/send")
    assert "is your code for secure mail from" in gateway.gateway.taken[0].text


@pytest.mark.parametrize(("name", "encoding"), [("Ærø Kommune", "UTF8"), ("Hôpital d’Été", "UCS2")])
def test_signs_that_plain_sms_does_not_carry_are_sent_as_ucs2(bench, gateway, name, encoding):
    brands = {"default": PortalBrand(name=name)}
    bench.settings = bench.settings.model_copy(update={"brands": brands})
    LOOP.run_until_complete(method_of(bench, gateway.settings).carry(PERSON, errand()))
    (sms,) = gateway.gateway.taken
    assert name in sms.text and sms.encoding == encoding


@pytest.mark.parametrize("mobile", ["", "nej tak", "12", "+45 1234 5678"])
def test_a_number_that_can_not_be_one_is_no_way_in(bench, gateway, mobile):
    method = method_of(bench, gateway.settings)
    person = replace(PERSON, mobile=mobile)
    assert not method.possible(person, "confidential") and method.shown(person) == ""
    with pytest.raises(Unreachable, match=r"^portal.sms_number$"):
        LOOP.run_until_complete(method.carry(person, errand()))
    assert gateway.n_calls == 0


def test_five_wrong_codes_lock_the_letter_and_a_code_is_its_browsers_own(bench, gateway):
    visitor = visit(bench, gateway)
    visitor.submit("/send")
    visitor.follow()
    code = code_in(gateway.gateway.taken[0])
    stranger = Visitor(bench, visitor.site)
    stranger.get(f"/b/{bench.token()}/kode?m=sms")
    assert stranger.submit("/bevis", answer=code).status_code == 403
    for _ in range(5):
        visitor.submit("/bevis", answer=f"{(int(code) + 1) % 10**6:06}")
    assert "svaret forkert for mange gange" in visitor.page.text
    assert visitor.submit("/bevis", answer=code).status_code == 403


def test_a_code_is_old_after_ten_minutes(bench, gateway):
    visitor = visit(bench, gateway)
    visitor.submit("/send")
    visitor.follow()
    bench.clock.move(minutes=10, seconds=1)
    assert visitor.submit("/bevis", answer=code_in(gateway.gateway.taken[0])).status_code == 403


# --- when the gateway is not well


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, ConfigurationError, "portal.sms_refused_us"),
        (403, ConfigurationError, "portal.sms_refused_us"),
        (422, Unreachable, "portal.sms_refused"),
        (429, Transient, "portal.sms_busy"),
        (500, Transient, "portal.sms_busy"),
        (302, Unreachable, "portal.sms_refused"),
    ],
)
def test_a_refusal_is_told_and_not_tried_again(bench, gateway, status, kind, code):
    gateway.faults = [status]
    with pytest.raises(kind, match=code):
        LOOP.run_until_complete(method_of(bench, gateway.settings).carry(PERSON, errand()))
    assert (gateway.n_calls, gateway.gateway.taken) == (1, [])


@pytest.mark.parametrize("fault", ["hang", "drop"])
def test_no_answer_is_no_second_message_and_the_code_that_came_leads_in(bench, gateway, fault):
    log = Log()
    visitor = visit(bench, gateway, log)
    gateway.faults = [fault]
    assert visitor.submit("/send").status_code == 303
    visitor.follow()
    assert log.lines == [{"event": "portal.failed", "code": "portal.outward_no_answer"}]
    (sms,) = gateway.gateway.taken
    assert visitor.submit("/bevis", answer=code_in(sms)).status_code == 303


def test_a_message_that_was_taken_is_taken_whatever_else_the_answer_says(bench, gateway):
    gateway.faults = ["nonsense"]
    LOOP.run_until_complete(method_of(bench, gateway.settings).carry(PERSON, errand()))
    assert (gateway.n_calls, len(gateway.gateway.taken)) == (1, 1)


def test_a_gateway_that_is_down_sends_nothing_and_the_page_says_so(bench, gateway):
    log = Log()
    down = gateway.settings.model_copy(update={"url": "https://127.0.0.1:1/rest/mtsms"})
    gateway.settings = down
    visitor = visit(bench, gateway, log)
    answer = visitor.submit("/send")
    assert answer.status_code == 503 and "kunne ikke sendes" in answer.text
    assert log.lines == [{"event": "portal.failed", "code": "portal.outward_unreachable"}]


def test_a_call_that_never_left_is_made_once_more(bench, gateway, monkeypatch):
    """The first connection is refused, as by a gateway that restarts; the second is taken."""
    method = method_of(bench, gateway.settings)
    real, calls = method._outward.call, []

    async def once_down(*given):
        calls.append(given)
        if len(calls) == 1:
            raise Transient("portal.outward_unreachable", reached=False)
        return await real(*given)

    monkeypatch.setattr(method._outward, "call", once_down)
    LOOP.run_until_complete(method.carry(PERSON, errand()))
    assert (len(calls), len(gateway.gateway.taken)) == (2, 1)


def test_a_days_messages_are_counted_by_number_and_in_all(bench, gateway):
    settings = gateway.settings.model_copy(update={"per_day": 3, "per_number_per_day": 2})
    methods = [method_of(bench, settings) for _ in range(2)]  # two portals of one database
    other = replace(PERSON, mobile="+4520999999")

    def send(person, n):
        LOOP.run_until_complete(methods[n % 2].carry(person, errand()))

    send(PERSON, 0)
    send(PERSON, 1)
    with pytest.raises(Transient, match=r"^portal.sms_ration$"):
        send(PERSON, 2)
    send(other, 3)
    with pytest.raises(Transient, match=r"^portal.sms_ration$"):
        send(replace(PERSON, mobile="+4520888888"), 4)
    assert gateway.n_calls == 3
    bench.clock.move(hours=24, seconds=1)
    send(PERSON, 5)
    kept = b"".join(path.read_bytes() for path in bench.folder.glob("portal.db*"))
    assert b"20123456" not in kept


def test_a_ration_is_taken_by_each_its_own(bench):
    ration = DailyRation(bench.store.database, read_key(bench.settings.key), bench.clock)
    assert [ration.take("a", b"x", 1), ration.take("a", b"x", 1), ration.take("a", b"y", 1)] == [1, 0, 1]
    assert ration.take("b", b"x", 1)


def test_a_page_asks_for_no_more_codes_than_the_rates_allow(bench, gateway):
    bench.send(bench.consignment(material="mitid"))
    rates = WIDE.model_copy(update={"codes_per_link": "2/hour"})
    site = site_of(bench, methods={"sms": method_of(bench, gateway.settings)}, rates=rates)
    visitor = Visitor(bench, site)
    statuses = []
    for _ in range(3):
        visitor.get(f"/b/{bench.token()}")
        statuses.append(visitor.submit("/send").status_code)
    assert statuses == [303, 303, 429] and gateway.n_calls == 2


# --- where it may go


def test_a_simulated_house_sends_nothing_off_this_machine_and_a_live_one_nothing_in_the_clear(bench, gateway):
    real = gateway.settings.model_copy(update={"url": "https://gatewayapi.eu/rest/mtsms"})
    plain = gateway.settings.model_copy(update={"url": "http://127.0.0.1:8000/rest/mtsms"})
    method_of(bench, real, simulated=False)
    method_of(bench, plain, simulated=True)
    for settings, simulated in ((real, True), (plain, False)):
        with pytest.raises(ConfigurationError, match=r"^portal.outward_address$"):
            method_of(bench, settings, simulated=simulated)


def test_a_gateway_whose_certificate_does_not_hold_gets_no_number(bench, gateway):
    method = method_of(bench, gateway.settings.model_copy(update={"ca": None}))
    with pytest.raises(ConfigurationError, match=r"^portal.outward_certificate$"):
        LOOP.run_until_complete(method.carry(PERSON, errand()))
    assert gateway.n_calls == 0


def test_a_wrong_token_is_the_operators_matter(bench, gateway, tmp_path):
    wrong = secret_file(tmp_path, "wrong.token", "another")
    method = method_of(bench, gateway.settings.model_copy(update={"token": wrong}))
    with pytest.raises(ConfigurationError, match=r"^portal.sms_refused_us$"):
        LOOP.run_until_complete(method.carry(PERSON, errand()))


def test_a_secret_that_can_not_be_read_is_told_at_the_start(bench, gateway, tmp_path):
    key = read_key(bench.settings.key)
    gone = gateway.settings.model_copy(update={"token": tmp_path / "gone"})
    mitid = PortalMitId(
        issuer="https://a.example", client_id="x", client_secret=tmp_path / "x", levels=("a",)
    )
    for change in ({"sms": gone}, {"mitid": mitid}):
        channel = bench.settings.model_copy(update=change)
        with pytest.raises(ConfigurationError, match=r"^portal.secret_missing"):
            proofs_by_others(channel, bench.store, key, simulated=True)


def test_the_messages_are_shown_on_the_simulators_own_page(bench, gateway):
    LOOP.run_until_complete(method_of(bench, gateway.settings).carry(PERSON, errand()))
    page = LOOP.run_until_complete(
        method_of(bench, gateway.settings)._outward.get(gateway.settings.url.removesuffix("/rest/mtsms"))
    )
    assert "Øvelse: intet på denne side er rigtigt." in page.body.decode() and b"123456" in page.body


# --- any other gateway


@pytest.mark.parametrize("body", ["json", "form"])
def test_any_gateway_is_filled_in_from_a_template(bench, tmp_path, body):
    seen: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        given = await request.json() if body == "json" else dict(await request.post())
        seen.append((str(request.rel_url), request.headers["X-Key"], given))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/send", take)
    fields = {"to": "{mobile}", "msg": "{text}", "ref": "{id}", "n": "{number}"}
    with listening(app) as url:
        settings = PortalSms(
            gateway="template",
            url=f"{url}/send?from={{sender}}",
            token=secret_file(tmp_path, "token", TOKEN),
            sender="A & B",
            headers={"X-Key": "key {token}"},
            fields=fields | ({"deep": {"list": ["{sender}", 7, True, None]}} if body == "json" else {}),
            body=body,
        )
        LOOP.run_until_complete(method_of(bench, settings).carry(PERSON, errand()))
    ((path, key, given),) = seen
    assert (path, key) == ("/send?from=A%20%26%20B", f"key {TOKEN}")
    assert given.pop("msg").startswith("123456 er din kode")
    wanted = {"to": "+4520123456", "ref": "errand-1", "n": "4520123456"}
    assert given == wanted | ({"deep": {"list": ["A & B", 7, True, None]}} if body == "json" else {})


@pytest.mark.parametrize(
    "change",
    [
        {"sender": "TwelveLetter"},
        {"sender": "Æble"},
        {"sender": ""},
        {"url": "http://gateway.example/"},
        {"fields": {"a": "{text}"}},
        {"gateway": "template"},
        {"gateway": "template", "fields": {"a": "{text}"}},
        {"gateway": "template", "fields": {"a": "{text} {mobile} {cpr}"}},
        {"gateway": "template", "fields": {"a": "{text} {mobile.__class__}"}},
        {"gateway": "template", "fields": {"a": "{text!r} {mobile}"}},
        {"gateway": "template", "fields": {"a": "{text} {mobile} {"}},
        {"gateway": "template", "fields": {"a": "{text} {mobile} {}"}},
        {"gateway": "template", "fields": {"a": ["{text} {mobile}"]}, "body": "form"},
        {"gateway": "template", "fields": {"a": "{text}"}, "url": "https://g.example/{mobile}"},
        {"gateway": "template", "fields": {"a": "{text} {mobile}"}, "headers": {"A b": "x"}},
        {"gateway": "template", "fields": {"a": "{text} {mobile}"}, "headers": {"A": "x\r\nB: y"}},
    ],
)
def test_settings_that_can_not_work_are_refused(tmp_path, change):
    given = {"token": tmp_path / "t", "sender": "Eksempel"}
    PortalSms.model_validate(given)
    with pytest.raises(ValidationError) as fault:
        PortalSms.model_validate(given | change)
    assert json.loads(fault.value.json(include_input=False, include_url=False))
