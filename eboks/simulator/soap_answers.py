"""Writes SOAP answers: the two replies and the faults of both kinds, signed when the settings say so.

Relies on aiohttp's response type, and on `soap_seal` for the signature. Decides nothing about what is
answered. A fault always travels as HTTP 500, as SOAP 1.1 wants it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import escape

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.codes import Objection
from eboks.simulator.soap_contract import DKAL, LOOK_UP, PLATFORM_FAULT, PRINT, SEND, SOAP
from eboks.simulator.soap_seal import seal

if TYPE_CHECKING:
    from eboks.simulator.acceptance import Simulation

FaultForm = Literal["fejl", "fejl_by_alphabet", "platform", "platform_turned", "bare"]
"""How a fault tells its code: a `Fejl` in the schema's order or as captured, the platform's, or no word."""

_BY_PLATFORM = {codes.NO_CONTEXT, codes.WRONG_CONTEXT, codes.BAD_SIGNATURE}
"""What is turned down before e-Boks is reached (modelled: which fault tells what is not public)."""
_FAULT_CODES = {codes.NOT_SOAP_11: "VersionMismatch", codes.NOT_UNDERSTOOD: "MustUnderstand"}
_REPLIES = {
    SEND: ("PrintAfsendBrevResponse", "resultat"),
    LOOK_UP: ("PrintSpoergTilmeldingResponse", "tilmeldt"),
}


def reply(operation: str, value: bool) -> str:
    """Returns the body of an operation's answer."""
    root, leaf = _REPLIES[operation]
    word = "true" if value else "false"
    return f'<{root} xmlns="{PRINT}"><{leaf}>{word}</{leaf}></{root}>'


def soap_answer(simulation: Simulation, body: str, status: int = 200) -> web.Response:
    """Returns an envelope around a body, sealed as the settings want it."""
    return envelope_answer(seal(simulation, envelope(body)), status)


def envelope(body: str) -> bytes:
    """Returns a SOAP 1.1 envelope."""
    text = f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def envelope_answer(text: bytes, status: int = 200) -> web.Response:
    """Returns an envelope as it stands."""
    return web.Response(status=status, body=text, headers={"Content-Type": "text/xml; charset=utf-8"})


def objection_answer(simulation: Simulation, objection: Objection) -> web.Response:
    """Returns the fault that tells an objection; being too fast is told before SOAP, by its own status."""
    status = objection.status if objection is codes.TOO_FAST else 500
    return soap_answer(simulation, fault(objection, _form(simulation, objection), simulation.now()), status)


def fault(objection: Objection, form: FaultForm, now: datetime) -> str:
    """Returns the `Fault` element that tells an objection in one of the forms."""
    code = _FAULT_CODES.get(objection, "Server" if objection.status >= 500 else "Client")
    detail = "" if objection in _FAULT_CODES else _detail(objection, form, now)
    return (
        f"<s:Fault><faultcode>s:{code}</faultcode><faultstring>{escape(objection.text)}</faultstring>"
        f"{detail}</s:Fault>"
    )


def _form(simulation: Simulation, objection: Objection) -> FaultForm:
    repeated = objection in (codes.ID_IN_USE, codes.ID_IN_USE_419)
    by_platform = repeated and simulation.settings.soap_duplicate == "platform"
    return "platform" if by_platform or objection in _BY_PLATFORM else "fejl"


def _detail(objection: Objection, form: FaultForm, now: datetime) -> str:
    if form == "bare":
        return ""
    platform = form.startswith("platform")
    inner = _platform(objection) if platform else _fejl(objection, now)
    if form in ("fejl_by_alphabet", "platform_turned"):
        inner = sorted(inner, reverse=platform)
    if not platform:
        return f'<detail><Fejl xmlns="{DKAL}">{"".join(inner)}</Fejl></detail>'
    error = f"<ErrorList><Error>{''.join(inner)}</Error></ErrorList>"
    return f'<detail><ServiceplatformFault xmlns="{PLATFORM_FAULT}">{error}</ServiceplatformFault></detail>'


def _fejl(objection: Objection, now: datetime) -> list[str]:
    """Returns the three parts of a `Fejl` in the schema's order (facts a.5)."""
    identifier = now.strftime("%Y-%m-%d-%H.%M.%S.%f")
    return [
        f"<FejlKode>{objection.number}</FejlKode>",
        f"<FejlTekst>{escape(objection.text)}</FejlTekst>",
        f"<FejlIdentifikator>{identifier}</FejlIdentifikator>",
    ]


def _platform(objection: Objection) -> list[str]:
    return [
        f"<ErrorCode>{objection.number}</ErrorCode>",
        f"<ErrorText>{escape(objection.text)}</ErrorText>",
    ]
