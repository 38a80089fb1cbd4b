"""Certificates in DNS: only whole ones, only under a validating resolver's word, judged like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.finding import evidence_of, refusal_of
from routing.certificates.smimea import owner_name
from routing.certificates.sources import Choice
from routing.mail.resolver import Resolver
from routing.mime.addresses import parse_address
from schemas.errors import ConfigurationError, Transient
from tests.rigs.looping import background_loop
from tests.rigs.mail_houses import MailFolder, finder, mail_folder
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person, ec_key, issue
from tests.rigs.name_server import NameServer

BO = "bo@modtager.example"
NAME = owner_name(parse_address(BO))


@pytest.fixture
def folder(tmp_path: Path, people: MailPeople) -> MailFolder:
    return mail_folder(tmp_path / "mail", people)


@pytest.fixture
def names() -> Iterator[NameServer]:
    with background_loop() as looping:
        server = NameServer(looping)
        server.start()
        server.sign("modtager.example")
        yield server
        server.stop()


def _record(person: Person, usage: int = 3, selector: int = 0, matching: int = 0) -> str:
    return f"{usage} {selector} {matching} {person.certificate.public_bytes(Encoding.DER).hex()}"


def _choice(folder: MailFolder, names: NameServer, *, validates: bool = True) -> Choice:
    async def ask() -> Choice:
        resolver = Resolver((names.endpoint,), validates=validates, seconds=3, now=lambda: LETTER_AT)
        one = finder(folder.settings(smimea=True), resolver=resolver)
        try:
            return await one.find(parse_address(BO))
        finally:
            one.close()
            await resolver.close()

    return asyncio.run(ask())


def test_the_name_is_that_of_the_standard() -> None:
    # RFC 8162 3: the example of the text.
    name = "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._smimecert.example.com"
    assert owner_name(parse_address("hugh@example.com")) == name
    assert owner_name(parse_address("Hugh@example.com")) != name


def test_a_checked_record_is_used_and_judged(
    folder: MailFolder, names: NameServer, people: MailPeople
) -> None:
    bo = issue(people.root, BO, ec_key())
    names.put(NAME, "SMIMEA", _record(people.stranger), _record(bo))
    choice = _choice(folder, names)
    assert (choice.source, choice.chosen.certificate) == ("smimea", bo.certificate)
    names.put(NAME, "SMIMEA", _record(people.stranger))
    assert refusal_of(_choice(folder, names))[0] == "certificate.address_mismatch"


def test_a_record_that_nobody_vouches_for_is_not_used(
    folder: MailFolder, names: NameServer, people: MailPeople
) -> None:
    names.put(NAME, "SMIMEA", _record(issue(people.root, BO, ec_key())))
    names.secure.clear()
    choice = _choice(folder, names)
    assert choice.chosen is None
    assert refusal_of(choice)[0] == "certificate.smimea_insecure"
    assert evidence_of(choice) == ({"source": "smimea", "code": "certificate.smimea_insecure"},)
    # That an unsigned zone has no record is an answer like any other.
    names.remove(NAME, "SMIMEA")
    assert refusal_of(_choice(folder, names))[0] == "certificate.none_found"


@pytest.mark.parametrize(("usage", "selector", "matching"), [(0, 0, 0), (2, 0, 0), (3, 1, 0), (3, 0, 1)])
def test_a_record_that_gives_no_certificate_of_its_own_is_left_out(
    folder: MailFolder, names: NameServer, people: MailPeople, usage: int, selector: int, matching: int
) -> None:
    if matching:
        names.put(NAME, "SMIMEA", f"{usage} {selector} {matching} {'ab' * 32}", "3 0 0 00ff")
    else:
        names.put(NAME, "SMIMEA", _record(issue(people.root, BO, ec_key()), usage, selector), "3 0 0 00ff")
    choice = _choice(folder, names)
    assert choice.chosen is None
    assert refusal_of(choice)[0] == "certificate.none_found"


@pytest.mark.parametrize("fault", ["bogus", "failing"])
def test_no_answer_or_a_bogus_one_is_not_no(folder: MailFolder, names: NameServer, fault: str) -> None:
    getattr(names, fault).add(NAME)
    with pytest.raises(Transient) as caught:
        _choice(folder, names)
    assert caught.value.code == {"bogus": "dns.bogus", "failing": "dns.server_failed"}[fault]


def test_it_needs_a_resolver_that_validates(folder: MailFolder, names: NameServer) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _choice(folder, names, validates=False)
    assert caught.value.code == "certificate.smimea_needs_validation"
    with pytest.raises(ConfigurationError):
        finder(folder.settings(smimea=True))
