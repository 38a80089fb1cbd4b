"""The SOAP service's signatures: demands the caller's on a request and puts the partner's on an answer.

Relies on `eboks.soap.wsse`, and only when the settings say "signed": the extra `wsse` is not needed
otherwise.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from lxml import etree

from eboks.simulator import codes
from eboks.simulator.access import caller_certificate
from eboks.simulator.codes import ObjectionRaised

if TYPE_CHECKING:
    from cryptography import x509

    from eboks.simulator.acceptance import Simulation
    from eboks.soap.wsse import SigningKey


def demand_signed(simulation: Simulation, request: web.Request, root: etree._Element) -> None:
    """Raises ObjectionRaised unless the caller's certificate signed what has to be signed."""
    if simulation.settings.soap_security != "signed":
        return
    from cryptography import x509

    from eboks.soap.wsse import SignatureRefused, verify

    caller = x509.load_der_x509_certificate(caller_certificate(request))
    try:
        verify(root, caller, simulation.now())
    except SignatureRefused:
        raise ObjectionRaised(codes.BAD_SIGNATURE) from None


def seal(simulation: Simulation, envelope: bytes, at: datetime | None = None) -> bytes:
    """Returns an envelope signed by the partner's certificate, or as it is when nothing has to be signed.

    `at` is the time it says it was signed at (None: now).
    """
    partner = simulation.settings.soap_partner
    if simulation.settings.soap_security != "signed" or partner is None:
        return envelope
    from eboks.soap.wsse import sign

    return sign(envelope, *_identity(partner.key, partner.certificate), at or simulation.now())


@lru_cache(maxsize=8)
def _identity(key: Path, certificate: Path) -> tuple[SigningKey, x509.Certificate]:
    from cryptography import x509

    from eboks.soap.wsse import signing_key

    return signing_key(key.read_bytes()), x509.load_pem_x509_certificate(certificate.read_bytes())
