"""The SOAP service, SF1600 Print 2: takes a letter by `afsendBrev`, answers a question by `spoergTilmelding`.

Relies on `soap_request` for the form, on `soap_caller` for who calls and on `acceptance` for what happens to
a message, in REST's own state. Holds no state of its own. Source: facts/eboks b.2; what the facts leave open
stands behind the switches `soap_…` of the settings.
"""

from __future__ import annotations

import re

from aiohttp import web
from lxml import etree

from eboks.simulator import codes
from eboks.simulator.acceptance import Simulation, accept, check_message_id, material_of
from eboks.simulator.access import known_systems
from eboks.simulator.codes import ObjectionRaised
from eboks.simulator.fault_rules import Call
from eboks.simulator.persons import Person, Standing, Status, standing
from eboks.simulator.request_xml import PEEKED, whole_body
from eboks.simulator.soap_answers import reply, soap_answer
from eboks.simulator.soap_caller import admitted_by_id, demand_context
from eboks.simulator.soap_contract import LOOK_UP, PRINT, REQUESTS, SEND
from eboks.simulator.soap_request import (
    Question,
    Texts,
    demand_understood,
    message_id_of,
    read_envelope,
    read_letter,
    read_question,
    request_in,
)
from eboks.simulator.soap_seal import demand_signed

_ID_ELEMENT = re.compile(rb"<(?:[\w.-]+:)?AfsendelseIdentifikator\s*>([^<]{1,100})<")
_LONGEST_PEEK = 64 * 1024


async def name_call(request: web.Request) -> tuple[Call, str]:
    """Returns which call comes, by its SOAPAction, and a letter's id, read from the front of the body.

    So that a fault can fall on it before the rest is read.
    """
    if _action(request).endswith(LOOK_UP):
        return "soap_lookup", ""
    front, found = b"", None
    while found is None and len(front) < _LONGEST_PEEK and not request.content.at_eof():
        try:
            front += await request.content.readany()
        except (web.RequestPayloadError, ValueError):
            break
        found = _ID_ELEMENT.search(front)
    request[PEEKED] = front
    return "soap_send", found[1].decode("utf-8", "replace") if found else ""


async def serve_call(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Answers one call: certificate, size, form, signature, operation and context, then what it asks for."""
    settings = simulation.settings
    known_systems(request, settings)
    if request.content_type != "text/xml":
        raise ObjectionRaised(codes.NOT_SOAP_11)
    root = read_envelope(await whole_body(request, settings.max_body_bytes))
    demand_understood(root, signed=settings.soap_security == "signed")
    demand_signed(simulation, request, root)
    asked, texts = request_in(root)
    operation = REQUESTS[str(asked.tag)]
    if _action(request) != PRINT + operation:
        raise ObjectionRaised(codes.BAD_SOAP_ACTION)
    demand_context(asked, settings)
    if operation == SEND:
        return soap_answer(simulation, reply(SEND, _take(simulation, request, asked, texts)))
    return soap_answer(simulation, reply(LOOK_UP, _registered(simulation, read_question(asked))))


def _take(simulation: Simulation, request: web.Request, asked: etree._Element, texts: Texts) -> bool:
    """Takes a letter; True once e-Boks has it, whatever it had before."""
    system_id = admitted_by_id(request, simulation.settings, message_id_of(asked))
    check_message_id(message_id_of(asked), system_id)
    letter = read_letter(asked, texts, simulation.settings)
    accept(simulation, system_id, letter.message_id, letter.dispatch, "soap")
    return True


def _registered(simulation: Simulation, question: Question) -> bool:
    """Says whether the recipient is registered for the material, or, without one, for anything at all."""
    simulation.counts.n_lookups += 1
    person = simulation.directory.find(question.recipient_type, question.recipient)
    if question.material_id is None:
        return _a_user(person)
    material = material_of(simulation.settings, question.material_id)
    return standing(person, material) is Standing.ENROLLED


def _a_user(person: Person) -> bool:
    return person.status is Status.ENROLLED and person.groups != ()


def _action(request: web.Request) -> str:
    return request.headers.get("SOAPAction", "").strip().strip('"')
