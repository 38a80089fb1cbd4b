"""What an authority may say, and about whom: constraints on a chain, and who may answer about revocation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from routing.certificates.chains import Trust
from routing.certificates.fetching import fetch_over_http
from routing.certificates.judging import Judge
from routing.certificates.revocation import Revocation
from routing.cms.keys import CertificateId, Identity, PrivateKey
from routing.mime.addresses import parse_address
from tests.rigs.mail_people import (
    LETTER_AT,
    Authority,
    Person,
    certificate_builder,
    ec_key,
    issue,
    make_issuing,
    make_root,
    signed_by,
)
from tests.rigs.revocation import RevocationService, ocsp_answer, revocation_list, revocation_service

BO = "bo@example.dk"


@pytest.fixture
def service() -> Iterator[RevocationService]:
    with revocation_service() as running:
        yield running


def code(root: Authority, person: Person, address: str = "") -> str:
    """Returns why a certificate is refused, empty when it may be used."""
    asking = Revocation(fetch_over_http, lambda: LETTER_AT)
    judge = Judge(Trust((root.certificate,)), asking, "declared", lambda: LETTER_AT)
    whose = parse_address(address or person.address)
    verdict = asyncio.run(judge.judge(person.certificate, whose, others=person.identity.chain))
    return verdict.refusal.code if verdict.refusal else ""


@pytest.mark.parametrize("in_subject", [False, True], ids=["beside", "in-subject"])
@pytest.mark.parametrize(
    ("permitted", "excluded", "said"),
    [
        ("example.dk", "", ""),
        ("andet.dk", "", "certificate.untrusted"),
        (".example.dk", "", "certificate.untrusted"),
        ("", "example.dk", "certificate.untrusted"),
        ("", "andet.dk", ""),
    ],
)
def test_an_authority_for_one_domain_speaks_for_no_other(
    permitted: str, excluded: str, said: str, in_subject: bool
) -> None:
    only, never = ([x509.RFC822Name(one)] if one else None for one in (permitted, excluded))
    root = make_root()
    middle = make_issuing(root, extensions=[x509.NameConstraints(only, never)])
    assert code(root, issue(middle, BO, ec_key(), in_subject=in_subject)) == said


def test_an_authority_that_may_make_no_others_makes_none() -> None:
    root = make_root()
    middle = make_issuing(root)
    below = make_issuing(middle, "Below")
    assert code(root, issue(middle, BO, ec_key())) == ""
    chain = (middle.certificate, root.certificate)
    assert code(root, issue(Authority(below.certificate, below.key, chain), BO)) == "certificate.untrusted"


@pytest.mark.parametrize(("critical", "said"), [(False, ""), (True, "certificate.untrusted")])
def test_what_must_be_understood_and_is_not_closes_it(critical: bool, said: str) -> None:
    root = make_root()
    bo = issue(root, BO, ec_key())
    builder = certificate_builder(bo.certificate)
    for one in bo.certificate.extensions:
        builder = builder.add_extension(one.value, one.critical)
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    certificate = signed_by(root, builder.add_extension(strange, critical))
    assert code(root, Person(BO, Identity(CertificateId(certificate), bo.identity.key))) == said


@pytest.mark.parametrize("address", ["bo@r\u00f8dgr\u00f8d.example", "Bo@R\u00d8DGR\u00d8D.example"])
@pytest.mark.parametrize("named", ["bo@xn--rdgrd-vuad.example", "BO@XN--RDGRD-VUAD.EXAMPLE"])
def test_an_internationalised_domain_is_one_however_it_is_written(named: str, address: str) -> None:
    root = make_root()
    assert code(root, issue(root, named, ec_key()), address) == ""
    assert code(root, issue(root, named, ec_key()), "bo@rodgrod.example") == "certificate.address_mismatch"


@pytest.mark.parametrize("pss", [False, True], ids=["ecdsa", "pss-like-oces3"])
def test_a_list_counts_whatever_its_authority_signs_with(service: RevocationService, pss: bool) -> None:
    root = make_root(pss=pss)
    middle = make_issuing(root)
    person = issue(middle, BO, extensions=[service.list_at("/list")])
    service.bodies["/list"] = revocation_list(middle)
    assert code(root, person) == ""
    service.bodies["/list"] = revocation_list(middle, person)
    assert code(root, person) == "certificate.revoked"


def responder(authority: Authority, *, may_answer: bool = True) -> tuple[x509.Certificate, PrivateKey]:
    """Returns a responder that the authority has appointed, or only made a certificate for."""
    key = ec_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(LETTER_AT - timedelta(days=5))
        .not_valid_after(LETTER_AT + timedelta(days=25))
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.OCSPNoCheck(), critical=False)
    )
    if may_answer:
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        builder = builder.add_extension(use, critical=False)
    return signed_by(authority, builder), key


@pytest.mark.parametrize("pss", [False, True], ids=["ecdsa", "pss-like-oces3"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (ocsp.OCSPCertStatus.GOOD, ""),
        (ocsp.OCSPCertStatus.REVOKED, "certificate.revoked"),
        (ocsp.OCSPCertStatus.UNKNOWN, "certificate.revocation_unknown"),
    ],
)
def test_a_responder_answers_for_the_authority_that_appointed_it(
    service: RevocationService, status: ocsp.OCSPCertStatus, said: str, pss: bool
) -> None:
    root = make_root(pss=pss)
    person = issue(root, BO, extensions=[service.responder_at("/ocsp")])
    service.bodies["/ocsp"] = ocsp_answer(root, person, status, by=responder(root))
    assert code(root, person) == said


def test_nobody_answers_who_was_not_appointed_and_no_answer_is_about_another(
    service: RevocationService,
) -> None:
    root = make_root()
    person = issue(root, BO, ec_key(), extensions=[service.responder_at("/ocsp")])
    other = issue(root, "eva@example.dk", ec_key())
    for body in (
        ocsp_answer(root, person, by=responder(root, may_answer=False)),
        ocsp_answer(root, person, by=responder(make_root("Somebody else"))),
        ocsp_answer(root, other),
        ocsp_answer(root, other, by=responder(root)),
    ):
        service.bodies["/ocsp"] = body
        assert code(root, person) == "certificate.revocation_unknown"
    service.bodies["/ocsp"] = ocsp_answer(root, person)
    assert code(root, person) == ""
