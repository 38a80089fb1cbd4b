"""The name system fails in one way or another: unknown is never "no", and never a smaller demand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from routing.mail.records import MxRecord, TlsaRecord
from routing.mail.resolver import Resolver
from schemas.errors import ConfigurationError, Transient, Unreachable
from tests.rigs.mail_world import DOMAIN


def ask(world, name, kind, *, validates=False, seconds=3.0, servers=None):
    async def whole():
        resolver = Resolver(
            servers or [world.names.endpoint], validates=validates, seconds=seconds, now=world.now
        )
        try:
            return await resolver.ask(name, kind)
        finally:
            await resolver.close()

    return asyncio.run(whole())


def test_records_come_as_values(mail_world):
    names = mail_world.names
    names.put(DOMAIN, "MX", f"10 Mx.{DOMAIN}.")
    names.put(DOMAIN, "TXT", '"v=one" " two"', '"three"')
    names.put(f"_25._tcp.{DOMAIN}", "TLSA", "3 1 1 " + "ab" * 32)
    names.put(DOMAIN, "AAAA", "::1")
    assert ask(mail_world, DOMAIN, "MX").records == (MxRecord(10, f"mx.{DOMAIN}"),)
    assert set(ask(mail_world, DOMAIN, "TXT").records) == {"v=one two", "three"}
    assert ask(mail_world, f"_25._TCP.{DOMAIN}.", "TLSA").records == (
        TlsaRecord(3, 1, 1, bytes.fromhex("ab" * 32)),
    )
    assert ask(mail_world, DOMAIN, "AAAA").records == ("::1",)


def test_the_servers_word_about_signatures_counts_only_where_we_trust_it(mail_world):
    mail_world.names.put(DOMAIN, "A", "127.0.0.1")
    mail_world.names.sign(DOMAIN)
    assert not ask(mail_world, DOMAIN, "A").secure
    assert ask(mail_world, DOMAIN, "A", validates=True).secure
    assert ask(mail_world, f"no.{DOMAIN}", "A", validates=True).secure
    assert not ask(mail_world, "other.example", "A", validates=True).secure


def test_bogus_is_neither_absent_nor_insecure(mail_world):
    mail_world.names.put(DOMAIN, "A", "127.0.0.1")
    mail_world.names.bogus.add(DOMAIN)
    answer = ask(mail_world, DOMAIN, "A", validates=True)
    assert (answer.fault, answer.records, answer.exists) == ("dns.bogus", (), True)


def test_a_server_that_fails_is_no_answer(mail_world):
    mail_world.names.failing.add(DOMAIN)
    assert ask(mail_world, DOMAIN, "MX").fault == "dns.server_failed"


def test_a_silent_server_is_given_up_within_the_deadline(mail_world):
    mail_world.names.silent.add(DOMAIN)
    assert ask(mail_world, DOMAIN, "MX", seconds=0.3).fault == "dns.no_answer"


def test_another_server_is_asked_when_one_is_not_there(mail_world):
    mail_world.names.put(DOMAIN, "A", "127.0.0.1")
    servers = ["127.0.0.1:1", mail_world.names.endpoint]
    assert ask(mail_world, DOMAIN, "A", servers=servers).records == ("127.0.0.1",)


def test_an_answer_too_large_for_a_datagram_comes_by_tcp(mail_world):
    mail_world.names.put(DOMAIN, "TXT", '"one"')
    mail_world.names.truncating = True
    assert ask(mail_world, DOMAIN, "TXT").records == ("one",)
    assert mail_world.names.n_tcp == 1


def test_answers_are_kept_as_long_as_they_say_and_no_longer(mail_world):
    mail_world.names.put(DOMAIN, "A", "127.0.0.1", ttl=100)
    moment = datetime(2026, 11, 25, tzinfo=UTC)

    async def whole():
        nonlocal moment
        resolver = Resolver([mail_world.names.endpoint], validates=False, seconds=3, now=lambda: moment)
        counts = []
        for seconds in (0, 99, 2):
            moment += timedelta(seconds=seconds)
            await resolver.ask(DOMAIN, "A")
            counts.append(resolver.n_asked)
        return counts

    assert asyncio.run(whole()) == [1, 1, 2]


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example", "\\999.example"])
def test_a_name_that_is_none_is_told_and_not_asked(mail_world, name):
    assert ask(mail_world, name, "A").fault == "dns.bad_name"
    assert not mail_world.names.asked


@pytest.mark.parametrize(
    ("where", "code"),
    [("bogus", "dns.bogus"), ("failing", "dns.server_failed")],
)
def test_a_domain_that_can_not_be_looked_up_waits(mail_world, where, code):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    getattr(mail_world.names, where).add(DOMAIN)
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert (caught.value.code, caught.value.reached) == (code, True)
    assert server.talks == []


def test_when_no_name_server_answers_the_breaker_hears_of_it(mail_world):
    mail_world.names.silent.add(DOMAIN)
    mail_world.change["dns_seconds"] = 0.3
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert (caught.value.code, caught.value.reached) == ("dns.no_answer", False)


@pytest.mark.parametrize(
    ("servers", "code"),
    [
        (("ns.example",), "dns.server_not_an_address"),
        (("192.0.2.1",), "dns.simulated_needs_loopback"),
    ],
)
def test_a_wrong_set_up_is_named(mail_world, servers, code):
    mail_world.change["dns"] = servers
    with pytest.raises(ConfigurationError) as caught:
        mail_world.deliver()
    assert caught.value.code == code


def test_a_rehearsal_never_leaves_this_machine(mail_world):
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.names.put(f"mx.{DOMAIN}", "A", "192.0.2.7")
    with pytest.raises(ConfigurationError) as caught:
        mail_world.deliver()
    assert caught.value.code == "smtp.simulated_needs_loopback"


def test_a_live_house_never_delivers_to_itself(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.simulated = False
    for level in ("encrypt", None):
        with pytest.raises(Unreachable) as caught:
            mail_world.deliver(level)
        assert caught.value.code == "mx.not_routable"
    assert server.talks == []


@pytest.mark.parametrize(
    "domain", ["localhost", "-a.example", "a_b-.example", "1.2.3.4", "a..b", "ø" * 64 + ".dk"]
)
def test_a_domain_that_is_none_is_told_at_once(mail_world, domain):
    with pytest.raises(Unreachable) as caught:
        mail_world.run(lambda courier: courier.verdict(domain, "encrypt"))
    assert caught.value.code == "mx.bad_domain"
    assert not mail_world.names.asked
