"""Who calls by SOAP: the certificate's sender system in a letter's id, and the identity in the body.

Relies on `access` for the certificate. In the "context" form the platform knows its caller by mutual TLS and
an `InvocationContext` (facts/eboks b.2); which of its UUIDs a platform compares is not public: the service's
always, the caller's own three where the settings give them.
"""

from __future__ import annotations

from aiohttp import web
from lxml import etree

from eboks.simulator import codes
from eboks.simulator.access import known_systems
from eboks.simulator.codes import ObjectionRaised
from eboks.simulator.settings import SERVICE_UUID, SimulatorSettings
from eboks.simulator.soap_contract import INVOCATION, named


def admitted_by_id(request: web.Request, settings: SimulatorSettings, message_id: str) -> int:
    """Returns the system id that a message id begins with, six digits, when the certificate may use it."""
    allowed = known_systems(request, settings)
    padded = message_id[:6]
    if len(padded) != 6 or not (padded.isascii() and padded.isdigit()):
        raise ObjectionRaised(codes.BAD_MESSAGE_ID)
    if int(padded) not in allowed:
        raise ObjectionRaised(codes.ACCESS_DENIED)
    return int(padded)


def demand_context(asked: etree._Element, settings: SimulatorSettings) -> None:
    """Raises ObjectionRaised unless it names this service and, where given, the caller's agreement."""
    context = asked.find(named(INVOCATION, "InvocationContext"))
    if context is None:
        raise ObjectionRaised(codes.NO_CONTEXT)
    expected = {
        "ServiceUUID": SERVICE_UUID,
        "ServiceAgreementUUID": settings.service_agreement_uuid,
        "UserSystemUUID": settings.user_system_uuid,
        "UserUUID": settings.user_uuid,
    }
    for name, uuid in expected.items():
        if uuid is not None and context.findtext(named(INVOCATION, name)) != uuid:
            raise ObjectionRaised(codes.WRONG_CONTEXT)
