"""Certificates in DNS: only whole ones, only under a validating resolver's word, judged like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.finding import evidence_of, refusal_of
from routing.certificates.smimea import DnsRecords, owner_name
from routing.certificates.sources import Choice
from routing.mime.addresses import parse_address
from schemas.errors import ConfigurationError, Transient
from tests.rigs.mail_houses import MailFolder, finder, mail_folder
from tests.rigs.mail_people import MailPeople, Person, ec_key, issue

BO = "bo@modtager.example"


@pytest.fixture
def folder(tmp_path: Path, people: MailPeople) -> MailFolder:
    return mail_folder(tmp_path / "mail", people)


def _record(person: Person, usage: int = 3, selector: int = 0, matching: int = 0) -> bytes:
    return bytes([usage, selector, matching]) + person.certificate.public_bytes(Encoding.DER)


def _choice(folder: MailFolder, zone: Mapping[str, DnsRecords | Transient], address: str = BO) -> Choice:
    async def look_up(name: str) -> DnsRecords:
        found = zone.get(name, DnsRecords((), False))
        if isinstance(found, Transient):
            raise found
        return found

    async def ask() -> Choice:
        one = finder(folder.settings(smimea=True, dns_validates=True), smimea=look_up)
        try:
            return await one.find(parse_address(address))
        finally:
            one.close()

    return asyncio.run(ask())


def test_the_name_is_that_of_the_standard() -> None:
    # RFC 8162 3: the example of the text.
    name = "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._smimecert.example.com"
    assert owner_name(parse_address("hugh@example.com")) == name
    assert owner_name(parse_address("Hugh@example.com")) != name


def test_an_authentic_record_is_used_and_judged(folder: MailFolder, people: MailPeople) -> None:
    bo, name = issue(people.root, BO, ec_key()), owner_name(parse_address(BO))
    choice = _choice(folder, {name: DnsRecords((_record(bo),), True)})
    assert (choice.source, choice.chosen.certificate) == ("smimea", bo.certificate)
    foreign = people.stranger.certificate.public_bytes(Encoding.DER)
    choice = _choice(folder, {name: DnsRecords((b"\x03\x00\x00" + foreign,), True)})
    assert refusal_of(choice)[0] == "certificate.address_mismatch"


def test_a_record_that_nobody_vouches_for_is_not_used(folder: MailFolder, people: MailPeople) -> None:
    name = owner_name(parse_address(BO))
    choice = _choice(folder, {name: DnsRecords((_record(issue(people.root, BO, ec_key())),), False)})
    assert choice.chosen is None
    assert refusal_of(choice)[0] == "certificate.smimea_insecure"
    assert evidence_of(choice) == ({"source": "smimea", "code": "certificate.smimea_insecure"},)
    # That an unsigned zone has no record is an answer like any other.
    assert refusal_of(_choice(folder, {}))[0] == "certificate.none_found"


@pytest.mark.parametrize(("usage", "selector", "matching"), [(0, 0, 0), (2, 0, 0), (3, 1, 0), (3, 0, 1)])
def test_a_record_that_gives_no_certificate_of_its_own_is_left_out(
    folder: MailFolder, people: MailPeople, usage: int, selector: int, matching: int
) -> None:
    record = _record(issue(people.root, BO, ec_key()), usage, selector, matching)
    for made in (record, record[:2], b"\x03\x00\x00noise"):
        choice = _choice(folder, {owner_name(parse_address(BO)): DnsRecords((made,), True)})
        assert refusal_of(choice)[0] == "certificate.none_found"


def test_no_answer_or_a_bogus_one_is_not_no(folder: MailFolder) -> None:
    with pytest.raises(Transient) as caught:
        _choice(folder, {owner_name(parse_address(BO)): Transient("dns.bogus")})
    assert (caught.value.code, caught.value.params) == ("dns.bogus", {"source": "smimea"})


def test_it_needs_a_resolver_that_validates(folder: MailFolder) -> None:
    async def look_up(name: str) -> DnsRecords:
        return DnsRecords((), True)

    for change, places in (({}, {"smimea": look_up}), ({"dns_validates": True}, {})):
        with pytest.raises(ConfigurationError) as caught:
            finder(folder.settings(smimea=True, **change), **places)
        assert caught.value.code == "certificate.smimea_needs_validation"
