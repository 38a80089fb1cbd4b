"""MitID as a way into the portal: through the pages, to a broker by TLS, and back."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

from eboks.simulator import person
from routing.portal.broker import Broker
from routing.portal.mitid import MitId
from routing.portal.outward import Outward, read_token
from routing.portal.simulator import SimulatedBroker, SimulatedPerson
from schemas.consignments import Recipient
from schemas.errors import ConfigurationError, InDoubt, SendError, Transient
from schemas.identity import Cvr
from schemas.portal_proof_settings import PortalMitId
from tests.rigs.outsiders import CLIENT_ID, broker_of, listening, secret_file, sign_in
from tests.rigs.portal_sites import LOOP, Log, Visitor, site_of
from tests.rigs.portals import TITLE, Clock, PortalBench

RIGHT = person("valid").number
OTHER = person("same_name_1").number
COMPANY = Cvr.parse("25313763")
PERSONS = (
    SimulatedPerson("the right one", {"dk.cpr": RIGHT}, RIGHT),
    SimulatedPerson("another", {"dk.cpr": OTHER}, OTHER),
    SimulatedPerson("nobody's number", {}),
    SimulatedPerson("the company", {"dk.cpr": OTHER, "nemlogin.cvr": COMPANY.digits}, OTHER),
    SimulatedPerson("another company", {"dk.cpr": RIGHT, "nemlogin.cvr": "10150817"}, RIGHT),
)
RIGHT_ONE, ANOTHER, NUMBERLESS, FOR_COMPANY, FOR_ANOTHER_COMPANY = range(5)


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


class Way:
    """A visitor of a portal with a broker behind it."""

    def __init__(
        self, bench: PortalBench, settings: PortalMitId, broker: SimulatedBroker | None = None
    ) -> None:
        self.log = Log()
        self.ca = settings.ca
        self.broker = broker
        method = MitId(settings, bench.clock, simulated=True)
        self.site = site_of(bench, methods={"mitid": method}, log=self.log)
        self.visitor = Visitor(bench, self.site)
        self.token = bench.token()

    def leave(self) -> str:
        """Opens the link and goes to the broker; returns where to."""
        self.visitor.get(f"/b/{self.token}")
        answer = self.visitor.submit("/videre")
        return answer.headers["location"] if answer.status_code == 303 else ""

    def go(self, person: int | None = RIGHT_ONE):
        """Goes the whole way and returns the page after the return."""
        return self.visitor.get(sign_in(self.leave(), self.ca, person))

    @property
    def codes(self) -> list[object]:
        return [line.get("code") for line in self.log.lines]


@pytest.fixture
def way(bench, tmp_path):
    """A letter to a person, and a broker that tells the CPR number."""
    bench.send(bench.consignment(material="mitid"))
    with broker_of(tmp_path, PERSONS, bench.clock) as (broker, settings):
        yield Way(bench, settings, broker)


def wrongs(bench):
    return [event.kind.value for event in bench.store.parcels.events()].count("code_failed")


def test_the_right_person_gets_in(bench, way):
    answer = way.go()
    assert answer.status_code == 303
    assert TITLE in way.visitor.follow().text
    assert [e.detail for e in bench.store.parcels.events() if e.kind.value == "opened"] == ["mitid"]


def test_the_broker_is_told_nothing_of_the_letter_or_the_person(way):
    away = way.leave()
    asked = {name: value for name, (value,) in parse_qs(urlsplit(away).query).items()}
    assert asked.pop("redirect_uri") == "https://portal.example/retur/mitid"
    assert {len(asked.pop(name)) for name in ("state", "nonce", "code_challenge")} == {43}
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "scope": "openid",
        "code_challenge_method": "S256",
        "prompt": "login",
        "ui_locales": "da",
    }
    assert RIGHT not in away and way.token not in away
    page = way.visitor.get(f"/b/{way.token}")
    assert f"form-action 'self' {way.broker.issuer};" in page.headers["content-security-policy"]


def test_another_person_is_told_so_and_counted_and_five_lock_this_letter_alone(bench, way):
    other_token = (bench.send(bench.consignment(2, material="mitid")), bench.token())[1]
    for n_wrong in range(1, 6):
        answer = way.go(ANOTHER)
        assert answer.status_code == 403 and wrongs(bench) == n_wrong
        assert ("logget ind som en anden" if n_wrong < 5 else "svaret forkert for mange gange") in answer.text
        assert TITLE not in answer.text
    assert way.leave() == ""
    way.token = other_token
    assert way.go().status_code == 303


def test_a_login_counts_once_and_for_the_browser_that_left(bench, way):
    back = sign_in(way.leave(), way.ca)
    stranger = Visitor(bench, way.site)
    assert stranger.get(back).status_code == 403
    stranger.get(f"/b/{way.token}")
    assert stranger.get(back).status_code == 403
    assert way.visitor.get(back.replace("state=", "state=x")).status_code == 403
    assert way.visitor.get(back).status_code == 303
    assert way.visitor.get(back).status_code == 403


def test_a_login_is_void_after_ten_minutes(bench, way):
    back = sign_in(way.leave(), way.ca)
    bench.clock.move(minutes=10, seconds=1)
    assert way.visitor.get(back).status_code == 403


def test_two_departures_do_not_mix(way):
    """A code of one login, brought back under the state of another, does not fit its PKCE verifier."""
    first, second = way.leave(), way.leave()
    codes, states = (
        [parse_qs(urlsplit(sign_in(away, way.ca)).query)[name][0] for away in (first, second)]
        for name in ("code", "state")
    )
    answer = way.visitor.get(f"/retur/mitid?code={codes[0]}&state={states[1]}&iss={way.broker.issuer}")
    assert (answer.status_code, way.codes) == (503, ["portal.login_refused"])


def test_who_stops_may_try_again_and_is_not_counted(bench, way):
    answer = way.go(None)
    assert answer.status_code == 403 and "Du loggede ikke ind" in answer.text
    assert (wrongs(bench), way.codes) == (0, ["portal.login_cancelled"])
    assert way.go().status_code == 303


@pytest.mark.parametrize(
    "twist",
    [
        lambda head, claims: claims.update(nonce="another"),
        lambda head, claims: claims.pop("nonce"),
        lambda head, claims: claims.update(exp=claims["iat"] - 61),
        lambda head, claims: claims.update(aud="another"),
        lambda head, claims: claims.update(azp="another"),
        lambda head, claims: claims.update(iss="https://another.example"),
        lambda head, claims: claims.update(iat=claims["iat"] - 3600),
        lambda head, claims: claims.update(auth_time=claims["iat"] - 3600),
        lambda head, claims: head.update(kid="another"),
    ],
)
def test_a_token_that_does_not_hold_opens_nothing(bench, way, twist):
    way.broker.twist = twist
    answer = way.go()
    assert (answer.status_code, way.codes, wrongs(bench)) == (503, ["portal.id_token_unfit"], 0)
    assert TITLE not in answer.text and "kunne ikke få svar" in answer.text
    way.broker.twist = None
    assert way.go().status_code == 303


def test_a_login_of_too_low_a_level_is_told_and_not_counted(bench, way):
    way.broker.level = "low"
    answer = way.go()
    assert answer.status_code == 403 and "ikke på det niveau" in answer.text
    assert (way.codes, wrongs(bench)) == (["portal.login_too_weak"], 0)


def test_who_has_no_number_is_not_let_in_and_the_operator_hears_why(bench, way):
    assert way.go(NUMBERLESS).status_code == 503
    assert (way.codes, wrongs(bench)) == (["portal.no_number_told"], 0)


def test_new_keys_of_the_broker_are_fetched_at_most_once_a_minute(bench, way):
    assert way.go().status_code == 303
    way.broker.rotate()
    assert way.go().status_code == 503
    bench.clock.move(seconds=61)
    assert way.go().status_code == 303
    way.broker.rotate()
    bench.clock.move(seconds=3601)
    assert way.go().status_code == 303


@pytest.mark.parametrize("named", ["", "https://another.example"])
def test_an_answer_of_another_broker_is_refused(way, named):
    back = urlsplit(sign_in(way.leave(), way.ca))
    query = {name: value for name, (value,) in parse_qs(back.query).items()}
    query |= {"iss": named}
    if not named:
        del query["iss"]
    assert way.visitor.get(f"{back.path}?{urlencode(query)}").status_code == 503
    assert way.codes == ["portal.login_refused"]


def test_what_the_broker_says_is_in_no_log_and_no_table(bench, way):
    way.go(ANOTHER)
    way.go()
    kept = b"".join(path.read_bytes() for path in bench.folder.glob("portal.db*"))
    for number in (RIGHT, OTHER):
        assert number not in repr(way.log.lines) and number.encode() not in kept


# --- companies


@pytest.mark.parametrize(
    ("who", "status"),
    [(FOR_COMPANY, 303), (FOR_ANOTHER_COMPANY, 403), (RIGHT_ONE, 403), (NUMBERLESS, 403)],
)
def test_a_company_is_known_by_its_cvr_number(bench, tmp_path, who, status):
    bench.send(bench.consignment(material="mitid", recipient=Recipient(COMPANY, "Firma", "a@post.example")))
    with broker_of(tmp_path, PERSONS, bench.clock) as (_, settings):
        assert Way(bench, settings).go(who).status_code == status
    assert wrongs(bench) == (status == 403)


# --- a private provider may only ask


@pytest.fixture
def asking(bench, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    persons = tuple(replace(one, claims={}) for one in PERSONS)
    with broker_of(tmp_path, persons, bench.clock, match="broker") as (broker, settings):
        yield Way(bench, settings, broker)


@pytest.mark.parametrize(
    ("who", "status"), [(FOR_COMPANY, 303), (FOR_ANOTHER_COMPANY, 403), (RIGHT_ONE, 403)]
)
def test_a_company_is_known_by_its_cvr_number_also_where_the_broker_matches_persons(
    bench, tmp_path, who, status
):
    bench.send(bench.consignment(material="mitid", recipient=Recipient(COMPANY, "Firma", "a@post.example")))
    with broker_of(tmp_path, PERSONS, bench.clock, match="broker") as (broker, settings):
        assert Way(bench, settings, broker).go(who).status_code == status
    assert (wrongs(bench), broker.n_matches) == (status == 403, 0)  # no number of ours was put to it


def test_the_broker_says_whether_the_number_fits_and_tells_none(bench, asking):
    assert asking.go(ANOTHER).status_code == 403
    assert (wrongs(bench), asking.broker.n_matches) == (1, 1)
    assert asking.go().status_code == 303
    assert asking.broker.n_matches == 2


def test_a_broker_in_trouble_is_asked_three_times_in_a_login_and_no_more(bench, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    n_calls = 0

    async def broken(request: web.Request) -> web.Response:
        nonlocal n_calls
        n_calls += 1
        return web.Response(status=503)

    app = web.Application()
    app.router.add_post("/match", broken)
    with listening(app) as url, broker_of(tmp_path, PERSONS, bench.clock, match="broker") as (_, settings):
        way = Way(bench, settings.model_copy(update={"match_url": f"{url}/match"}))
        assert way.go().status_code == 503
    assert (n_calls, way.codes, wrongs(bench)) == (3, ["portal.broker_busy"], 0)


# --- how we are known to the broker


def test_the_client_s_secret_goes_in_the_form_where_the_broker_wants_it(bench, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    with broker_of(tmp_path, PERSONS, bench.clock, secret_in="form") as (_, settings):
        assert Way(bench, settings).go().status_code == 303


def test_a_wrong_secret_is_the_operators_matter(bench, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    wrong = secret_file(tmp_path, "wrong.secret", "another")
    with broker_of(tmp_path, PERSONS, bench.clock, client_secret=wrong) as (_, settings):
        way = Way(bench, settings)
        assert way.go().status_code == 503
    assert way.codes == ["portal.broker_refused_us"]


def test_a_signed_word_takes_the_place_of_a_secret(bench, tmp_path, monkeypatch):
    bench.send(bench.consignment(material="mitid"))
    key = ECKey.generate_key("P-256")
    pem = tmp_path / "client.pem"
    pem.touch(0o600)
    pem.write_bytes(key.as_pem(private=True))
    seen = []

    def knows(self, authorization, form):
        seen.append(jwt.decode(form["client_assertion"], key, algorithms=["ES256"]).claims["aud"])
        return "client_secret" not in form and not authorization

    monkeypatch.setattr("routing.portal.simulator.broker.SimulatedBroker._knows", knows)
    change = {"client_secret": None, "client_key": pem}
    with broker_of(tmp_path, PERSONS, bench.clock, **change) as (broker, settings):
        assert Way(bench, settings).go().status_code == 303
    assert seen == [f"{broker.issuer}/token"]


@pytest.mark.parametrize("userinfo", [True, False])
def test_claims_come_from_userinfo_where_the_settings_say_so(bench, tmp_path, userinfo):
    bench.send(bench.consignment(material="mitid"))
    with broker_of(tmp_path, PERSONS, bench.clock, userinfo=userinfo) as (broker, settings):
        broker.twist = lambda head, claims: claims.pop("dk.cpr")
        assert Way(bench, settings).go().status_code == (303 if userinfo else 503)


def test_userinfo_about_another_is_refused(bench, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    with broker_of(tmp_path, PERSONS, bench.clock, userinfo=True) as (broker, settings):
        broker.twist = lambda head, claims: claims.update(sub="another")
        way = Way(bench, settings)
        assert way.go().status_code == 503
    assert way.codes == ["portal.id_token_unfit"]


# --- the wire


def test_a_broker_whose_certificate_does_not_hold_is_not_spoken_to(bench, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    with broker_of(tmp_path, PERSONS, bench.clock, ca=None) as (_, settings):
        way = Way(bench, settings)
        assert way.leave() == ""
    assert way.codes == ["portal.outward_certificate"]


def test_a_broker_that_is_down_is_told(bench, way):
    settings = PortalMitId(
        issuer="https://127.0.0.1:1", client_id="x", client_secret=bench.folder / "x", levels=("a",)
    )
    gone = Way(bench, settings)
    assert gone.leave() == ""
    assert "kunne ikke få svar" in gone.visitor.page.text
    assert gone.codes == ["portal.outward_unreachable"]


@pytest.mark.parametrize(
    ("issuer", "simulated", "fits"),
    [
        ("http://127.0.0.1:8000", True, True),
        ("http://localhost:8000", True, True),
        ("http://127.0.0.1:8000", False, False),
        ("https://broker.example", False, True),
        ("https://broker.example/tenant", True, True),
    ],
)
def test_a_live_house_speaks_tls_alone(tmp_path, issuer, simulated, fits):
    settings = PortalMitId(issuer=issuer, client_id="x", client_secret=tmp_path / "x", levels=("a",))
    if fits:
        MitId(settings, Clock(), simulated=simulated)
        return
    with pytest.raises(ConfigurationError, match=r"^portal.outward_address$"):
        MitId(settings, Clock(), simulated=simulated)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": "https://another.example"}, "issuer"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"jwks_uri": 7}, "jwks_uri"),
        ({"code_challenge_methods_supported": ["plain"]}, "code_challenge_methods_supported"),
        ({"authorization_endpoint": "https://elsewhere.example/a"}, "form_origins"),
        ({"token_endpoint": "http://evil.example/token"}, None),
        ({"token_endpoint": "https://user@broker.example/token"}, None),
        ({"jwks_uri": "file:///etc/passwd"}, None),
    ],
)
def test_what_a_broker_says_of_itself_is_judged(tmp_path, change, reason):
    settings = PortalMitId(
        issuer="https://broker.example", client_id="x", client_secret=tmp_path / "x", levels=("a",)
    )
    said = {
        "issuer": "https://broker.example",
        "authorization_endpoint": "https://broker.example/a",
        "token_endpoint": "https://broker.example/t",
        "jwks_uri": "https://broker.example/k",
    }
    broker = Broker(settings, Outward("https", None, 1), Clock())
    assert broker._judged(said).token == "https://broker.example/t"
    with pytest.raises(ConfigurationError) as fault:
        broker._judged(said | change)
    wanted = ("portal.broker_unfit", reason) if reason else ("portal.outward_address", None)
    assert (fault.value.code, fault.value.params.get("reason")) == wanted


@pytest.mark.parametrize("kind", ["large", "slow", "gzip", "redirect", "list", "drop"])
def test_an_answer_that_is_too_much_or_too_strange_ends_the_call(tmp_path, kind):
    async def answer(request: web.Request) -> web.StreamResponse:
        match kind:
            case "large":
                return web.Response(body=b" " * 300_000 + b"{}")
            case "slow":
                await asyncio.sleep(30)
            case "gzip":
                return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})
            case "redirect":
                return web.Response(status=302, headers={"Location": "/x"})
            case "list":
                return web.Response(body=b"[" * 100_000)
        request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_get("/x", answer)
    with listening(app) as url:
        outward = Outward("https_or_loopback", None, 2.0 if kind == "slow" else 60.0)
        if kind == "redirect":
            assert LOOP.run_until_complete(outward.get(f"{url}/x")).status == 302
            return
        with pytest.raises(SendError) as fault:
            LOOP.run_until_complete(outward.get(f"{url}/x")).json()
    wanted = (InDoubt, "portal.outward_no_answer") if kind in ("slow", "drop") else (
        Transient, "portal.outward_unreadable")  # fmt: skip
    assert (type(fault.value), fault.value.code) == wanted


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (b"secret\n", 0o644, "portal.secret_open_to_others"),
        (b" \n", 0o600, "portal.secret_unfit"),
        (b"two\nlines", 0o600, "portal.secret_unfit"),
        (b"x" * 20_000, 0o600, "portal.secret_unfit"),
        (None, 0o600, "portal.secret_missing"),
    ],
)
def test_a_secret_is_one_line_for_its_owner_alone(tmp_path, content, mode, code):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
        os.chmod(path, mode)
    with pytest.raises(ConfigurationError) as fault:
        read_token(path)
    assert fault.value.code == code
