"""DANE: only what the signed name system vouches for is delivered to at level `dane`; doubt delays."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.errors import ConfigurationError, Transient, Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes, server_context

MX = f"mx.{DOMAIN}"
WHERE = f"_25._tcp.{MX}"


def tlsa(certificate, usage, selector=1, matching=1):
    """Returns the record for a certificate, as text."""
    if selector == 0:
        value = certificate.public_bytes(Encoding.DER)
    else:
        value = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = {
        0: lambda v: v,
        1: lambda v: hashlib.sha256(v).digest(),
        2: lambda v: hashlib.sha512(v).digest(),
    }
    return f"{usage} {selector} {matching} {digest[matching](value).hex()}"


@pytest.fixture
def world(mail_world):
    mail_world.change["dns_validates"] = True
    mail_world.names.sign(DOMAIN)
    mail_world.domain(MX)
    return mail_world


def code_of(world, error=Unreachable):
    with pytest.raises(error) as caught:
        world.deliver("dane")
    assert world.n_mails == 0
    world.assert_nothing_in_the_clear()
    return caught.value.code


@pytest.mark.parametrize("kind", ["good", "self_signed", "expired", "wrong_name"])
@pytest.mark.parametrize(("selector", "matching"), [(1, 1), (0, 1), (1, 2), (0, 0), (1, 0)])
def test_the_servers_own_certificate_is_enough(world, kind, selector, matching):
    server = world.server(kind=kind)
    world.names.put(WHERE, "TLSA", tlsa(server.identity.certificate, 3, selector, matching))
    assert world.deliver("dane").evidence.level == "dane"
    assert [mail.under_tls for mail in server.mails] == [True]


@pytest.mark.parametrize(("selector", "matching"), [(1, 1), (0, 1), (0, 2)])
def test_an_anchor_vouches_for_what_it_signed(world, selector, matching):
    server = world.server()
    world.names.put(WHERE, "TLSA", tlsa(world.authority.ca.certificate, 2, selector, matching))
    world.deliver("dane")
    assert len(server.mails) == 1


@pytest.mark.parametrize("kind", ["expired", "wrong_name", "unknown_authority", "early"])
def test_an_anchor_does_not_vouch_for_what_is_wrong(world, kind):
    world.server(kind=kind)
    world.names.put(WHERE, "TLSA", tlsa(world.authority.ca.certificate, 2))
    assert code_of(world) == "dane.no_match"


def test_a_certificate_that_is_not_the_one_closes_it(world):
    world.server()
    world.names.put(WHERE, "TLSA", tlsa(world.authority.stranger.certificate, 3))
    assert code_of(world) == "dane.no_match"


def test_one_record_of_several_is_enough(world):
    server = world.server()
    mine = tlsa(server.identity.certificate, 3)
    world.names.put(WHERE, "TLSA", tlsa(world.authority.stranger.certificate, 3), mine)
    world.deliver("dane")
    assert len(server.mails) == 1


def test_a_certificate_that_changes_after_the_probe_is_noticed(world):
    server = world.server()
    world.names.put(WHERE, "TLSA", tlsa(server.identity.certificate, 3))
    other, _ = world.authority.issue([MX])

    async def act(courier):
        assert (await courier.verdict(DOMAIN, "dane")).open
        server.context = server_context(other)
        with pytest.raises(Unreachable) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "dane", 20)
        return caught.value.code

    assert world.run(act) == "dane.no_match"
    assert server.n_data == world.n_mails == 0


@pytest.mark.parametrize("usage", [0, 1])
def test_records_of_other_usages_are_unusable_and_delay(world, usage):
    server = world.server()
    unknown = ("3 1 9 abcd", "3 7 1 " + "ab" * 32)
    world.names.put(WHERE, "TLSA", tlsa(server.identity.certificate, usage), *unknown)
    assert code_of(world, Transient) == "dane.unusable"
    assert server.talks == []


@pytest.mark.parametrize(("fault", "code"), [("bogus", "dns.bogus"), ("failing", "dns.server_failed")])
@pytest.mark.parametrize("name", [WHERE, DOMAIN, MX])
def test_a_look_up_that_fails_delays_and_never_counts_as_none(world, fault, code, name):
    server = world.server()
    world.names.put(WHERE, "TLSA", tlsa(server.identity.certificate, 3))
    getattr(world.names, fault).add(name)
    assert code_of(world, Transient) == code
    assert server.talks == []


def test_without_records_the_domain_is_closed(world):
    server = world.server()
    assert code_of(world) == "dane.absent"
    assert server.talks == []


def test_records_by_way_of_an_unsigned_domain_are_none(world):
    server = world.server()
    world.names.put(WHERE, "CNAME", "tlsa.usigneret.example.")
    world.names.put("tlsa.usigneret.example", "TLSA", tlsa(server.identity.certificate, 3))
    assert code_of(world) == "dane.absent"
    assert server.talks == []


def test_an_unsigned_domain_is_closed(mail_world):
    server = mail_world.server()
    mail_world.domain(MX)
    mail_world.change["dns_validates"] = True
    mail_world.names.put(WHERE, "TLSA", tlsa(server.identity.certificate, 3))
    assert code_of(mail_world) == "dane.not_secure"


def test_an_exchanger_in_an_unsigned_domain_closes_it(world):
    server = world.server("mx.usigneret.example")
    world.domain("mx.usigneret.example")
    world.names.put("_25._tcp.mx.usigneret.example", "TLSA", tlsa(server.identity.certificate, 3))
    assert code_of(world) == "dane.not_secure"


def test_one_exchanger_of_two_without_records_closes_it(world):
    first = world.server(f"mx1.{DOMAIN}")
    world.server(f"mx2.{DOMAIN}")
    world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    world.names.put(f"_25._tcp.mx1.{DOMAIN}", "TLSA", tlsa(first.identity.certificate, 3))
    assert code_of(world) == "dane.absent"


def test_a_resolver_that_does_not_validate_is_our_own_fault(world):
    server = world.server()
    world.names.put(WHERE, "TLSA", tlsa(server.identity.certificate, 3))
    world.change["dns_validates"] = False
    assert code_of(world, ConfigurationError) == "dane.resolver_does_not_validate"
    assert server.talks == []
