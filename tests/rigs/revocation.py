"""An issuer's revocation service on loopback: a list and an OCSP responder, which a test turns good or bad.

Relies on the standard library's HTTP server on a thread. It counts what it was asked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from routing.cms.keys import PrivateKey
from tests.rigs.mail_people import LETTER_AT, Authority, Person, pss_padding


@dataclass
class RevocationService:
    """What the service says, and how often it was asked for what."""

    port: int
    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def list_at(self, path: str) -> x509.CRLDistributionPoints:
        """Returns the extension that points to a list here."""
        name = x509.UniformResourceIdentifier(self.url(path))
        return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])

    def responder_at(self, path: str) -> x509.AuthorityInformationAccess:
        """Returns the extension that points to a responder here."""
        name = x509.UniformResourceIdentifier(self.url(path))
        return x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, name)]
        )


@contextmanager
def revocation_service() -> Iterator[RevocationService]:
    """Serves on loopback for the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.asked.append(self.path)
            body = service.bodies.get(self.path)
            if service.down or body is None:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = RevocationService(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, name="revocation", daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


def revocation_list(
    authority: Authority, *revoked: Person, at: datetime = LETTER_AT - timedelta(hours=1), days: int = 7
) -> bytes:
    """Returns an authority's list in DER."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    builder = builder.last_update(at).next_update(at + timedelta(days=days))
    for person in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(person.certificate.serial_number)
        builder = builder.add_revoked_certificate(one.revocation_date(at - timedelta(days=1)).build())
    padding = pss_padding(authority)
    return builder.sign(authority.key, hashes.SHA256(), rsa_padding=padding).public_bytes(Encoding.DER)


def ocsp_answer(
    authority: Authority,
    person: Person,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    at: datetime = LETTER_AT - timedelta(hours=1),
    days: int = 1,
    by: tuple[x509.Certificate, PrivateKey] | None = None,
) -> bytes:
    """Returns an answer in DER, signed by the authority itself, or `by` a responder whose certificate comes
    along."""
    revoked_at = at - timedelta(days=1) if status is ocsp.OCSPCertStatus.REVOKED else None
    builder = ocsp.OCSPResponseBuilder().add_response(
        person.certificate,
        authority.certificate,
        hashes.SHA1(),
        status,
        at,
        at + timedelta(days=days),
        revoked_at,
        None,
    )
    answering, key = by or (authority.certificate, authority.key)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, answering)
    if by is not None:
        builder = builder.certificates([answering])
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
