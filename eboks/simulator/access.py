"""Who may call: the client certificate of the connection, and the sender systems it is bound to.

Relies on aiohttp showing the TLS object. The chain itself was verified in the handshake; this module binds
the one certificate to system ids (facts/eboks row 14). Logs nothing.
"""

from __future__ import annotations

import hashlib
import ssl

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.codes import ObjectionRaised
from eboks.simulator.settings import SimulatorSettings


def known_systems(request: web.Request, settings: SimulatorSettings) -> tuple[int, ...]:
    """Returns the system ids the caller's certificate may use; raises ObjectionRaised (3000) if unknown."""
    systems = settings.certificates.get(hashlib.sha256(caller_certificate(request)).hexdigest())
    if systems is None:
        raise ObjectionRaised(codes.ACCESS_DENIED)
    return systems


def caller_certificate(request: web.Request) -> bytes:
    """Returns the connection's client certificate (DER); raises ObjectionRaised (3000) when there is none."""
    transport = request.transport
    tls = transport.get_extra_info("ssl_object") if transport is not None else None
    certificate = tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None
    if certificate is None:
        raise ObjectionRaised(codes.ACCESS_DENIED)
    return certificate


def admitted_system(request: web.Request, settings: SimulatorSettings) -> int:
    """Returns the path's system id when the certificate may use it; raises ObjectionRaised (3000) otherwise.

    The id stands in the path as a plain number without padding (facts a.1).
    """
    written = request.match_info["system_id"]
    allowed = known_systems(request, settings)
    system_id = next((one for one in allowed if str(one) == written), None)
    if system_id is None:
        raise ObjectionRaised(codes.ACCESS_DENIED)
    return system_id
