"""Certificates from a directory: OpenLDAP's slapd is asked over TLS, StartTLS and in the clear."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from routing.certificates.directory import Directory, escaped
from routing.certificates.finding import Finder, evidence_of, refusal_of
from routing.certificates.ldap_source import LdapSource
from routing.certificates.sources import Choice
from routing.mime.addresses import parse_address
from schemas.errors import ConfigurationError, Transient
from schemas.mail_settings import LdapDirectory
from tests.rigs.mail_houses import MailFolder, finder, mail_folder
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person, ec_key, issue, make_issuing
from tests.rigs.slapd import Slapd

BO = "bo@modtager.example"


def _der(person: Person) -> bytes:
    return person.certificate.public_bytes(Encoding.DER)


def _found(settings: LdapDirectory, address: str = BO) -> Sequence[x509.Certificate]:
    async def ask() -> Sequence[x509.Certificate]:
        source = LdapSource("katalog", settings)
        try:
            return await source.find(parse_address(address))
        finally:
            source.close()

    return asyncio.run(ask())


def _choice(folder: MailFolder, settings: LdapDirectory, address: str = BO, **change: Any) -> Choice:
    async def ask() -> Choice:
        one: Finder = finder(folder.settings(ldap={"katalog": settings}, **change))
        try:
            return await one.find(parse_address(address))
        finally:
            one.close()

    return asyncio.run(ask())


@pytest.fixture
def folder(tmp_path: Path, people: MailPeople) -> MailFolder:
    return mail_folder(tmp_path / "mail", people)


@pytest.mark.parametrize("tls", ["ldaps", "starttls", "off"])
def test_a_published_certificate_is_found_by_its_address(slapd: Slapd, people: MailPeople, tls: str) -> None:
    slapd.publish(BO, [_der(bo := issue(people.root, BO, ec_key()))])
    slapd.publish("anden@modtager.example", [_der(issue(people.root, "anden@modtager.example", ec_key()))])
    port = slapd.tls_port if tls == "ldaps" else slapd.port
    settings = slapd.directory(tls=tls, host=f"localhost:{port}")
    assert list(_found(settings)) == [bo.certificate]
    assert _found(settings, "ingen@modtager.example") == []


def test_a_server_that_cannot_show_who_it_is_is_not_asked(slapd: Slapd, tmp_path: Path) -> None:
    for change in ({"ca": None}, {"host": f"127.0.0.2:{slapd.tls_port}"}):
        with pytest.raises(Transient) as caught:
            _found(slapd.directory(**change))
        assert caught.value.code == "certificate.directory_down"
    with pytest.raises(ConfigurationError) as unreadable:
        _found(slapd.directory(ca=tmp_path / "absent.pem"))
    assert unreadable.value.code == "certificate.directory_ca"


def test_several_values_and_kinds_are_ranked_and_judged(
    slapd: Slapd, people: MailPeople, folder: MailFolder
) -> None:
    issuing = make_issuing(people.root)
    old = issue(people.root, BO, ec_key(), days=380)
    expired = issue(people.root, BO, ec_key(), days=10)
    newest = issue(issuing, BO, ec_key(), from_at=LETTER_AT - timedelta(days=3))
    blob = pkcs7.serialize_certificates([newest.certificate, issuing.certificate], Encoding.DER)
    slapd.publish(BO, [_der(old), _der(expired)], [blob])
    slapd.publish(BO, [_der(issue(people.root, "bo@andet.example", ec_key()))])
    assert len(_found(slapd.directory())) == 5
    choice = _choice(folder, slapd.directory())
    assert choice.chosen.certificate == newest.certificate
    assert choice.source == "ldap.katalog"
    (about,) = evidence_of(choice)
    assert about["key"] == "EC-secp256r1"
    assert about["days_left"] == "997"
    assert about["revocation"] == "undeclared"
    assert about["sha256"] == newest.identity.id.fingerprint


def test_the_reason_for_every_refusal_is_kept(slapd: Slapd, people: MailPeople, folder: MailFolder) -> None:
    folder.put(issue(people.root, BO, ec_key(), days=10))
    wrong = issue(people.root, "en.anden@modtager.example", ec_key(), from_at=LETTER_AT - timedelta(days=9))
    sign_only = issue(people.root, BO, ec_key(), usages=("digital_signature",))
    slapd.publish(BO, [_der(wrong), _der(sign_only)])
    choice = _choice(folder, slapd.directory())
    assert choice.chosen is None
    assert [(one["source"], one["code"]) for one in evidence_of(choice)] == [
        ("store", "certificate.expired"),
        ("ldap.katalog", "certificate.address_mismatch"),
        ("ldap.katalog", "certificate.usage_unfit"),
    ]
    assert refusal_of(choice)[0] == "certificate.address_mismatch"
    assert (
        refusal_of(_choice(folder, slapd.directory(), "ingen@modtager.example"))[0]
        == "certificate.none_found"
    )


def test_an_address_is_a_value_and_never_a_filter(slapd: Slapd, people: MailPeople) -> None:
    slapd.publish(BO, [_der(issue(people.root, BO, ec_key()))])
    assert _found(slapd.directory(), "*@modtager.example") == []
    directory = Directory("katalog", slapd.directory())
    assert len(directory.search("(mail=*)")) == 1
    assert directory.search(f"(mail={escaped('*)(mail=*')})") == []
    directory.close()


def test_only_domains_of_its_own_are_asked_about(slapd: Slapd, people: MailPeople) -> None:
    slapd.publish(BO, [_der(issue(people.root, BO, ec_key()))])
    assert len(_found(slapd.directory(domains=("modtager.example",)))) == 1
    assert _found(slapd.directory(domains=("Andet.example",))) == ()
    with pytest.raises(ConfigurationError) as caught:
        _found(slapd.directory(domains=("enlig",)))
    assert caught.value.code == "certificate.directory_domain"


def test_what_it_does_not_let_us_do_is_no_answer(slapd: Slapd) -> None:
    with pytest.raises(Transient) as caught:
        _found(slapd.directory(base="o=Findes ikke"))
    assert (caught.value.code, caught.value.params["result"]) == ("certificate.directory_refused", 32)


def test_a_list_that_was_cut_off_is_used_as_far_as_it_goes(slapd: Slapd, people: MailPeople) -> None:
    for _ in range(4):
        slapd.publish(BO, [_der(issue(people.root, BO, ec_key()))])
    directory = Directory("katalog", slapd.directory())
    assert len(directory.search(f"(mail={BO})", max_entries=3)) == 3
    directory.close()


def test_a_connection_that_was_lost_is_made_again(slapd: Slapd, people: MailPeople) -> None:
    slapd.publish(BO, [_der(issue(people.root, BO, ec_key()))])
    directory = Directory("katalog", slapd.directory())
    assert len(directory.search(f"(mail={BO})")) == 1
    slapd.stop()
    slapd.start()
    assert len(directory.search(f"(mail={BO})")) == 1
    slapd.stop()
    with pytest.raises(Transient):
        directory.search(f"(mail={BO})")
    slapd.start()
    assert len(directory.search(f"(mail={BO})")) == 1
    directory.close()


def test_what_a_person_should_know_is_told(slapd: Slapd, folder: MailFolder) -> None:
    (folder.store / "ingen.pem").write_bytes(b"noise")
    settings = slapd.directory(tls="off", host=f"localhost:{slapd.port}")
    one = finder(folder.settings(ldap={"katalog": settings, "andet": slapd.directory(base="o=Ingen")}))
    assert one.findings() == [
        ("certificate.store_unreadable", {"n_files": 1}),
        ("certificate.directory_in_clear", {"source": "katalog"}),
        ("certificate.directory_refused", {"source": "andet", "result": 32}),
    ]
    one.close()
