"""A verdict on a domain: every address of every exchanger counts, and each is looked at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from routing.mail.memory import Kept
from schemas.errors import Transient
from tests.rigs.mail_world import DOMAIN, SENDER, MailWorld, mail_bytes, server_context
from tests.rigs.many_exchangers import ManyExchangers

N_DOMAINS, N_EACH = 2_000, 5


def verdict(world: MailWorld, level="encrypt", domain=DOMAIN):
    return world.run(lambda courier: courier.verdict(domain, level))


def test_ten_thousand_recipients_in_two_thousand_domains_probe_each_domain_once(mail_world):
    whole, _ = mail_world.authority.issue(["many.invalid"])
    many = ManyExchangers(mail_world.looping, server_context(whole))
    many.start()
    mail_world.port = many.port
    mail_world.change |= {"dns_seconds": 60.0, "probe_seconds": 60.0}  # a slow machine proves nothing here
    domains = [f"d{n}.example" for n in range(N_DOMAINS)]
    for domain in domains:
        mail_world.names.put(domain, "MX", f"10 mx.{domain}.")
        mail_world.names.put(f"mx.{domain}", "A", many.address)

    async def plan_all(courier):
        return await asyncio.gather(*(courier.verdict(one, "encrypt") for one in domains * N_EACH))

    verdicts = mail_world.run(plan_all)
    many.stop()
    assert len(verdicts) == N_DOMAINS * N_EACH
    assert all(one.open for one in verdicts)
    assert many.asked == {f"mx.{domain}": 1 for domain in domains}
    assert many.n_connections == N_DOMAINS
    assert many.n_at_once <= 32
    assert {count for (_, kind), count in mail_world.names.asked.items() if kind == "MX"} == {1}


def test_every_address_of_every_exchanger_is_looked_at_and_shown(mail_world):
    first = mail_world.server(f"mx1.{DOMAIN}")
    again = mail_world.server(f"mx1.{DOMAIN}")
    third = mail_world.server(f"mx2.{DOMAIN}")
    mail_world.names.put(f"mx1.{DOMAIN}", "A", first.address, again.address)
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    found = verdict(mail_world, "verify")
    assert found.open
    shown = [(one["mx"], one["address"], one["found"], one["tls_version"]) for one in found.evidence()]
    assert sorted(shown) == [
        (f"mx1.{DOMAIN}", first.address, "passed", "TLSv1.3"),
        (f"mx1.{DOMAIN}", again.address, "passed", "TLSv1.3"),
        (f"mx2.{DOMAIN}", third.address, "passed", "TLSv1.3"),
    ]
    assert {one["peer_certificate_issuer"] for one in found.evidence()} == {
        "CN=Brevdue simulator Mail CA,C=DK"
    }
    assert all(one["peer_certificate_not_after"] and one["at"] for one in found.evidence())


def test_one_bad_address_behind_a_good_name_closes_the_domain(mail_world):
    first, second = mail_world.server(), mail_world.server(starttls=False)
    mail_world.names.put(f"mx.{DOMAIN}", "A", first.address, second.address)
    mail_world.domain(f"mx.{DOMAIN}")
    found = verdict(mail_world)
    assert (found.open, found.lasting, found.code) == (False, True, "starttls.not_offered")


def test_one_that_is_down_is_unknown_and_does_not_count(mail_world):
    mail_world.server(f"mx1.{DOMAIN}")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    mail_world.names.put(f"mx2.{DOMAIN}", "A", "127.0.9.9")
    found = verdict(mail_world)
    assert (found.open, found.n_unknown) == (True, 1)
    mail_world.domain(f"mx2.{DOMAIN}")
    alone = verdict(mail_world)
    assert (alone.open, alone.lasting, alone.code) == (False, False, "smtp.not_connected")


def test_an_address_that_can_not_be_asked_for_is_unknown_and_shown(mail_world):
    mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.names.failing_kinds.add((f"mx.{DOMAIN}", "AAAA"))
    found = verdict(mail_world)
    assert (found.open, found.n_unknown) == (True, 1)
    assert [one["code"] for one in found.evidence() if one["found"] == "unknown"] == ["dns.server_failed"]


def test_what_is_delivered_to_is_what_was_looked_at_though_the_answer_changes(mail_world):
    first, second = mail_world.server(f"mx1.{DOMAIN}"), mail_world.server(f"mx2.{DOMAIN}")
    both = [f"10 mx2.{DOMAIN}.", f"20 mx3.{DOMAIN}."]
    mail_world.names.put_in_turn(DOMAIN, "MX", [f"10 mx1.{DOMAIN}."], both)
    mail_world.deliver()
    assert (len(first.mails), second.talks) == (1, [])


def test_a_verdict_that_delivery_has_put_in_question_is_made_anew(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        before = await courier.verdict(DOMAIN, "encrypt")
        server.behaviour.replies["ehlo"] = "421 4.3.2 going down"
        with pytest.raises(Transient):
            await courier.deliver(SENDER, f"c@{DOMAIN}", mail_bytes(), "encrypt", 20)
        return before.open, (await courier.verdict(DOMAIN, "encrypt")).open

    assert mail_world.run(act) == (True, False)


def test_an_exchanger_without_an_address_is_unknown(mail_world):
    mail_world.server(f"mx1.{DOMAIN}")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    found = verdict(mail_world)
    assert (found.open, found.n_unknown) == (True, 1)


def test_a_verdict_is_kept_for_minutes_and_made_anew_when_they_are_over(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    moment = mail_world.now()
    mail_world.now = lambda: moment

    async def act(courier):
        nonlocal moment
        first = await courier.verdict(DOMAIN, "encrypt")
        n_first = len(server.talks)
        server.behaviour.starttls = False
        moment += timedelta(minutes=9)
        kept = await courier.verdict(DOMAIN, "encrypt")
        n_kept = len(server.talks)
        moment += timedelta(minutes=2)
        return first.open, kept is first, (await courier.verdict(DOMAIN, "encrypt")).open, n_first, n_kept

    assert mail_world.run(act) == (True, True, False, 1, 1)


def test_a_verdict_outlives_the_courier_and_its_event_loop(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.kept = Kept()
    first = verdict(mail_world)
    server.behaviour.starttls = False
    assert verdict(mail_world) is first
    assert (len(server.talks), mail_world.names.asked[(DOMAIN, "MX")]) == (1, 1)
    mail_world.kept = None
    assert not verdict(mail_world).open


def test_a_verdict_is_made_anew_when_the_exchangers_change(mail_world):
    mail_world.server(f"mx1.{DOMAIN}")
    mail_world.server(f"mx2.{DOMAIN}", starttls=False)
    mail_world.names.put(DOMAIN, "MX", f"10 mx1.{DOMAIN}.", ttl=0)

    async def act(courier):
        before = await courier.verdict(DOMAIN, "encrypt")
        mail_world.names.put(DOMAIN, "MX", f"10 mx1.{DOMAIN}.", f"20 mx2.{DOMAIN}.", ttl=0)
        return before.open, (await courier.verdict(DOMAIN, "encrypt")).open

    assert mail_world.run(act) == (True, False)


def test_something_unknown_is_asked_again_soon(mail_world):
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.names.put(f"mx.{DOMAIN}", "A", "127.0.1.1")
    moment = mail_world.now()
    mail_world.now = lambda: moment

    async def act(courier):
        nonlocal moment
        before = await courier.verdict(DOMAIN, "encrypt")
        moment += timedelta(seconds=61)
        return before, await courier.verdict(DOMAIN, "encrypt")

    before, after = mail_world.run(act)
    assert before is not after
    assert not before.open and not after.open


def test_whoever_stops_waiting_does_not_stop_the_others(mail_world):
    mail_world.server(drip_seconds=0.002)
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        first = asyncio.create_task(courier.verdict(DOMAIN, "encrypt"))
        second = asyncio.create_task(courier.verdict(DOMAIN, "encrypt"))
        await asyncio.sleep(0.05)
        first.cancel()
        return (await second).open

    assert mail_world.run(act)
    assert len(mail_world.servers[0].talks) == 1


@pytest.mark.parametrize(
    ("records", "code", "lasting"),
    [
        (["0 ."], "mx.null", True),
        ([], "mx.no_address", True),
        ([f"10 gone.{DOMAIN}."], "mx.no_address", True),
        (["10 ."], "mx.null", True),
    ],
)
def test_a_domain_that_nobody_receives_for_is_closed(mail_world, records, code, lasting):
    mail_world.names.put(DOMAIN, "MX", *records)
    found = verdict(mail_world)
    assert (found.open, found.code, found.lasting) == (False, code, lasting)


def test_a_domain_that_does_not_exist_is_closed(mail_world):
    found = verdict(mail_world, domain="gone.example")
    assert (found.open, found.code, found.lasting) == (False, "mx.no_such_domain", True)


def test_without_mx_the_domain_itself_receives(mail_world):
    server = mail_world.server(DOMAIN)
    assert verdict(mail_world, "verify").evidence()[0]["mx"] == DOMAIN
    mail_world.deliver("verify")
    assert len(server.mails) == 1


def test_aliases_are_followed(mail_world):
    mail_world.server("mx.vaert.example")
    mail_world.names.put(DOMAIN, "CNAME", "anden.example.")
    mail_world.names.put("anden.example", "MX", f"10 alias.{DOMAIN}x.")
    mail_world.names.put(f"alias.{DOMAIN}x", "CNAME", "mx.vaert.example.")
    assert verdict(mail_world, "encrypt").open
    closed = verdict(mail_world, "verify")  # the certificate is for the alias's target, not for the exchanger
    assert (closed.open, closed.code) == (False, "starttls.wrong_name")


def test_an_internationalised_domain_is_asked_for_by_its_wire_name(mail_world):
    server = mail_world.server("mx.xn--smrrebrd-64ac.example".replace("64ac", "q1ac"))
    name = "xn--rdgrd-vuad.example"
    mail_world.names.put(name, "MX", f"10 {'mx.xn--smrrebrd-q1ac.example'}.")
    assert verdict(mail_world, domain="Rødgrød.example").open
    mail_world.deliver(recipient="borger@rødgrød.example")
    assert server.mails[0].recipients == (f"borger@{name}",)


def test_a_domain_with_more_servers_than_we_look_at_is_closed(mail_world):
    mail_world.names.put(f"mx.{DOMAIN}", "A", *(f"127.0.8.{n}" for n in range(1, 70)))
    mail_world.domain(f"mx.{DOMAIN}")
    found = verdict(mail_world)
    assert (found.open, found.code) == (False, "mx.too_many")
