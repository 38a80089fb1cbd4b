"""Writes the simulator's answers: a `Fejl` in its three forms, small XML, and JSON.

Relies on aiohttp's response type. Decides nothing about what is answered.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from eboks.simulator.codes import Objection

OIO = "urn:oio:dkal:1.0.0"
V3 = "urn:eboks:en:3.0.0"
MARK = {"X-Brevdue-Simulator": "1"}
"""The header in every answer that says a simulator gave it."""
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


def objection_answer(objection: Objection, style: str, now: datetime) -> web.Response:
    """Returns the error answer: a `Fejl`, or JSON or plain text as some clients have met (facts a.1)."""
    if style == "json":
        return json_answer({"code": objection.number, "message": objection.text}, objection.status)
    if style == "text":
        return web.Response(status=objection.status, text=f"{objection.number} {objection.text}")
    return xml_answer(fejl(objection, now), objection.status)


def fejl(objection: Objection, now: datetime) -> str:
    """Returns the `Fejl` in the order and with the marker of the one captured instance (facts a.5)."""
    identifier = now.strftime("%Y-%m-%d-%H.%M.%S.%f")
    return (
        f'<Fejl xmlns="{OIO}" xmlns:i="{_INSTANCE}">'
        f"<FejlIdentifikator>{identifier}</FejlIdentifikator>"
        f"<FejlKode>{objection.number}</FejlKode>"
        f"<FejlTekst>{escape(objection.text)}</FejlTekst></Fejl>"
    )


def elements(root: str, namespace: str, leaves: dict[str, object]) -> str:
    """Returns a small XML element with these leaves, in their order."""
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in leaves.items())
    return f'<{root} xmlns="{namespace}">{inner}</{root}>'


def xml_answer(element: str, status: int = 200) -> web.Response:
    """Returns an element as an UTF-8 document."""
    return web.Response(
        status=status, body=element.encode(), headers={"Content-Type": "application/xml; charset=utf-8"}
    )


def json_answer(value: Any, status: int = 200) -> web.Response:
    """Returns a value as JSON."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return web.Response(status=status, body=body, content_type="application/json")
