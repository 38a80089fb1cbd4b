"""A real browser goes in by MitID and by SMS: to a broker on another origin and back, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from eboks.simulator import person
from routing.portal.keys import read_key
from routing.portal.mitid import MitId
from routing.portal.proofs_by_others import proofs_by_others
from routing.portal.simulator import SimulatedBroker, SimulatedPerson
from routing.portal.wording import wording
from schemas.portal_proof_settings import PortalMitId
from tests.rigs.outsiders import CLIENT_ID, SECRET, gateway_of, listening, secret_file
from tests.rigs.portal_sites import served
from tests.rigs.portal_walks import walk_of, wrong_old_right
from tests.rigs.portals import TITLE, PortalBench

RIGHT, OTHER = person("valid").number, person("same_name_1").number


@pytest.fixture
def bench(tmp_path) -> Iterator[PortalBench]:
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.mark.parametrize("language", ["da", "en"])
def test_a_person_goes_to_mitid_and_comes_back(browser: Browser, bench, tmp_path, language):
    t = wording(language)
    persons = tuple(
        SimulatedPerson(name, {"dk.cpr": number}) for name, number in (("A", RIGHT), ("B", OTHER))
    )
    broker = SimulatedBroker(CLIENT_ID, SECRET, persons, now=bench.clock)
    with listening(broker.app()) as at:
        broker.issuer = at.replace("127.0.0.1", "localhost")
        settings = PortalMitId(
            issuer=broker.issuer,
            client_id=CLIENT_ID,
            client_secret=secret_file(tmp_path, "secret", SECRET),
            levels=("substantial",),
        )
        with served(bench, methods={"mitid": MitId(settings, bench.clock, simulated=True)}) as url:
            bench.send(bench.consignment(material="mitid"))
            walk, answer = walk_of(browser, "mitid", language), ""
            stranger = walk_of(browser, "mitid-anden", language)
            for who, kind in ((None, "login_stopped"), (1, "wrong_person"), (0, "")):
                walk.page.goto(f"{url}/b/{bench.token()}")
                walk.look("link")
                walk.button(t("mitid_do"))
                walk.page.wait_for_url(f"{broker.issuer}/authorize?*")
                walk.page.get_by_role("button").nth(len(persons) if who is None else who).click()
                walk.page.wait_for_url(f"{url}/**")
                if kind:
                    assert walk.alert() == t(kind)
                    walk.look(kind)
                    answer = walk.page.url
            assert walk.heading() == TITLE
            for again in (walk, stranger):  # an answer counts once, and for the browser that left
                again.page.goto(answer)
                assert again.heading() == t("ended_heading")
            stranger.done(url)
            walk.requested = [one for one in walk.requested if not one.startswith(broker.issuer)]
            walk.done(url)


@pytest.mark.parametrize("language", ["da", "en"])
def test_a_person_types_a_code_from_the_telephone(browser: Browser, bench, tmp_path, language):
    t = wording(language)
    with gateway_of(tmp_path) as gateway:
        channel = bench.settings.model_copy(update={"sms": gateway.settings})
        methods = proofs_by_others(channel, bench.store, read_key(channel.key), simulated=True)
        with served(bench, methods=methods) as url:
            bench.send(bench.consignment(material="mitid"))
            walk = walk_of(browser, "sms", language)
            walk.page.goto(f"{url}/b/{bench.token()}")
            walk.look("link")
            walk.button(t("sms_do"))
            walk.page.get_by_text(t("code_shown", shown="56")).wait_for()
            walk.look("code")
            wrong_old_right(walk, t, bench.clock, lambda: gateway.gateway.taken[-1].text[:6])
            assert walk.heading() == TITLE
            walk.done(url)
