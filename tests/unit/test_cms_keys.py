"""Our keys are loaded once and completely; a certificate is named by its own bytes."""

from __future__ import annotations

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from routing.cms import der
from routing.cms.keys import Transport, load_identity, recipient_key
from schemas.errors import ConfigurationError, Unreachable
from tests.rigs.mail_people import (
    MailPeople,
    Person,
    ec_key,
    issue,
    key_pem,
    make_issuing,
    make_root,
    rsa_key,
)


def _pem(*people: Person) -> bytes:
    return b"".join(one.certificate.public_bytes(Encoding.PEM) for one in people)


def test_an_identity_is_loaded_with_its_chain(people: MailPeople) -> None:
    chain = people.root.certificate.public_bytes(Encoding.PEM)
    ours = load_identity(_pem(people.sender) + chain, key_pem(people.sender.identity.key))
    assert ours.id.fingerprint == people.sender.identity.id.fingerprint
    assert ours.chain == (people.root.certificate,)
    assert len(ours.certificates_der) == 2


def test_what_is_wrong_with_our_files_is_told_apart(people: MailPeople) -> None:
    good = key_pem(people.sender.identity.key)
    locked = people.sender.identity.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    weak = issue(people.root, "svag@afsender.example", rsa_key(1024))
    for certificate, key, code in (
        (b"", good, "ours_unreadable"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good, "ours_unreadable"),
        (_pem(people.sender), b"", "key_unreadable"),
        (_pem(people.sender), locked, "key_unreadable"),
        (_pem(people.sender), other, "key_kind"),
        (_pem(people.bob), good, "key_mismatch"),
        (_pem(weak), key_pem(weak.identity.key), "key_weak"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_identity(certificate, key)
        assert caught.value.code == f"certificate.{code}"


def test_no_key_shows(people: MailPeople) -> None:
    assert "PrivateKey" not in repr(people.sender.identity)


def test_the_key_decides_the_transport(people: MailPeople) -> None:
    assert recipient_key(people.bob.certificate).transport is Transport.RSA_V15
    assert recipient_key(people.bob.certificate, oaep=True).transport is Transport.RSA_OAEP
    assert recipient_key(people.ecbob.certificate).transport is Transport.ECDH
    for unfit in (rsa_key(1024), ec_key(ec.SECP384R1())):
        with pytest.raises(Unreachable) as caught:
            recipient_key(issue(people.root, "svag@modtager.example", unfit).certificate)
        assert caught.value.code == "certificate.key_unfit"


@pytest.mark.parametrize("pss", [False, True])
def test_a_certificate_is_named_by_its_own_bytes(pss: bool) -> None:
    person = issue(make_issuing(make_root(pss=pss)), "bo@example.dk")
    read = asn1_x509.Certificate.load(person.identity.id.der)
    issuer, serial = der.elements_inside(person.identity.id.issuer_and_serial)
    assert issuer == read.issuer.dump()
    assert serial == read["tbs_certificate"]["serial_number"].dump()
    assert person.identity.id.key_id == read.key_identifier
