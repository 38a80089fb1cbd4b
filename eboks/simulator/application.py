"""Puts the simulator together: one state, its services, and the rules that hold for every call.

Relies on aiohttp's application. A further service over the same state is one more entry in `_SERVICES`.
Opens no socket: see `server`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Middleware

from eboks.simulator import codes, enrolment_lookup, proxy, rest_v3
from eboks.simulator.acceptance import Simulation
from eboks.simulator.answers import MARK, objection_answer
from eboks.simulator.codes import Objection, ObjectionRaised
from eboks.simulator.control import add_control
from eboks.simulator.fault_acts import act
from eboks.simulator.fault_rules import Call, FaultBox
from eboks.simulator.journal import Journal
from eboks.simulator.messages import Counts, Messages, Pace
from eboks.simulator.persons import Directory, Status
from eboks.simulator.settings import SimulatorSettings

SIMULATION = web.AppKey("simulation", Simulation)
_log = logging.getLogger("brevdue.simulator")

Service = Callable[[Simulation, web.Request], Awaitable[web.StreamResponse]]
CallHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SERVICES: tuple[tuple[str, str, Call, Service], ...] = (
    ("PUT", rest_v3.PATH, "put", rest_v3.put_dispatch),
    ("GET", rest_v3.PATH, "read_back", rest_v3.read_back),
    ("GET", enrolment_lookup.PATH, "lookup", enrolment_lookup.look_up),
    ("GET", proxy.MESSAGES_PATH, "messages", proxy.poll_messages),
    ("GET", proxy.CLIENT_PATH, "client", proxy.tell_client),
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
    for method, path, call, service in _SERVICES:
        handler = _faulty(simulation, call, service)
        app.router.add_route(method, path, _paced(simulation, handler) if call == "put" else handler)
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


def _objection(simulation: Simulation, objection: Objection) -> web.Response:
    simulation.counts.n_objections += 1
    return objection_answer(objection, simulation.settings.error_body, simulation.now())


def _faulty(simulation: Simulation, call: Call, service: Service) -> CallHandler:
    """Returns the handler of a service, with the faults in force carried out around it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await service(simulation, request)

    async def objecting(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except ObjectionRaised as raised:
            return _objection(simulation, raised.objection)

    async def faulty(request: web.Request) -> web.StreamResponse:
        rule = simulation.faults.pick(call, request.match_info.get("message_id", ""))
        return await (handle(request) if rule is None else act(rule, simulation, request, objecting))

    return faulty


def _paced(simulation: Simulation, handler: CallHandler) -> CallHandler:
    """Returns the handler of a send, counted and kept under the rate limit (row 10)."""

    async def paced(request: web.Request) -> web.StreamResponse:
        simulation.counts.n_puts += 1
        try:
            if simulation.pace.arrive():
                return await handler(request)
            simulation.counts.n_rate_limited += 1
            answer = _objection(simulation, codes.TOO_FAST)
            answer.headers["Retry-After"] = "1"
            return answer
        finally:
            simulation.pace.leave()

    return paced


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(MARK)


def _closing(journal: Journal) -> Callable[[web.Application], Awaitable[None]]:
    async def close(app: web.Application) -> None:
        journal.close()

    return close
