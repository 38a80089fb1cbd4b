"""Puts the simulator together: one state, its services, and the rules that hold for every call.

Relies on aiohttp's application. A further service over the same state is one more entry in `_SERVICES`.
Opens no socket: see `server`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Middleware

from eboks.simulator import codes, enrolment_lookup, proxy, rest_v3, soap_answers, soap_service
from eboks.simulator.acceptance import Simulation
from eboks.simulator.answers import MARK, objection_answer
from eboks.simulator.codes import Objection, ObjectionRaised
from eboks.simulator.control import add_control
from eboks.simulator.fault_acts import CallHandler, Objecting, act
from eboks.simulator.fault_rules import SENDS, Call, FaultBox
from eboks.simulator.journal import Journal
from eboks.simulator.messages import Counts, Messages, Pace
from eboks.simulator.persons import Directory, Status
from eboks.simulator.settings import SimulatorSettings
from eboks.simulator.soap_contract import PATH as SOAP_PATH

SIMULATION = web.AppKey("simulation", Simulation)
_log = logging.getLogger("brevdue.simulator")

Service = Callable[[Simulation, web.Request], Awaitable[web.StreamResponse]]
Naming = Callable[[web.Request], Awaitable[tuple[Call, str]]]
"""Says which call a request is, and a message's id when it has one: what faults are picked by."""


def _by_path(call: Call) -> Naming:
    async def name(request: web.Request) -> tuple[Call, str]:
        return call, request.match_info.get("message_id", "")

    return name


def _rest_objection(simulation: Simulation, objection: Objection) -> web.Response:
    return objection_answer(objection, simulation.settings.error_body, simulation.now())


@dataclass(frozen=True, slots=True)
class _Offer:
    """One address the simulator answers at."""

    method: str
    path: str
    name: Naming
    service: Service
    objecting: Objecting = _rest_objection


_SERVICES = (
    _Offer("PUT", rest_v3.PATH, _by_path("put"), rest_v3.put_dispatch),
    _Offer("GET", rest_v3.PATH, _by_path("read_back"), rest_v3.read_back),
    _Offer("GET", enrolment_lookup.PATH, _by_path("lookup"), enrolment_lookup.look_up),
    _Offer("GET", proxy.MESSAGES_PATH, _by_path("messages"), proxy.poll_messages),
    _Offer("GET", proxy.CLIENT_PATH, _by_path("client"), proxy.tell_client),
    _Offer("POST", SOAP_PATH, soap_service.name_call, soap_service.serve_call, soap_answers.objection_answer),
)


def make_app(
    settings: SimulatorSettings,
    *,
    now: Callable[[], datetime],
    ticks: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Returns the application of one simulator; its state is at `app[SIMULATION]`.

    `now` is the wall clock (aware UTC), `ticks` a steady one for the pace. Raises ConfigurationError when the
    record file can't be opened.
    """
    journal = Journal(settings.record_path) if settings.record_path else None
    counts = Counts()
    simulation = Simulation(
        settings=settings,
        messages=Messages(journal),
        directory=Directory(Status(settings.unlisted)),
        faults=FaultBox(settings.faults),
        counts=counts,
        pace=Pace(counts, ticks, settings.max_per_second),
        now=now,
    )
    app = web.Application(client_max_size=settings.max_body_bytes, middlewares=[_answering(simulation)])
    app[SIMULATION] = simulation
    for offer in _SERVICES:
        app.router.add_route(offer.method, offer.path, _serving(simulation, offer))
    add_control(app.router, simulation)
    app.on_response_prepare.append(_mark)
    if journal:
        app.on_cleanup.append(_closing(journal))
    return app


def _answering(simulation: Simulation) -> Middleware:
    """Turns objections, unknown addresses and our own bugs into answers; logs a bug's kind, no more."""

    @web.middleware
    async def answer(request: web.Request, handler: CallHandler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ObjectionRaised as raised:
            return _objection(simulation, raised.objection)
        except web.HTTPException as http:
            unknown = codes.METHOD_REFUSED if http.status == 405 else codes.UNKNOWN_ADDRESS
            return _objection(simulation, codes.TOO_LARGE if http.status == 413 else unknown)
        except ConnectionError:
            raise
        except Exception as bug:
            _log.error("simulator.broken %s", type(bug).__name__)
            return _objection(simulation, codes.BROKEN_SIMULATOR)

    return answer


def _objection(
    simulation: Simulation, objection: Objection, objecting: Objecting = _rest_objection
) -> web.Response:
    simulation.counts.n_objections += 1
    return objecting(simulation, objection)


def _serving(simulation: Simulation, offer: _Offer) -> CallHandler:
    """Returns the handler of an address, with the pace and the faults in force around its service."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await offer.service(simulation, request)
        except ObjectionRaised as raised:
            return _objection(simulation, raised.objection, offer.objecting)

    async def serve(request: web.Request) -> web.StreamResponse:
        call, message_id = await offer.name(request)
        simulation.counts.n_soap_calls += call.startswith("soap_")

        async def answer() -> web.StreamResponse:
            rule = simulation.faults.pick(call, message_id)
            if rule is None:
                return await handle(request)
            return await act(rule, simulation, request, handle, offer.objecting)

        return await (_paced(simulation, offer, answer) if call in SENDS else answer())

    return serve


async def _paced(
    simulation: Simulation, offer: _Offer, answer: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answers a send, counted and kept under the rate limit (row 10)."""
    simulation.counts.n_puts += 1
    try:
        if simulation.pace.arrive():
            return await answer()
        simulation.counts.n_rate_limited += 1
        refusal = _objection(simulation, codes.TOO_FAST, offer.objecting)
        refusal.headers["Retry-After"] = "1"
        return refusal
    finally:
        simulation.pace.leave()


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(MARK)


def _closing(journal: Journal) -> Callable[[web.Application], Awaitable[None]]:
    async def close(app: web.Application) -> None:
        journal.close()

    return close
