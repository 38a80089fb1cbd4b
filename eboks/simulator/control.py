"""The control calls under `/_sim/`: what was received, the counts, faults on request, and flipping a person.

Relies on the shared state. Refused whole in live mode. They need a client certificate the simulator knows, as
every call does. The JSON names recipients for comparison; the pages for people mask them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from eboks.simulator.acceptance import Simulation
from eboks.simulator.access import known_systems
from eboks.simulator.answers import json_answer
from eboks.simulator.fault_rules import FaultRule
from eboks.simulator.messages import Received
from eboks.simulator.persons import PERSONS, Status
from schemas.identity import mask_numbers

ControlCall = Callable[[Simulation, web.Request], Awaitable[web.StreamResponse]]
_RULES: TypeAdapter[FaultRule | list[FaultRule]] = TypeAdapter(FaultRule | list[FaultRule])


class Flip(BaseModel):
    """A change of a person, named by word or by `kind` and `number`; `all_groups` undoes `groups`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    person: str | None = None
    kind: Literal["P", "V"] = "P"
    number: str | None = None
    status: Status | None = None
    groups: tuple[str, ...] | None = None
    all_groups: bool = False


def add_control(router: web.UrlDispatcher, simulation: Simulation) -> None:
    """Adds the control calls to an application's routes; in live mode only their refusal."""
    if simulation.settings.mode == "live":
        router.add_route("*", "/_sim/{call:.*}", _refuse)
        return
    for method, path, call in _CALLS:
        router.add_route(method, path, _guarded(simulation, call))


async def _refuse(request: web.Request) -> web.StreamResponse:
    return json_answer({"error": "simulator.live_mode"}, 403)


def _guarded(
    simulation: Simulation, call: ControlCall
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        known_systems(request, simulation.settings)
        try:
            return await call(simulation, request)
        except (ValidationError, ValueError, KeyError):
            return json_answer({"error": "simulator.bad_control"}, 400)

    return handle


async def _list_messages(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Lists the messages since a time (`?since=`, aware ISO 8601): JSON, HTML or text as Accept says."""
    since = request.query.get("since")
    from_at = datetime.fromisoformat(since.replace(" ", "+")) if since else None
    if from_at is not None and from_at.tzinfo is None:
        raise ValueError("since")
    shown = [one for one in simulation.messages if from_at is None or one.received_at >= from_at]
    wanted = request.headers.get("Accept", "")
    if "text/html" in wanted:
        return web.Response(text=_page(shown), content_type="text/html")
    if "text/plain" in wanted:
        return web.Response(text="".join("\t".join(_cells(one)) + "\n" for one in shown))
    return json_answer({"simulator": True, "messages": [one.as_json() for one in shown]})


async def _forget_messages(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    return json_answer({"n_dropped": simulation.messages.forget_all()})


async def _tell_counts(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    return json_answer(
        {"simulator": True, "n_messages": len(simulation.messages), **asdict(simulation.counts)}
    )


async def _list_faults(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    return json_answer({"faults": simulation.faults.listed()})


async def _add_faults(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    given = _RULES.validate_python(await _json(request))
    rules = given if isinstance(given, list) else [given]
    return json_answer({"ids": [simulation.faults.add(rule) for rule in rules]})


async def _remove_faults(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    wanted = request.query.get("id")
    return json_answer({"n_removed": simulation.faults.remove(int(wanted) if wanted else None)})


async def _flip_person(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    flip = Flip.model_validate(await _json(request))
    listed = PERSONS[flip.person] if flip.person else None
    kind, number = (listed.kind, listed.number) if listed else (flip.kind, flip.number)
    if not number:
        raise ValueError("number")
    changed = simulation.directory.flip(kind, number, flip.status, flip.groups, all_groups=flip.all_groups)
    return json_answer({"person": changed.word, "status": changed.status.value})


async def _json(request: web.Request) -> Any:
    return json.loads(await request.read())


def _cells(message: Received) -> tuple[str, ...]:
    return (
        message.received_at.isoformat(timespec="seconds"),
        message.id,
        mask_numbers(message.recipient),
        str(message.content_type_id),
        str(message.n_bytes),
        message.sha256,
        str(message.n_puts),
        message.standing,
        message.service,
    )


def _page(messages: list[Received]) -> str:
    heads = ("received", "id", "recipient", "content type", "bytes", "sha256", "sent", "standing", "service")
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(one)) + "</tr>" for one in messages
    )
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>e-Boks simulator</title>'
        "<h1>This is a simulator, not e-Boks</h1>"
        f"<p>{len(messages)} messages received</p><table><tr>{head}</tr>{rows}</table></html>"
    )


_CALLS: tuple[tuple[str, str, ControlCall], ...] = (
    ("GET", "/_sim/messages", _list_messages),
    ("DELETE", "/_sim/messages", _forget_messages),
    ("GET", "/_sim/counts", _tell_counts),
    ("GET", "/_sim/faults", _list_faults),
    ("POST", "/_sim/faults", _add_faults),
    ("DELETE", "/_sim/faults", _remove_faults),
    ("POST", "/_sim/persons", _flip_person),
)
