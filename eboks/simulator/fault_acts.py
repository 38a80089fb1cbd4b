"""Carries out an injected fault on a call: drops, delays, drips, statuses and wrong answers.

Relies on aiohttp's connection. Which call it falls on is decided in `fault_rules`; the wrong answers are
written in `wrong_answers`. The message is handled by the ordinary handler wherever the fault lets it through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.acceptance import Simulation
from eboks.simulator.answers import MARK, objection_answer
from eboks.simulator.codes import Objection
from eboks.simulator.fault_rules import FaultRule
from eboks.simulator.wrong_answers import wrong_answer

CallHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def act(
    rule: FaultRule, simulation: Simulation, request: web.Request, handle: CallHandler
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
    if rule.kind == "status" and not rule.stores:
        await request.read()
        return _status_answer(rule, simulation)
    answer = await handle(request)
    return await _spoil(rule, simulation, request, answer)


async def _spoil(
    rule: FaultRule, simulation: Simulation, request: web.Request, answer: web.StreamResponse
) -> web.StreamResponse:
    """Returns what goes out instead of the ordinary answer, once the call has been handled."""
    if rule.kind == "accept_then_drop":
        return drop(request)
    if rule.kind == "delay" and rule.form == "after":
        await asyncio.sleep(rule.delay_seconds)
    if answer.status >= 400 or not isinstance(answer, web.Response):
        return answer
    if rule.kind == "status":
        return _status_answer(rule, simulation)
    if rule.kind == "drip":
        return await _drip(request, answer, rule.delay_seconds)
    if rule.kind == "wrong_json":
        if rule.form == "short_body":
            return _short_body(request)
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


def _status_answer(rule: FaultRule, simulation: Simulation) -> web.Response:
    number = rule.code or codes.INJECTED.number
    now = simulation.now()
    objection = Objection(number, rule.status, codes.INJECTED.text)
    answer = objection_answer(objection, simulation.settings.error_body, now)
    if rule.retry_after is not None:
        answer.headers["Retry-After"] = _retry_after(str(rule.retry_after), now)
    return answer


def _retry_after(wish: str, now: datetime) -> str:
    if not wish.startswith("date:"):
        return wish
    due_at = now + timedelta(seconds=int(wish.removeprefix("date:")))
    return format_datetime(due_at, usegmt=True)
