"""The v3 REST service: PUT a dispatch, and read one back.

Relies on `acceptance` for what happens to a message, `dispatch_body` for its form and `proxy` for the JSON of
the proxy profile. Holds no state of its own. Source: facts/eboks a.1, rows 1–5.
"""

from __future__ import annotations

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.acceptance import Simulation, accept, check_message_id, state_name
from eboks.simulator.access import admitted_system
from eboks.simulator.answers import V3, elements, json_answer, xml_answer
from eboks.simulator.codes import ObjectionRaised
from eboks.simulator.dispatch_body import read_dispatch
from eboks.simulator.proxy import reply
from eboks.simulator.request_xml import whole_body

PATH = "/int/rest/srv.svc/3/dispatchsystem/{system_id}/dispatches/{message_id}"


async def put_dispatch(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Takes one message: certificate, id, size, form, material, duplicate and recipient, in this order."""
    settings = simulation.settings
    system_id = admitted_system(request, settings)
    message_id = request.match_info["message_id"]
    check_message_id(message_id, system_id)
    body = await whole_body(request, settings.max_body_bytes)
    message = accept(simulation, system_id, message_id, read_dispatch(body, settings))
    if settings.profile == "proxy":
        return json_answer(reply(simulation, message))
    return web.Response(status=settings.success_status)


async def read_back(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Tells a message's state: id, state, time, material and size in kilobytes (modelled, row 3)."""
    system_id = admitted_system(request, simulation.settings)
    simulation.counts.n_read_backs += 1
    message = simulation.messages.find(request.match_info["message_id"])
    if message is None or message.system_id != system_id:
        raise ObjectionRaised(codes.UNKNOWN_MESSAGE)
    leaves: dict[str, object] = {
        "MessageId": message.id,
        "DispatchState": state_name(simulation, message),
        "DispatchDateTime": message.received_at.isoformat(),
        "ContentTypeId": message.content_type_id,
        "ContentSize": -(-message.n_bytes // 1000),
    }
    return xml_answer(elements("Dispatch", V3, leaves))
