"""The channel tunnel against a mail server: whole mails from domain to domain, as each partner wants them."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

from routing.cms.keys import Transport
from routing.mime.addresses import parse_address
from routing.mime.assembly import plain_message
from routing.smime.opened import EncryptedLayer, SignedLayer, WrappedLayer
from routing.tunnel.entries import TunnelEntry
from schemas.errors import ConfigurationError, Unreachable
from tests.rigs.mail_channels import (
    BOB,
    DOMAIN,
    MailBench,
    assert_nothing_readable,
    document_of,
    entry_of,
    opened,
    run,
    send,
)
from tests.rigs.mail_people import LETTER_AT, Person, ec_key, issue

WRAPPER = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
TAKEN_IN = LETTER_AT.replace(day=24, hour=6, minute=30)


@pytest.fixture
def gateway(bench: MailBench) -> Person:
    """The domain's gateway, whose certificate names no address of the domain."""
    return issue(bench.people.root, "tunnel@gateway.example")


@pytest.fixture
def listed(bench: MailBench, gateway: Person) -> MailBench:
    bench.list_domains(entry_of(DOMAIN, gateway, source="test"))
    return bench


def _plain(bench: MailBench) -> bytes:
    """Returns the letter's mail as it is without any protection."""
    composer = bench.parts().composer
    letter = bench.letter()
    channel_id = f"<{letter.seed}.tunnel@afsender.example>"
    return plain_message(composer.compose(letter, channel_id, parse_address(BOB), TAKEN_IN).mail)


def test_the_whole_mail_arrives_untouched_inside(listed: MailBench, gateway: Person) -> None:
    receipt = send(listed.tunnel, listed.letter())
    (mail,) = listed.world.servers[0].mails
    assert mail.recipients == (BOB,)
    found = opened(mail.content, gateway.identity)
    assert [type(layer) for layer in found.layers] == [EncryptedLayer, SignedLayer, WrappedLayer]
    assert found.intact
    assert found.differing == ()
    assert document_of(found) == listed.letter().documents[0].sha256
    assert found.signatures[0].fingerprint == listed.people.sender.identity.id.fingerprint
    assert receipt.external_id == dict(found.headers)["Message-ID"]
    assert found.outer.headers["To"] == f"<{BOB}>"
    assert_nothing_readable(listed.world.servers[0])


def test_the_receipt_says_where_the_protection_ends(listed: MailBench, gateway: Person) -> None:
    proof = send(listed.tunnel, listed.letter()).proof
    assert proof["protection"] == "domain"
    assert proof["protected_until"] == "recipient_gateway"
    assert (proof["tunnel_domain"], proof["tunnel_list_version"]) == (DOMAIN, "1")
    assert proof["certificate_sha256"] == gateway.identity.id.fingerprint
    assert proof["mx"] == f"mx.{DOMAIN}"
    inside = opened(listed.world.servers[0].mails[0].content, gateway.identity)
    (payload,) = [
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + inside.entity.raw
    ]
    assert proof["payload_sha256"] == hashlib.sha256(payload).hexdigest()
    assert not {BOB, listed.letter().title} & set(proof.values())


@pytest.mark.parametrize("wrap", ["rfc822", "bare"])
@pytest.mark.parametrize("sign", ["opaque", "detached", "none"])
@pytest.mark.parametrize(("cipher", "padding"), [("aes256-cbc", "rsa-v15"), ("aes256-gcm", "rsa-oaep")])
def test_every_partner_gets_it_as_it_wants_it(
    listed: MailBench, gateway: Person, wrap: str, sign: str, cipher: str, padding: str
) -> None:
    wishes = {"wrap": wrap, "sign": sign, "cipher": cipher, "padding": padding, "subject": "Tunnelpost"}
    listed.channel["partners"] = {DOMAIN.upper(): wishes}
    proof = send(listed.tunnel, listed.letter()).proof
    content = listed.world.servers[0].mails[0].content
    found = opened(content, gateway.identity)
    layer = found.layers[0]
    modern = cipher == "aes256-gcm"
    assert layer.cipher == ("aes256_gcm" if modern else "aes256_cbc")
    assert layer.transport == (Transport.RSA_OAEP if modern else Transport.RSA_V15)
    assert any(isinstance(one, WrappedLayer) for one in found.layers) == (wrap == "rfc822")
    assert len(found.signatures) == (sign != "none")
    assert ("signer_sha256" in proof) == (sign != "none")
    assert found.outer.headers["Subject"] == "Tunnelpost"
    assert found.headers_protected
    assert document_of(found) == listed.letter().documents[0].sha256
    assert_nothing_readable(listed.world.servers[0])


def test_a_gateway_may_stand_outside_alone(listed: MailBench, gateway: Person) -> None:
    listed.channel["partners"] = {DOMAIN: {"recipient": f"sikkerpost@{DOMAIN}"}}
    send(listed.tunnel, listed.letter())
    (mail,) = listed.world.servers[0].mails
    assert mail.recipients == (f"sikkerpost@{DOMAIN}",)
    assert BOB.encode() not in mail.content
    found = opened(mail.content, gateway.identity)
    assert dict(found.headers)["To"] == f"<{BOB}>"
    assert found.differing == ("To",)


def test_a_subdomain_is_reached_only_where_the_entry_says_so(bench: MailBench, gateway: Person) -> None:
    letter = bench.letter(to=f"bob@hr.{DOMAIN}")
    bench.list_domains(entry_of(DOMAIN, gateway))
    assert run(bench.tunnel, lambda one: one.reaches(letter)).code == "tunnel.not_listed"
    bench.list_domains(entry_of(DOMAIN, gateway, subdomains=True), version=2)
    bench.channel["partners"] = {DOMAIN: {"subject": "Fra tunnelen"}}
    bench.world.domain(f"mx.{DOMAIN}", domain=f"hr.{DOMAIN}")
    assert send(bench.tunnel, letter).proof["tunnel_domain"] == DOMAIN
    found = opened(bench.world.servers[0].mails[0].content, gateway.identity)
    assert found.outer.headers["Subject"] == "Fra tunnelen"


def test_a_certificate_named_by_its_pin_is_found_in_the_store(bench: MailBench, gateway: Person) -> None:
    bench.list_domains(TunnelEntry(DOMAIN, (gateway.identity.id.fingerprint,)))
    assert run(bench.tunnel, lambda one: one.reaches(bench.letter())).code == "tunnel.certificate_missing"
    bench.folder.put(gateway)
    assert run(bench.tunnel, lambda one: one.reaches(bench.letter())).reached
    send(bench.tunnel, bench.letter())
    assert opened(bench.world.servers[0].mails[0].content, gateway.identity).intact


def test_of_several_certificates_the_newest_good_one_is_used(bench: MailBench, gateway: Person) -> None:
    new = issue(bench.people.root, "x@gateway.example", ec_key(), from_at=LETTER_AT - timedelta(days=2))
    dead = issue(bench.people.root, "y@gateway.example", from_at=LETTER_AT - timedelta(days=1), days=0)
    bench.list_domains(entry_of(DOMAIN, gateway, new, dead))
    assert send(bench.tunnel, bench.letter()).proof["certificate_sha256"] == new.identity.id.fingerprint


def test_reaching_shows_entry_and_certificate(listed: MailBench, gateway: Person) -> None:
    reach = run(listed.tunnel, lambda one: one.reaches(listed.letter()))
    entry, certificate = reach.evidence
    assert entry == {
        "source": "tunnel_list",
        "domain": DOMAIN,
        "subdomains": "no",
        "list_version": "1",
        "listed_by": "test",
    }
    assert certificate["sha256"] == gateway.identity.id.fingerprint
    assert listed.world.servers[0].talks == []


def test_what_needs_a_person_is_found(bench: MailBench, gateway: Person) -> None:
    short = issue(bench.people.root, "z@gateway.example", ec_key(), days=365 + 20)
    bench.list_domains(
        entry_of(DOMAIN, gateway, valid_to=date(2026, 11, 30)),
        entry_of("kort.example", short),
        entry_of("lang.example", gateway),
    )
    bench.channel["partners"] = {"lang.example": {"sign": "none"}}
    channel = bench.tunnel()
    channel.check()
    assert channel.findings() == [
        ("tunnel.partner_expires_soon", {"domain": DOMAIN, "days": 5}),
        ("tunnel.partner_expires_soon", {"domain": "kort.example", "days": 20}),
        ("tunnel.unprotected_content", {"domain": "lang.example"}),
    ]
    bench.folder.be(issue(bench.people.root, "ny@andet.example", ec_key()))
    assert ("tunnel.own_certificate_differs", {}) in bench.tunnel().findings()


def test_what_is_wrong_with_our_set_up_is_told(bench: MailBench, tmp_path: Path) -> None:
    def code() -> str:
        with pytest.raises(ConfigurationError) as caught:
            bench.tunnel().check()
        return caught.value.code

    assert code() == "tunnel.list_missing"
    bench.list_domains()
    bench.channel["partners"] = {"enlig": {}}
    assert code() == "tunnel.partner_unfit"
    bench.channel["partners"] = {DOMAIN: {"recipient": "x@enlig"}}
    assert code() == "tunnel.partner_unfit"
    bench.channel["partners"] = {}
    bench.tunnel().check()
    bench.list_path.write_bytes(bench.list_path.read_bytes()[:-4])
    assert code() == "tunnel.list_unsigned"


def test_a_mail_to_nobody_listed_is_unreachable(listed: MailBench) -> None:
    with pytest.raises(Unreachable) as caught:
        send(listed.tunnel, listed.letter(to="eva@andet.example"))
    assert caught.value.code == "tunnel.not_listed"
    assert listed.world.servers[0].talks == []


def test_the_inner_mail_is_the_mail_itself(listed: MailBench, gateway: Person) -> None:
    send(listed.tunnel, listed.letter())
    inner = opened(listed.world.servers[0].mails[0].content, gateway.identity).entity.raw
    assert inner == _plain(listed)
