"""What stands in a certificate decides first: time, key, use, and whose it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from routing.certificates.uses import addresses_in, first_fault, is_same_mailbox
from routing.certificates.verdicts import Purpose
from routing.mime.addresses import parse_address
from tests.rigs.mail_people import LETTER_AT, MailPeople, ec_key, issue, rsa_key

BO = "bo@example.dk"


def _fault(
    people: MailPeople, address: str = BO, purpose: Purpose = Purpose.ENCRYPT, key=None, **made
) -> str:
    person = issue(people.root, BO, key or ec_key(), **made)
    found = first_fault(person.certificate, purpose, parse_address(address) if address else None, LETTER_AT)
    return found.code if found else ""


def test_a_certificate_for_mail_of_the_right_person_is_fit(people: MailPeople) -> None:
    assert _fault(people) == ""
    assert _fault(people, key=rsa_key()) == ""
    assert _fault(people, in_subject=True) == ""
    assert _fault(people, mail_use=False) == ""
    assert _fault(people, address="") == ""


def test_its_time_counts_to_the_second(people: MailPeople) -> None:
    assert _fault(people, days=300) == "certificate.expired"
    assert _fault(people, from_at=LETTER_AT + timedelta(seconds=1)) == "certificate.not_yet_valid"
    assert _fault(people, from_at=LETTER_AT) == ""
    assert _fault(people, from_at=LETTER_AT - timedelta(days=10), days=10) == "certificate.expired"


def test_its_key_must_be_long_enough_and_of_a_kind_we_write_to(people: MailPeople) -> None:
    assert _fault(people, key=rsa_key(1024)) == "certificate.key_unfit"
    assert _fault(people, key=rsa_key(1024), purpose=Purpose.SIGN) == "certificate.key_unfit"
    assert _fault(people, key=ec_key(ec.SECP384R1())) == "certificate.key_unfit"
    assert _fault(people, key=ec_key(ec.SECP384R1()), purpose=Purpose.SIGN) == ""


@pytest.mark.parametrize(
    ("rsa", "usages", "purpose", "code"),
    [
        (True, ("key_encipherment",), "encrypt", ""),
        (True, ("digital_signature",), "encrypt", "certificate.usage_unfit"),
        (True, ("key_agreement",), "encrypt", "certificate.usage_unfit"),
        (False, ("key_agreement",), "encrypt", ""),
        (False, ("key_encipherment",), "encrypt", "certificate.usage_unfit"),
        (True, ("digital_signature",), "sign", ""),
        (True, ("content_commitment",), "sign", ""),
        (True, ("key_encipherment",), "sign", "certificate.usage_unfit"),
    ],
)
def test_its_use_must_be_the_one_we_need(
    people: MailPeople, rsa: bool, usages: tuple[str, ...], purpose: str, code: str
) -> None:
    key = people.bob.identity.key if rsa else ec_key()
    assert _fault(people, purpose=Purpose(purpose), key=key, usages=usages) == code


def test_a_certificate_for_something_else_is_refused(people: MailPeople) -> None:
    web = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    assert _fault(people, mail_use=False, extensions=[web]) == "certificate.purpose_unfit"


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("bo@example.dk", True),
        ("Bo@EXAMPLE.dk", True),
        ("bo@andet.dk", False),
        ("ecbo@example.dk", False),
        ("b.o@example.dk", False),
        ("bo+loen@example.dk", False),
        ("bo@sub.example.dk", False),
    ],
)
def test_it_must_name_the_very_address(people: MailPeople, address: str, same: bool) -> None:
    assert _fault(people, address) == ("" if same else "certificate.address_mismatch")
    assert is_same_mailbox(parse_address(BO), parse_address(address)) == same


def test_an_address_in_the_subject_counts_only_without_one_beside_it(people: MailPeople) -> None:
    both = issue(people.root, BO, ec_key())
    assert [one.spec for one in addresses_in(both.certificate)] == [BO]
    old = issue(people.root, BO, ec_key(), in_subject=True)
    assert [one.spec for one in addresses_in(old.certificate)] == [BO]
    strange = issue(people.root, "ikke en adresse", ec_key())
    assert list(addresses_in(strange.certificate)) == []
