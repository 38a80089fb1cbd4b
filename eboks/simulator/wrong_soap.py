"""Writes SOAP answers that are wrong: cut, another operation's, a false result, entities, bad seals.

Relies on `wrong_answers` for what is wrong in any service. Only writes; which call gets one is decided in
`fault_rules`. What speaks of signatures is told of a signed answer only.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.soap_answers import envelope, envelope_answer, fault, reply, soap_answer
from eboks.simulator.soap_contract import LOOK_UP, SEND
from eboks.simulator.soap_seal import seal
from eboks.simulator.wrong_answers import wrong_answer

if TYPE_CHECKING:
    from eboks.simulator.acceptance import Simulation

_ANY_SERVICE = ("html", "empty", "huge", "gzip_bomb")
_LONG_AGO = timedelta(days=1)
_BOMB = "".join(
    f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10)
)  # ten of ten of ten …: a thousand million characters once expanded
_DOCTYPES = {
    "entity": '<!DOCTYPE e [<!ENTITY e9 "true">]>',
    "entity_bomb": f'<!DOCTYPE e [<!ENTITY e0 "x">{_BOMB}]>',
    "external_entity": '<!DOCTYPE e [<!ENTITY e9 SYSTEM "file:///etc/hostname">]>',
}


async def wrong_soap(
    form: str, simulation: Simulation, request: web.Request, answer: web.Response
) -> web.StreamResponse:
    """Returns `answer` made wrong in this form (`fault_rules.VARIANTS`)."""
    if form in _ANY_SERVICE:
        return await wrong_answer(form, request, answer)
    body = bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""
    asked = LOOK_UP if b"tilmeldt>" in body else SEND
    if form == "truncated":
        return envelope_answer(body[:-12])
    if form == "result_false":
        return soap_answer(simulation, reply(asked, False))
    if form == "other_operation":
        return soap_answer(simulation, reply(SEND if asked == LOOK_UP else LOOK_UP, True))
    if form == "fault_as_200":
        return soap_answer(simulation, fault(codes.INJECTED, "fejl", simulation.now()))
    if form in _DOCTYPES:
        return envelope_answer(_with_entities(form, asked))
    return envelope_answer(_badly_sealed(form, simulation, asked))


def _with_entities(form: str, operation: str) -> bytes:
    """Returns an answer whose one word is an entity, with the DOCTYPE that declares it."""
    plain = envelope(reply(operation, True).replace(">true<", ">&e9;<")).decode()
    head, _, rest = plain.partition("?>")
    return f"{head}?>{_DOCTYPES[form]}{rest}".encode()


def _badly_sealed(form: str, simulation: Simulation, operation: str) -> bytes:
    """Returns an answer without its seal, changed after it was sealed, or sealed long ago."""
    plain = envelope(reply(operation, True))
    if form == "unsigned":
        return plain
    if form == "altered":
        return seal(simulation, plain).replace(b">true<", b">1<")
    return seal(simulation, plain, simulation.now() - _LONG_AGO)
