"""The enrolment look-up of OIO v1: is this recipient registered for this material?

Relies on `persons`. The path is public, the answer is not (facts/eboks c, row 6): modelled as

    <Tilmelding xmlns="urn:oio:dkal:1.0.0"><Tilmeldt>true</Tilmeldt><Grund>enrolled</Grund></Tilmelding>

with `Grund` one of enrolled, not_for_this_material, not_found, exempt, dead, minor. Yes and no are both
200; 404 means an unknown material, or, where the settings say `lookup_absent = "404"`, one who is not
registered. Takes no messages.
"""

from __future__ import annotations

from aiohttp import web

from eboks.simulator import codes
from eboks.simulator.acceptance import Simulation, material_of
from eboks.simulator.access import admitted_system
from eboks.simulator.answers import OIO, elements, xml_answer
from eboks.simulator.codes import ObjectionRaised
from eboks.simulator.dispatch_body import well_formed
from eboks.simulator.persons import Kind, Standing, standing

PATH = "/oio/rest/srv.svc/1/afsendersystem/{system_id}/tilmeldinger/{material_id}"


async def look_up(simulation: Simulation, request: web.Request) -> web.StreamResponse:
    """Answers whether the one recipient asked for is registered for the material."""
    settings = simulation.settings
    admitted_system(request, settings)
    simulation.counts.n_lookups += 1
    written = request.match_info["material_id"]
    if not (written.isascii() and written.isdigit() and len(written) <= 18):
        raise ObjectionRaised(codes.UNKNOWN_MATERIAL)
    material = material_of(settings, int(written))
    kind, number = _asked_for(request)
    verdict = standing(simulation.directory.find(kind, number), material)
    enrolled = verdict is Standing.ENROLLED
    if not enrolled and settings.lookup_absent == "404":
        raise ObjectionRaised(codes.NOT_ENROLLED)
    leaves: dict[str, object] = {"Tilmeldt": "true" if enrolled else "false", "Grund": verdict.value}
    return xml_answer(elements("Tilmelding", OIO, leaves))


def _asked_for(request: web.Request) -> tuple[Kind, str]:
    """Returns type and number from the query, which names exactly one of `cpr` and `cvr`."""
    cprs, cvrs = request.query.getall("cpr", []), request.query.getall("cvr", [])
    if len(cprs) + len(cvrs) != 1:
        raise ObjectionRaised(codes.NEITHER_CPR_NOR_CVR)
    kind: Kind = "P" if cprs else "V"
    number = (cprs + cvrs)[0]
    if not well_formed(kind, number):
        raise ObjectionRaised(codes.BAD_RECIPIENT)
    return kind, number
