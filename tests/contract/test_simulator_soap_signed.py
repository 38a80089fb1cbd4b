"""The SOAP service when it wants signatures: the caller's on every request, the partner's on every answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from lxml import etree
from pydantic import ValidationError

from eboks.simulator import SimulatorSettings
from eboks.simulator.certificates import CertificateFolder, KeyPair
from eboks.soap.wsse import SignatureRefused, sign, signing_key, verify
from tests.rigs.simulator import Reply, SimulatorClient, StartSimulator, message_id
from tests.rigs.soap import Answer, answer_in, brev_xml, envelope, post, tilmelding_xml

TAKEN = Answer(200, "true")
UNSIGNED = Answer(500, code=9065, detail="ServiceplatformFault", fault_code="Client")


@pytest.fixture
def client(start_simulator: StartSimulator, certificates: CertificateFolder) -> Iterator[SimulatorClient]:
    simulator = start_simulator(soap_security="signed", soap_partner=files(certificates.partner()))
    with simulator.client() as client:
        yield client


def files(pair: KeyPair) -> dict[str, str]:
    return {"certificate": str(pair.certificate), "key": str(pair.key)}


def certificate_of(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def signed(text: str, pair: KeyPair, at: datetime | None = None) -> bytes:
    key = signing_key(pair.key.read_bytes())
    return sign(envelope(text), key, certificate_of(pair), at or datetime.now(UTC))


def refusal(reply: Reply, pair: KeyPair) -> str:
    try:
        verify(etree.fromstring(reply.body), certificate_of(pair), datetime.now(UTC))
    except SignatureRefused as refused:
        return refused.code
    return ""


def test_signed_calls_are_answered_with_the_partners_signature(
    client: SimulatorClient, certificates: CertificateFolder
):
    ours, theirs = certificates.client(), certificates.partner()
    replies = [
        post(client, signed(brev_xml(), ours)),
        post(client, signed(tilmelding_xml(), ours), "spoergTilmelding"),
    ]
    assert [answer_in(reply) for reply in replies] == [TAKEN, TAKEN]
    assert [refusal(reply, theirs) for reply in replies] == ["", ""]
    assert (
        refusal(replies[0], ours)
        == refusal(replies[0], certificates.partner("other"))
        == "wsse.wrong_certificate"
    )


def test_faults_are_signed_too(client: SimulatorClient, certificates: CertificateFolder):
    refused = post(client, signed(brev_xml(title=""), certificates.client()))
    assert (answer_in(refused).code, refusal(refused, certificates.partner())) == (9003, "")


def test_a_call_that_is_not_rightly_signed_is_turned_down(
    client: SimulatorClient, certificates: CertificateFolder
):
    ours = certificates.client()
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    wrong = [
        envelope(brev_xml()),
        signed(brev_xml(), certificates.client("other_system")),
        signed(brev_xml(), certificates.partner()),
        signed(brev_xml(), ours, long_ago),
        signed(brev_xml(), ours).replace(b"nseddel", b"nnotits"),
    ]
    replies = [post(client, text) for text in wrong]
    assert [answer_in(reply) for reply in replies] == [UNSIGNED] * len(wrong)
    assert {refusal(reply, certificates.partner()) for reply in replies} == {""}
    assert client.messages() == []


def test_a_signed_call_is_not_understood_where_none_is_wanted(
    start_simulator: StartSimulator, certificates: CertificateFolder
):
    with start_simulator().client() as client:
        reply = post(client, signed(brev_xml(), certificates.client()))
    assert answer_in(reply) == Answer(500, fault_code="MustUnderstand")


@pytest.mark.parametrize(
    ("variant", "code"),
    [
        ("unsigned", "wsse.unsigned"),
        ("altered", "wsse.bad_signature"),
        ("stale", "wsse.stale"),
        ("result_false", ""),
        ("other_operation", ""),
        ("fault_as_200", ""),
    ],
)
def test_an_answers_signature_can_be_made_wrong(
    client: SimulatorClient, certificates: CertificateFolder, variant: str, code: str
):
    client.add_fault("wrong_soap", on="soap_send", count=1, variant=variant)
    reply = post(client, signed(brev_xml(message_id(7)), certificates.client()))
    assert (reply.status, refusal(reply, certificates.partner())) == (200, code)
    assert len(client.messages()) == 1


def test_answers_can_be_signed_by_somebody_else(
    start_simulator: StartSimulator, certificates: CertificateFolder
):
    other = files(certificates.partner("other"))
    with start_simulator(soap_security="signed", soap_partner=other).client() as client:
        reply = post(client, signed(brev_xml(), certificates.client()))
    assert (answer_in(reply), refusal(reply, certificates.partner())) == (TAKEN, "wsse.wrong_certificate")


def test_signing_needs_a_partner():
    with pytest.raises(ValidationError):
        SimulatorSettings(soap_security="signed")
