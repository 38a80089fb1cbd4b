"""WS-Security with X.509: signs a SOAP envelope, and verifies one against the certificate we trust.

Relies on xmlsec, the extra `wsse`, and imports it on first use only: who does not sign does not need it. The
form is the OASIS X.509 token profile: a timestamp, the sender's certificate as BinarySecurityToken, and one
signature over both of them, the body and every other header, exclusive canonicalisation, SHA-256 throughout.
Sends nothing, and checks no certificate's chain or validity: which one is trusted is the caller's word.
"""

from __future__ import annotations

import base64
import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from schemas.errors import ConfigurationError, HouseError

if TYPE_CHECKING:
    import xmlsec

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
_X509 = f"{_OASIS}x509-token-profile-1.0#X509v3"
_BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_SIGNATURES = {
    "rsa": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ecdsa": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_ID = f"{{{WSU}}}Id"
_VALID_SECONDS = 300
_SKEW_SECONDS = 300
_MAX_REFERENCES = 20


class SignatureRefused(HouseError):
    """An envelope is not signed as it must be, by whom it must be; its content may be anybody's."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, loaded once, and the kind it is of."""

    kind: str
    key: xmlsec.Key = field(repr=False)


def signing_key(pem: bytes, password: bytes | None = None) -> SigningKey:
    """Returns a key loaded from PEM; raises ConfigurationError when it is neither RSA nor ECDSA."""
    library = _xmlsec()
    try:
        private = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError) as error:
        raise ConfigurationError("wsse.key_unusable") from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("wsse.key_unusable")
    plain = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kind = "rsa" if isinstance(private, rsa.RSAPrivateKey) else "ecdsa"
    return SigningKey(kind, library.Key.from_memory(plain, library.KeyFormat.PEM))


def sign(
    envelope: bytes | etree._Element,
    key: SigningKey,
    certificate: x509.Certificate,
    now: datetime,
    *,
    valid_seconds: float = _VALID_SECONDS,
) -> bytes:
    """Returns the envelope signed; a tree given is left as it was.

    `certificate` is the key's own, `now` the time it says it was signed at. Raises ConfigurationError when
    xmlsec is missing or can't sign by this key.
    """
    library = _xmlsec()
    root = _parsed(envelope) if isinstance(envelope, bytes) else copy.deepcopy(envelope)
    header, body = _header(root), _body(root)
    others = list(header)
    security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    security.set(f"{{{SOAP}}}mustUnderstand", "1")
    timestamp = _add_timestamp(security, now, now + timedelta(seconds=valid_seconds))
    token = _add_token(security, certificate)
    signed = {"timestamp": timestamp, "token": token, "body": body}
    signed |= {f"header-{place}": one for place, one in enumerate(others, 1)}
    for name, element in signed.items():
        element.set(_ID, name)
    signature = _add_signature(library, security, list(signed), key.kind)
    _compute(library, signature, list(signed.values()), key)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def verify(
    tree: etree._Element,
    trusted_certificate: x509.Certificate,
    now: datetime,
    *,
    skew_seconds: float = _SKEW_SECONDS,
) -> None:
    """Returns when timestamp, body and every header are signed by this certificate's key and fresh.

    Raises SignatureRefused with a code otherwise: `wsse.unsigned`, `wsse.wrong_certificate`,
    `wsse.not_covered`, `wsse.bad_signature` or `wsse.stale`. Only the body that is the envelope's own child
    counts, and an id that occurs twice covers nothing: what was verified is what the caller reads.
    """
    library = _xmlsec()
    header = _only(tree, f"{{{SOAP}}}Header")
    security = _only(header, f"{{{WSSE}}}Security")
    signature = _only(security, f"{{{DS}}}Signature")
    timestamp = _only(security, f"{{{WSU}}}Timestamp")
    _demand_token(security, trusted_certificate)
    covered = _covered(tree, signature)
    needed = [timestamp, _body(tree), *(one for one in header if one is not security)]
    if any(one not in covered for one in needed):
        raise SignatureRefused("wsse.not_covered")
    _demand_valid(library, signature, covered, trusted_certificate)
    _demand_fresh(timestamp, now, timedelta(seconds=skew_seconds))


def _xmlsec() -> ModuleType:
    try:
        import xmlsec
    except ImportError as error:
        raise ConfigurationError("wsse.extra_missing") from error
    return xmlsec


def _parsed(envelope: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=len(envelope) > 1_000_000
    )
    return etree.fromstring(envelope, parser)


def _header(root: etree._Element) -> etree._Element:
    """Returns an envelope's header, an empty one where it had none."""
    header = root.find(f"{{{SOAP}}}Header")
    if header is None:
        header = etree.Element(f"{{{SOAP}}}Header")
        root.insert(0, header)
    return header


def _body(root: etree._Element) -> etree._Element:
    return _only(root, f"{{{SOAP}}}Body")


def _only(parent: etree._Element, tag: str) -> etree._Element:
    """Returns the one child of that tag; raises SignatureRefused when there are none or several."""
    found = parent.findall(tag)
    if len(found) != 1:
        raise SignatureRefused("wsse.unsigned")
    return found[0]


def _add_timestamp(security: etree._Element, created: datetime, expires: datetime) -> etree._Element:
    timestamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
    for name, at in (("Created", created), ("Expires", expires)):
        written = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        etree.SubElement(timestamp, f"{{{WSU}}}{name}").text = written
    return timestamp


def _add_token(security: etree._Element, certificate: x509.Certificate) -> etree._Element:
    token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken")
    token.set("ValueType", _X509)
    token.set("EncodingType", _BASE64)
    token.text = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return token


def _add_signature(
    library: ModuleType, security: etree._Element, names: list[str], kind: str
) -> etree._Element:
    """Adds an empty signature over the elements of these ids, which names the token as its key."""
    transform = library.Transform
    method = transform.RSA_SHA256 if kind == "rsa" else transform.ECDSA_SHA256
    signature = cast(etree._Element, library.template.create(security, transform.EXCL_C14N, method, ns="ds"))
    security.append(signature)
    for name in names:
        reference = library.template.add_reference(signature, transform.SHA256, uri=f"#{name}")
        library.template.add_transform(reference, transform.EXCL_C14N)
    named = etree.SubElement(library.template.ensure_key_info(signature), f"{{{WSSE}}}SecurityTokenReference")
    etree.SubElement(named, f"{{{WSSE}}}Reference", {"URI": "#token", "ValueType": _X509})
    return signature


def _compute(
    library: ModuleType, signature: etree._Element, signed: list[etree._Element], key: SigningKey
) -> None:
    context = library.SignatureContext()
    context.key = key.key
    for element in signed:
        context.register_id(element, "Id", WSU)
    try:
        context.sign(signature)
    except library.Error as error:
        raise ConfigurationError("wsse.key_unusable") from error


def _demand_token(security: etree._Element, trusted: x509.Certificate) -> None:
    """Raises SignatureRefused when the envelope says it was signed by another certificate."""
    der = trusted.public_bytes(serialization.Encoding.DER)
    for token in security.findall(f"{{{WSSE}}}BinarySecurityToken"):
        written = "".join((token.text or "").split())
        if written != base64.b64encode(der).decode():
            raise SignatureRefused("wsse.wrong_certificate")


def _covered(tree: etree._Element, signature: etree._Element) -> list[etree._Element]:
    """Returns the elements that a signature of our own form refers to, each by an id that no other has."""
    info = _only(signature, f"{{{DS}}}SignedInfo")
    references = info.findall(f"{{{DS}}}Reference")
    _demand_method(info, "CanonicalizationMethod", {_EXCLUSIVE})
    _demand_method(info, "SignatureMethod", set(_SIGNATURES.values()))
    if not 0 < len(references) <= _MAX_REFERENCES:
        raise SignatureRefused("wsse.not_covered")
    by_id = _ids(tree)
    covered = []
    for reference in references:
        _demand_method(reference, "DigestMethod", {_SHA256})
        _demand_method(_only(reference, f"{{{DS}}}Transforms"), "Transform", {_EXCLUSIVE})
        named = by_id.get((reference.get("URI") or "").removeprefix("#"), [])
        if len(named) != 1 or named[0].get(_ID) is None:
            raise SignatureRefused("wsse.not_covered")
        covered.append(named[0])
    return covered


def _demand_method(parent: etree._Element, name: str, allowed: set[str]) -> None:
    if _only(parent, f"{{{DS}}}{name}").get("Algorithm") not in allowed:
        raise SignatureRefused("wsse.bad_signature")


def _ids(tree: etree._Element) -> dict[str, list[etree._Element]]:
    """Returns id → the elements that carry it, in any attribute that some reader takes for an id."""
    found: dict[str, list[etree._Element]] = {}
    for element in tree.iter(etree.Element):
        for name, value in element.attrib.items():
            if str(name).rpartition("}")[2].lower() == "id":
                found.setdefault(str(value), []).append(element)
    return found


def _demand_valid(
    library: ModuleType,
    signature: etree._Element,
    covered: list[etree._Element],
    trusted: x509.Certificate,
) -> None:
    context = library.SignatureContext()
    der = trusted.public_bytes(serialization.Encoding.DER)
    context.key = library.Key.from_memory(der, library.KeyFormat.CERT_DER)
    try:
        for element in covered:
            context.register_id(element, "Id", WSU)
        context.verify(signature)
    except library.Error as error:
        raise SignatureRefused("wsse.bad_signature") from error


def _demand_fresh(timestamp: etree._Element, now: datetime, skew: timedelta) -> None:
    """Raises SignatureRefused unless now lies between the times of a timestamp, give or take the skew."""
    created = _moment(timestamp, "Created")
    expires = _moment(timestamp, "Expires", created + timedelta(seconds=_VALID_SECONDS) if created else None)
    if created is None or expires is None or not created - skew <= now <= expires + skew:
        raise SignatureRefused("wsse.stale")


def _moment(timestamp: etree._Element, name: str, otherwise: datetime | None = None) -> datetime | None:
    written = timestamp.findtext(f"{{{WSU}}}{name}")
    if written is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(written.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
