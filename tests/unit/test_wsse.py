"""WS-Security: what is signed and how, judged by hand as well, and all that must not pass as signed."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from eboks.soap.wsse import DS, SOAP, WSSE, WSU, SignatureRefused, SigningKey, sign, signing_key, verify
from schemas.errors import ConfigurationError
from tests.rigs.soap import brev_xml, envelope
from tests.rigs.source import ROOT

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SIGNED = {"s": SOAP, "w": WSSE, "u": WSU, "d": DS}
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certificate_of(key: Private) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256())


def pem(key: Private | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)


RSA, EC, OTHER = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP256R1()),
)
CERTIFICATES = {"rsa": certificate_of(RSA), "ecdsa": certificate_of(EC), "other": certificate_of(OTHER)}
KEYS = {"rsa": signing_key(pem(RSA)), "ecdsa": signing_key(pem(EC)), "other": signing_key(pem(OTHER))}
PLAIN = envelope(brev_xml(), '<q:a xmlns:q="urn:q">v</q:a>')


def signed(kind: str = "ecdsa", text: bytes = PLAIN, at: datetime = NOW) -> etree._Element:
    return etree.fromstring(sign(text, KEYS[kind], CERTIFICATES[kind], at))


def one(tree: etree._Element, path: str) -> etree._Element:
    found = tree.find(path, SIGNED)
    assert found is not None, path
    return found


def refusal(tree: etree._Element, kind: str = "ecdsa", now: datetime = NOW) -> str:
    try:
        verify(tree, CERTIFICATES[kind], now)
    except SignatureRefused as refused:
        return refused.code
    return ""


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
@pytest.mark.parametrize("text", [PLAIN, envelope(brev_xml())])
def test_what_is_signed_is_verified(kind: str, text: bytes):
    assert refusal(signed(kind, text), kind) == ""


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_the_signature_holds_by_hand_too(kind: str):
    tree = signed(kind)
    info = one(tree, ".//d:SignedInfo")
    references = info.findall("d:Reference", SIGNED)
    by_id = {element.get(f"{{{WSU}}}Id"): element for element in tree.iter(etree.Element)}
    assert [reference.get("URI") for reference in references] == [
        "#timestamp",
        "#token",
        "#body",
        "#header-1",
    ]
    for reference in references:
        canonical = etree.tostring(by_id[reference.get("URI", "")[1:]], method="c14n", exclusive=True)
        digest = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
        assert one(reference, "d:DigestValue").text == digest
    value = base64.b64decode(one(tree, ".//d:SignatureValue").text or "")
    text = etree.tostring(info, method="c14n", exclusive=True)
    hand_verify(CERTIFICATES[kind], value, text)
    with pytest.raises(InvalidSignature):
        hand_verify(CERTIFICATES[kind], value, text + b" ")


def hand_verify(certificate: x509.Certificate, value: bytes, text: bytes) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(value[half : half + 32]) for half in (0, 32))
        key.verify(encode_dss_signature(r, s), text, ec.ECDSA(hashes.SHA256()))


def test_the_form_is_that_of_the_x509_token_profile():
    tree = signed()
    security = one(tree, "s:Header/w:Security")
    assert [etree.QName(child).localname for child in security] == [
        "Timestamp",
        "BinarySecurityToken",
        "Signature",
    ]
    assert security.get(f"{{{SOAP}}}mustUnderstand") == "1"
    assert [child.text for child in security[0]] == ["2026-11-24T12:00:00.000Z", "2026-11-24T12:05:00.000Z"]
    token = one(security, "w:BinarySecurityToken")
    assert token.get("ValueType").endswith("#X509v3") and token.get("EncodingType").endswith("#Base64Binary")
    named = one(security, "d:Signature/d:KeyInfo/w:SecurityTokenReference/w:Reference")
    assert named.get("URI") == "#token"
    algorithms = {element.get("Algorithm", "") for element in security.iter(etree.Element)} - {""}
    assert not [name for name in algorithms if "sha1" in name or "md5" in name]


def test_a_tree_given_is_left_as_it_was():
    tree = etree.fromstring(PLAIN)
    text = sign(tree, KEYS["ecdsa"], CERTIFICATES["ecdsa"], NOW)
    assert etree.tostring(tree) == etree.tostring(etree.fromstring(PLAIN))
    assert refusal(etree.fromstring(text)) == ""


def test_the_body_says_what_it_said():
    before, after = etree.fromstring(PLAIN)[-1][0], signed()[-1][0]
    assert etree.tostring(before, method="c14n", exclusive=True) == etree.tostring(
        after, method="c14n", exclusive=True
    )


def change_body(tree: etree._Element) -> None:
    one(tree, "s:Body//{*}TitelTekst").text = "Anden"


def change_header(tree: etree._Element) -> None:
    one(tree, "s:Header/{urn:q}a").text = "w"


def change_timestamp(tree: etree._Element) -> None:
    one(tree, ".//u:Expires").text = "2030-01-01T00:00:00Z"


def change_value(tree: etree._Element) -> None:
    one(tree, ".//d:SignatureValue").text = base64.b64encode(bytes(64)).decode()


def drop_security(tree: etree._Element) -> None:
    one(tree, "s:Header").remove(one(tree, "s:Header/w:Security"))


def drop_header(tree: etree._Element) -> None:
    tree.remove(one(tree, "s:Header"))


def drop_signature(tree: etree._Element) -> None:
    one(tree, ".//w:Security").remove(one(tree, ".//d:Signature"))


def drop_timestamp(tree: etree._Element) -> None:
    one(tree, ".//w:Security").remove(one(tree, ".//u:Timestamp"))


def two_securities(tree: etree._Element) -> None:
    one(tree, "s:Header").append(etree.fromstring(etree.tostring(one(tree, ".//w:Security"))))


def drop_body_reference(tree: etree._Element) -> None:
    info = one(tree, ".//d:SignedInfo")
    info.remove(one(info, "d:Reference[@URI='#body']"))


def drop_every_reference(tree: etree._Element) -> None:
    info = one(tree, ".//d:SignedInfo")
    for reference in info.findall("d:Reference", SIGNED):
        info.remove(reference)


def add_a_header(tree: etree._Element) -> None:
    etree.SubElement(one(tree, "s:Header"), "{urn:q}b")


def wrap(tree: etree._Element) -> None:
    """The signed body is kept out of the way, and another one, without an id, takes its place."""
    body = one(tree, "s:Body")
    holder = etree.SubElement(one(tree, "s:Header"), "{urn:q}holder")
    forged = etree.fromstring(etree.tostring(body))
    del forged.attrib[f"{{{WSU}}}Id"]
    tree.replace(body, forged)
    holder.append(body)


def wrap_with_the_same_id(tree: etree._Element) -> None:
    wrap(tree)
    one(tree, "s:Body").set(f"{{{WSU}}}Id", "body")


def wrap_with_a_plain_id(tree: etree._Element) -> None:
    wrap(tree)
    one(tree, "s:Body").set("id", "body")


def another_body_first(tree: etree._Element) -> None:
    tree.insert(1, etree.fromstring(etree.tostring(one(tree, "s:Body"))))


def reference_of_another_kind(tree: etree._Element) -> None:
    one(tree, ".//d:Reference").set("URI", "")


def weak_digest(tree: etree._Element) -> None:
    one(tree, ".//d:DigestMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")


def keyed_hash(tree: etree._Element) -> None:
    one(tree, ".//d:SignatureMethod").set("Algorithm", "http://www.w3.org/2000/09/xmldsig#hmac-sha1")


def stylesheet(tree: etree._Element) -> None:
    one(tree, ".//d:Transform").set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def two_transforms(tree: etree._Element) -> None:
    etree.SubElement(one(tree, ".//d:Transforms"), f"{{{DS}}}Transform", Algorithm="urn:x")


def many_references(tree: etree._Element) -> None:
    info = one(tree, ".//d:SignedInfo")
    reference = etree.tostring(one(info, "d:Reference"))
    for _ in range(30):
        info.append(etree.fromstring(reference))


def no_times(tree: etree._Element) -> None:
    for child in one(tree, ".//u:Timestamp"):
        child.getparent().remove(child)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (change_body, "wsse.bad_signature"),
        (change_header, "wsse.bad_signature"),
        (change_timestamp, "wsse.bad_signature"),
        (change_value, "wsse.bad_signature"),
        (drop_security, "wsse.unsigned"),
        (drop_header, "wsse.unsigned"),
        (drop_signature, "wsse.unsigned"),
        (drop_timestamp, "wsse.unsigned"),
        (two_securities, "wsse.unsigned"),
        (drop_body_reference, "wsse.not_covered"),
        (drop_every_reference, "wsse.not_covered"),
        (add_a_header, "wsse.not_covered"),
        (wrap, "wsse.not_covered"),
        (wrap_with_the_same_id, "wsse.not_covered"),
        (wrap_with_a_plain_id, "wsse.not_covered"),
        (another_body_first, "wsse.not_covered"),
        (reference_of_another_kind, "wsse.not_covered"),
        (many_references, "wsse.not_covered"),
        (weak_digest, "wsse.bad_signature"),
        (keyed_hash, "wsse.bad_signature"),
        (stylesheet, "wsse.bad_signature"),
        (two_transforms, "wsse.unsigned"),
        (no_times, "wsse.bad_signature"),
    ],
)
def test_what_was_changed_is_refused(spoil: Callable[[etree._Element], None], code: str):
    tree = signed()
    spoil(tree)
    assert refusal(tree) == code
    assert refusal(etree.fromstring(etree.tostring(tree))) == code


def test_another_certificate_is_refused_and_so_is_our_own_echoed_back():
    assert refusal(signed("other")) == "wsse.wrong_certificate"
    assert refusal(signed("rsa")) == "wsse.wrong_certificate"


def test_naming_the_right_certificate_does_not_help_another_key():
    text = sign(PLAIN, KEYS["other"], CERTIFICATES["ecdsa"], NOW)
    assert refusal(etree.fromstring(text)) == "wsse.bad_signature"
    nameless = signed("other")
    token = one(nameless, ".//w:BinarySecurityToken")
    token.getparent().remove(token)
    assert refusal(nameless) == "wsse.not_covered"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(-301, "wsse.stale"), (-299, ""), (0, ""), (599, ""), (601, "wsse.stale"), (86_400, "wsse.stale")],
)
def test_a_signature_lasts_its_time_and_the_skew(seconds: float, code: str):
    assert refusal(signed(), now=NOW + timedelta(seconds=seconds)) == code


def test_a_key_under_a_password_signs():
    key = signing_key(pem(EC, b"secret"), b"secret")
    text = sign(PLAIN, key, CERTIFICATES["ecdsa"], NOW)
    assert refusal(etree.fromstring(text)) == ""
    assert "object at" not in repr(key)


@pytest.mark.parametrize(
    ("text", "password"),
    [(b"not a key", None), (pem(ed25519.Ed25519PrivateKey.generate()), None), (pem(EC, b"secret"), b"wrong")],
)
def test_a_key_that_cant_sign_is_a_fault_of_the_set_up(text: bytes, password: bytes | None):
    with pytest.raises(ConfigurationError, match=r"wsse\.key_unusable"):
        signing_key(text, password)


def test_a_key_of_another_kind_than_it_says_is_a_fault_of_the_set_up():
    with pytest.raises(ConfigurationError, match=r"wsse\.key_unusable"):
        sign(PLAIN, SigningKey("rsa", KEYS["ecdsa"].key), CERTIFICATES["ecdsa"], NOW)


def test_without_the_extra_it_says_so_and_the_module_still_loads():
    script = (
        "import sys; sys.modules['xmlsec'] = None\n"
        "from eboks.soap.wsse import signing_key\n"
        "try: signing_key(b'')\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "wsse.extra_missing", done.stderr
