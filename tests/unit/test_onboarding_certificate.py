"""A sender's certificate is read and judged: each thing that can be wrong has its own verdict."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jobs.onboarding.certificate_checks import check_identity, warning_level
from jobs.onboarding.certificate_request import make_request, read_request_key
from jobs.onboarding.certificate_store import CertificateStore
from jobs.onboarding.certificates import (
    Identity,
    cvr_of,
    facts_of,
    join,
    read_certificates,
    read_key,
    read_pkcs12,
    with_colons,
)
from schemas.errors import ConfigurationError
from tests.rigs.oces import CVR, OTHER_CVR, PASSWORD, Issued, Oces, make_oces, oces2_subject


def verdicts(oces: Oces, issued: Issued, *, cvr: str = CVR, roots=None, key=None) -> dict[str, str]:
    """Returns the code of every point that is not in order."""
    identity = Identity(issued.certificate, key or issued.key, issued.chain)
    trusted = [oces.root.certificate] if roots is None else roots
    checks = check_identity(identity, trusted, cvr, oces.now)
    assert len({check.what for check in checks}) == len(checks) == 6
    return {check.what: check.code for check in checks if check.code}


def test_a_right_certificate_of_a_pss_chain_is_in_order(oces: Oces):
    issued = oces.issue()
    assert issued.certificate.signature_algorithm_oid == x509.SignatureAlgorithmOID.RSASSA_PSS
    assert verdicts(oces, issued) == {}


def test_the_older_form_of_subject_is_read_too(oces: Oces):
    assert verdicts(oces, oces.issue(subject=oces2_subject())) == {}


@pytest.mark.parametrize(
    ("wrong", "point", "code"),
    [
        ({"days": -1, "since_days": 30}, "time", "tls.certificate_expired"),
        ({"days": 30, "since_days": -1}, "time", "tls.certificate_not_yet_valid"),
        ({"days": 14}, "time", "tls.certificate_expires_soon"),
        ({"usage": False}, "use", "own_certificate.wrong_key_usage"),
        ({"extended": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "use", "own_certificate.wrong_extended_usage"),
        ({"authority": True}, "use", "own_certificate.is_authority"),
        ({"cvr": OTHER_CVR}, "cvr", "own_certificate.cvr_differs"),
        (
            {"subject": [x509.NameAttribute(NameOID.COMMON_NAME, "Testvirksomhed ApS")]},
            "cvr",
            "own_certificate.cvr_missing",
        ),
    ],
)
def test_each_wrong_thing_has_its_verdict_and_no_other(oces: Oces, wrong, point: str, code: str):
    found = verdicts(oces, oces.issue(**wrong))
    assert found == {f"certificate.{point}": code}


def test_a_strange_key_is_no_match(oces: Oces):
    assert verdicts(oces, oces.issue(), key=oces.issue().key) == {"certificate.pair": "tls.key_mismatch"}


def test_a_certificate_without_its_key_is_told(oces: Oces):
    identity = join(read_certificates(oces.issue().pem), None)
    checks = check_identity(identity, [oces.root.certificate], CVR, oces.now)
    assert [check.code for check in checks if check.level == "bad"] == ["own_certificate.no_key"]


def test_a_short_key_is_weak(oces: Oces):
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    found = verdicts(oces, oces.issue(key=short))
    assert found["certificate.strength"] == "own_certificate.weak_key"


def test_an_unknown_authority_a_missing_link_and_one_that_is_over(oces: Oces):
    issued = oces.issue()
    stranger = make_oces(oces.now)
    chain = {"certificate.chain": "own_certificate.unknown_authority"}
    assert verdicts(oces, issued, roots=[stranger.root.certificate]) == chain  # same name, another key
    alone = Issued(issued.certificate, issued.key)
    assert verdicts(oces, alone) == chain
    over = make_oces(oces.now, issuing_days=-1)
    assert verdicts(over, over.issue()) == {"certificate.chain": "own_certificate.authority_expired"}


def test_a_forged_signature_breaks_the_chain(oces: Oces):
    issued = oces.issue()
    der = bytearray(issued.certificate.public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = Issued(x509.load_der_x509_certificate(bytes(der)), issued.key, issued.chain)
    assert verdicts(oces, forged) == {"certificate.chain": "own_certificate.bad_chain"}


def test_without_roots_the_chain_is_noted_as_not_checked(oces: Oces):
    assert verdicts(oces, oces.issue(), roots=[]) == {"certificate.chain": "own_certificate.no_roots"}


@pytest.mark.parametrize(
    ("days", "level"),
    [(900, None), (61, None), (60, 60), (31, 60), (30, 30), (14, 14), (8, 14), (7, 7), (0, 7)],
)
def test_the_warning_comes_at_60_30_14_and_7_days(days: int, level: int | None):
    assert warning_level(days) == level


# Reading


def test_pkcs12_gives_certificate_key_and_chain(oces: Oces):
    issued = oces.issue()
    read = read_pkcs12(issued.p12(), PASSWORD)
    assert (read.certificate, read.chain, read.matches) == (issued.certificate, issued.chain, True)


@pytest.mark.parametrize(
    ("data", "password", "code"),
    [
        (None, "forkert", "own_certificate.p12_password"),
        (None, "", "own_certificate.p12_password"),
        (b"-----BEGIN CERTIFICATE-----", PASSWORD, "own_certificate.p12_unreadable"),
        (b"", PASSWORD, "own_certificate.p12_unreadable"),
    ],
)
def test_a_pkcs12_that_does_not_open_says_why_and_not_the_password(
    oces: Oces, data, password: str, code: str
):
    with pytest.raises(ConfigurationError) as raised:
        read_pkcs12(oces.issue().p12() if data is None else data, password)
    assert raised.value.code == code
    assert not password or password not in str(raised.value)


def test_a_key_with_a_password(oces: Oces):
    issued = oces.issue()
    locked = issued.key_pem(PASSWORD)
    assert read_key(locked, PASSWORD).public_key() == issued.key.public_key()
    assert read_key(issued.key_pem(), PASSWORD).public_key() == issued.key.public_key()
    for password, code in (("", "own_certificate.key_locked"), ("forkert", "own_certificate.key_password")):
        with pytest.raises(ConfigurationError) as raised:
            read_key(locked, password)
        assert raised.value.code == code


def test_the_leaf_is_found_wherever_it_stands(oces: Oces):
    issued = oces.issue()
    backwards = [*issued.chain, issued.certificate]
    assert join(backwards, issued.key).certificate == issued.certificate
    assert join(backwards, None).certificate == issued.certificate


def test_der_is_read_and_rubbish_is_not(oces: Oces):
    issued = oces.issue()
    assert read_certificates(issued.certificate.public_bytes(Encoding.DER)) == [issued.certificate]
    for data in (b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ConfigurationError) as raised:
            read_certificates(data)
        assert raised.value.code == "own_certificate.unreadable"


def test_fingerprints_are_told_as_portals_want_them(oces: Oces):
    facts = facts_of(oces.issue().certificate)
    assert (len(with_colons(facts.sha256)), len(with_colons(facts.sha1))) == (95, 59)
    assert facts.cvr == CVR


# The request


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_request_names_the_sender_and_its_certificate_fits_the_kept_key(
    oces: Oces, tmp_path, password: str
):
    path = make_request(tmp_path / "x" / "request", CVR, "Testvirksomhed ApS", "uddata", 2048, password)
    request = x509.load_pem_x509_csr(path.read_bytes())
    assert request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)[0].value == f"NTRDK-{CVR}"
    kept = path.parent / "key.pem"
    assert (kept.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (b"ENCRYPTED" in kept.read_bytes()) == bool(password)
    key = read_request_key(path.parent, password)
    issued = join(read_certificates(oces.issue_for(request)), key)
    assert issued.matches and cvr_of(issued.certificate) == CVR
    with pytest.raises(ConfigurationError) as raised:
        make_request(path.parent, CVR, "Testvirksomhed ApS", "uddata", 2048)
    assert raised.value.code == "own_certificate.request_exists"


# The store


def identity_of(issued: Issued) -> Identity:
    return Identity(issued.certificate, issued.key, issued.chain)


def test_a_pair_is_stored_for_the_user_alone_and_swapped_whole(oces: Oces, tmp_path):
    store = CertificateStore(tmp_path / "certificates" / "loen")
    assert (store.filled, store.present()) == (False, None)
    made = [oces.issue(days=100 + number) for number in range(4)]
    for issued in made:
        store.install(identity_of(issued))
        assert store.present().certificate == issued.certificate
        assert read_key(store.key.read_bytes()).public_key() == issued.key.public_key()
        assert [path.resolve().stat().st_mode & 0o777 for path in (store.key, store.certificate)] == [
            0o600
        ] * 2
    assert len(list(store.folder.glob("pair-*"))) == 2
    assert CertificateStore.holding(store.certificate, store.key).folder == store.folder
    assert CertificateStore.holding(tmp_path / "a.pem", tmp_path / "a.key") is None


def test_a_pair_that_does_not_match_changes_nothing(oces: Oces, tmp_path):
    store = CertificateStore(tmp_path / "loen")
    first = oces.issue()
    store.install(identity_of(first))
    with pytest.raises(ConfigurationError) as raised:
        store.install(Identity(oces.issue().certificate, first.key))
    assert raised.value.code == "tls.key_mismatch"
    assert store.present().certificate == first.certificate


def test_the_same_pair_again_is_no_change(oces: Oces, tmp_path):
    store = CertificateStore(tmp_path / "loen")
    issued = oces.issue()
    store.install(identity_of(issued))
    before = store.certificate.stat().st_ino
    store.install(identity_of(issued))
    assert store.certificate.stat().st_ino == before
    assert oces.now + timedelta(days=1) < store.present().certificate.not_valid_after_utc
