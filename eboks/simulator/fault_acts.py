"""Carries out an injected fault on a call: drops, delays, drips, statuses, SOAP faults and wrong answers.

Relies on aiohttp's connection. Which call it falls on is decided in `fault_rules`; the wrong answers are
written in `wrong_answers` and `wrong_soap`, an objection by the service of the call. The message is handled
by the ordinary handler wherever the fault lets it through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import cast

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.acceptance import Simulation
from eboks.simulator.answers import MARK
from eboks.simulator.codes import Objection
from eboks.simulator.fault_rules import FaultRule
from eboks.simulator.soap_answers import FaultForm, fault, soap_answer
from eboks.simulator.wrong_answers import wrong_answer
from eboks.simulator.wrong_soap import wrong_soap

CallHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Objecting = Callable[[Simulation, Objection], web.Response]
"""How a service tells an objection."""


async def act(
    rule: FaultRule,
    simulation: Simulation,
    request: web.Request,
    handle: CallHandler,
    objecting: Objecting,
) -> web.StreamResponse:
    """Answers a call as the fault wants it; `handle` is the ordinary handler of the call."""
    simulation.counts.n_faults += 1
    if rule.kind == "drop_before":
        return drop(request)
    if rule.kind == "drop_mid_body":
        await request.content.readany()
        return drop(request)
    if rule.kind == "delay" and rule.form == "before":
        await asyncio.sleep(rule.delay_seconds)
    if rule.kind in ("status", "soap_fault") and not rule.stores:
        await request.read()
        return _told(rule, simulation, objecting)
    answer = await handle(request)
    return await _spoil(rule, simulation, request, answer, objecting)


async def _spoil(
    rule: FaultRule,
    simulation: Simulation,
    request: web.Request,
    answer: web.StreamResponse,
    objecting: Objecting,
) -> web.StreamResponse:
    """Returns what goes out instead of the ordinary answer, once the call has been handled."""
    if rule.kind == "accept_then_drop":
        return drop(request)
    if rule.kind == "delay" and rule.form == "after":
        await asyncio.sleep(rule.delay_seconds)
    if answer.status >= 400 or not isinstance(answer, web.Response):
        return answer
    if rule.kind in ("status", "soap_fault"):
        return _told(rule, simulation, objecting)
    if rule.kind == "drip":
        return await _drip(request, answer, rule.delay_seconds)
    if rule.kind in ("wrong_json", "wrong_soap"):
        if rule.form == "short_body":
            return _short_body(request)
        if rule.kind == "wrong_soap":
            return await wrong_soap(rule.form, simulation, request, answer)
        return await wrong_answer(rule.form, request, answer)
    return answer


def drop(request: web.Request) -> web.Response:
    """Cuts the connection without an answer; what is returned is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _drip(request: web.Request, answer: web.Response, pause_seconds: float) -> web.Response:
    """Sends the answer, head and all, one byte at a time, then closes."""
    body = bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""
    for byte in _head(answer.status, len(body), answer.content_type) + body:
        transport = request.transport
        if transport is None or transport.is_closing():
            break
        transport.write(bytes([byte]))
        await asyncio.sleep(pause_seconds)
    return _closed(request)


def _short_body(request: web.Request) -> web.Response:
    """Promises more bytes than it sends, then closes."""
    if request.transport is not None:
        request.transport.write(_head(200, 1000, "application/json") + b'{"message_id": "')
    return _closed(request)


def _closed(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _head(status: int, n_bytes: int, content_type: str) -> bytes:
    mark = "".join(f"{name}: {value}\r\n" for name, value in MARK.items())
    length = "" if status == 204 else f"Content-Length: {n_bytes}\r\n"
    return (f"HTTP/1.1 {status} Simulated\r\n{mark}Content-Type: {content_type}\r\n{length}\r\n").encode()


def _told(rule: FaultRule, simulation: Simulation, objecting: Objecting) -> web.Response:
    """Returns the objection a rule asks for: as its service tells one, or as a SOAP fault of some form."""
    number = rule.code or codes.INJECTED.number
    now = simulation.now()
    objection = Objection(number, rule.status, codes.INJECTED.text)
    if rule.kind == "soap_fault":
        return soap_answer(simulation, fault(objection, cast(FaultForm, rule.form), now), 500)
    answer = objecting(simulation, objection)
    answer.set_status(rule.status)
    if rule.retry_after is not None:
        answer.headers["Retry-After"] = _retry_after(str(rule.retry_after), now)
    return answer


def _retry_after(wish: str, now: datetime) -> str:
    if not wish.startswith("date:"):
        return wish
    due_at = now + timedelta(seconds=int(wish.removeprefix("date:")))
    return format_datetime(due_at, usegmt=True)
