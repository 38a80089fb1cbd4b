"""The proxy profile: its reply to a PUT, the status poll and the client's configuration.

Relies on the shared state. Models the Greenland proxy, not e-Boks itself (facts/eboks a.2). Takes no
messages.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.acceptance import Simulation
from eboks.simulator.access import known_systems
from eboks.simulator.answers import json_answer
from eboks.simulator.codes import ObjectionRaised
from eboks.simulator.messages import Received
from eboks.simulator.persons import Kind, Standing

MESSAGES_PATH = "/rest/messages/{client_id}/"
CLIENT_PATH = "/rest/client/{client_id}/"
MAX_IDS = 50

_STATUS = {
    Standing.ENROLLED: "",
    Standing.EXEMPT: "exempt",
    Standing.DEAD: "dead",
    Standing.MINOR: "minor",
    Standing.NOT_FOUND: "invalid",
    Standing.NOT_FOR_MATERIAL: "invalid",
}


def reply(simulation: Simulation, message: Received) -> dict[str, Any]:
    """Returns the JSON of one message as the proxy gives it (facts a.1, a.2)."""
    status = _STATUS[Standing(message.standing)]
    recipient = {
        "nr": message.recipient,
        "recipient_type": "cpr" if message.recipient_type == "P" else "cvr",
        "nationality": "DK",
        "status": status,
        "reject_reason": message.standing if status else "",
        "post_processing_status": _post_processing(simulation, message, status),
    }
    return {"message_id": message.returned_id, "recipients": [recipient]}


async def poll_messages(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Answers a status poll: a list of the known ones among at most 50 ids; unknown ids are left out."""
    systems = _admit_client(simulation, request)
    ids = request.query.getall("message_id", [])
    if len(ids) > MAX_IDS:
        raise ObjectionRaised(codes.TOO_MANY_IDS)
    simulation.counts.n_polls += 1
    found = (simulation.messages.find(one) for one in ids)
    return json_answer([_polled(simulation, one) for one in found if one and one.system_id in systems])


async def tell_client(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Answers a connection test with the client's configuration (facts a.2)."""
    systems = _admit_client(simulation, request)
    return json_answer({"client_id": request.match_info["client_id"], "system_ids": sorted(systems)})


def _admit_client(simulation: Simulation, request: web.Request) -> tuple[int, ...]:
    systems = known_systems(request, simulation.settings)
    settings = simulation.settings
    if settings.profile != "proxy" or request.match_info["client_id"] != settings.client_id:
        raise ObjectionRaised(codes.UNKNOWN_ADDRESS)
    return systems


def _polled(simulation: Simulation, message: Received) -> dict[str, Any]:
    entry = reply(simulation, message)
    message.n_polls += 1
    code: int | str = "200" if simulation.settings.proxy_code_as_text else 200
    return entry | {
        "proxy_response_code": code,
        "proxy_error": "",
        "modified_at": simulation.now().isoformat(),
    }


def _post_processing(simulation: Simulation, message: Received, status: str) -> str:
    """Returns `pending` until enough polls and seconds have passed, then the person's outcome.

    One e-Boks reaches needs none, and the dead get none (facts a.2).
    """
    if status in ("", "dead"):
        return ""
    settings = simulation.settings
    person = simulation.directory.find(cast(Kind, message.recipient_type), message.recipient)
    n_pending = settings.pending_polls if person.pending_polls is None else person.pending_polls
    due_at = message.received_at + timedelta(seconds=settings.pending_seconds)
    if message.n_polls < n_pending or simulation.now() < due_at:
        return "pending"
    return person.post_processing
