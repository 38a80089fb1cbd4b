"""A simulated SMS gateway in GatewayAPI's form: takes messages, delivers none, and shows them on a page.

Relies on aiohttp. Refuses what the real one refuses: a wrong token, a sender's name that is too long, signs
that the encoding does not carry. Source: GatewayAPI's REST interface, `POST /rest/mtsms`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from routing.portal.simulator.serving import MARK, MAX_BODY_BYTES
from routing.portal.sms_forms import GSM_SIGNS
from routing.portal.wording import templates, wording

MAX_KEPT = 200
_SENDER = re.compile(r"[A-Za-z0-9 .&-]{1,11}|\+?[0-9]{3,15}")
_KNOWN = frozenset(
    ("sender", "message", "recipients", "encoding", "priority", "validity_period", "userref", "class",
     "destaddr", "label", "sendtime", "callback_url", "max_parts")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TakenSms:
    """A message that was taken."""

    msisdn: str = field(repr=False)
    text: str = field(repr=False)
    sender: str
    encoding: str
    userref: str
    seconds: int


@dataclass(slots=True)
class SimulatedGateway:
    """One gateway; `taken` are its messages, the oldest first."""

    token: str = field(repr=False)
    taken: list[TakenSms] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(421_332_671))

    def app(self) -> web.Application:
        """Returns the application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/rest/mtsms", self._take)
        app.router.add_get("/", self._show)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Token {self.token}":
            return _refused(401, "0x0213", "Unauthorized: invalid API key.")
        try:
            given = json.loads(await request.read())
            numbers = _numbers(given)
            made = [_sms(given, number) for number in numbers]
        except (ValueError, KeyError, TypeError):
            return _refused(422, "0x0308", "Invalid message.")
        self.taken = (self.taken + made)[-MAX_KEPT:]
        usage = {"countries": {"DK": len(made)}, "currency": "DKK", "total_cost": 0.0}
        return web.json_response({"ids": [next(self._ids) for _ in made], "usage": usage}, headers=MARK)

    async def _show(self, request: web.Request) -> web.Response:
        page = templates().get_template("simulated_sms.html")
        text = page.render(t=wording("da"), messages=list(reversed(self.taken)))
        return web.Response(text=text, content_type="text/html", headers=MARK)


def _numbers(given: Mapping[str, Any]) -> list[str]:
    if set(given) - _KNOWN or not isinstance(given["recipients"], list) or not given["recipients"]:
        raise ValueError
    numbers = [str(one["msisdn"]) for one in given["recipients"]]
    if not all(re.fullmatch(r"[1-9][0-9]{6,14}", number) for number in numbers):
        raise ValueError
    return numbers


def _sms(given: Mapping[str, Any], number: str) -> TakenSms:
    text, sender, encoding = given["message"], given["sender"], given.get("encoding", "UTF8")
    seconds = given.get("validity_period", 432_000)
    if not (isinstance(text, str) and text and isinstance(sender, str) and _SENDER.fullmatch(sender)):
        raise ValueError
    if encoding not in ("UTF8", "UCS2") or (encoding == "UTF8" and not GSM_SIGNS.issuperset(text)):
        raise ValueError
    if given.get("priority", "NORMAL") not in ("BULK", "NORMAL", "URGENT", "VERY_URGENT"):
        raise ValueError
    if not isinstance(seconds, int) or not 60 <= seconds <= 432_000:
        raise ValueError
    return TakenSms(number, text, sender, encoding, str(given.get("userref", "")), seconds)


def _refused(status: int, code: str, message: str) -> web.Response:
    body = {"code": code, "incident_uuid": "00000000-0000-0000-0000-000000000000", "message": message}
    return web.json_response(body, status=status, headers=MARK)
