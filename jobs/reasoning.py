"""Finds out what would become of a consignment now: gathers facts and reasons, and sends nothing.

Relies on `jobs.facts` and `routing.reasoning`. Changes nothing; opens and closes the channels it asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from batch.records import Standing
from jobs.facts import gather_facts, reach_address
from jobs.house import House
from routing.reasoning import Reason, reason
from schemas.channels import Reach
from schemas.consignments import Consignment
from schemas.states import FINAL, Cause, State

TAKEN_BEFORE = "route.taken_before"


@dataclass(frozen=True, slots=True)
class Outlook:
    """The reasons for every channel, and the channel that would be tried now; empty when there is none."""

    reasons: Sequence[Reason]
    channel: str = ""


def look_ahead(house: House, standing: Standing) -> Outlook | None:
    """Returns the outlook of a consignment; None when nothing will be tried any more or nothing is known."""
    consignment = standing.consignment
    if standing.state in FINAL or standing.state is State.ACCEPTED or consignment is None:
        return None
    taken = _taken_before(standing)
    reasons = [
        replace(one, code=TAKEN_BEFORE) if one.channel in taken and not one.code else one
        for one in asyncio.run(_ask(house, consignment))
    ]
    opened = {one.channel for one in reasons if not one.code}
    return Outlook(reasons, next((name for name in _ways(standing) if name in opened), ""))


def look_at_address(house: House, address: str) -> list[Reason]:
    """Returns what every channel by mail says of an address; raises BadInput `mail.address_…` for no address.

    What a material may go by is another question: `allowed` is True for all of them.
    """
    from routing.mime.addresses import parse_address

    parse_address(address.strip())
    return asyncio.run(_ask_about(house, address))


async def _ask_about(house: House, address: str) -> list[Reason]:
    try:
        return [
            Reason(name, house.protections()[name].value, reach.reached, True, *_why(reach))
            for name, reach in (await reach_address(house, address)).items()
        ]
    finally:
        await house.close_channels()


def _why(reach: Reach) -> tuple[str, Mapping[str, object], tuple[Mapping[str, str], ...]]:
    return reach.code, reach.params, reach.evidence


async def _ask(house: House, consignment: Consignment) -> list[Reason]:
    material = house.settings.materials.get(consignment.material)
    try:
        facts = await gather_facts(house, consignment, material.channels if material else ())
        return reason(consignment, facts)
    finally:
        await house.close_channels()


def _ways(standing: Standing) -> Sequence[str]:
    """Returns the channels that may still be tried: from doubt and after an unknown try its own alone."""
    from batch.ledger.waiting import NO_WAY_OPEN

    if standing.state is State.IN_DOUBT or standing.unknown_attempts:
        return standing.route[standing.step : standing.step + 1]
    return standing.route if standing.code == NO_WAY_OPEN else standing.route[standing.step :]


def _taken_before(standing: Standing) -> frozenset[str]:
    """Returns the channels that took it once, and gave it back: it never goes there again."""
    took = (Cause.ACCEPTED, Cause.FOUND)
    return frozenset(event.channel for event in standing.history if event.cause in took)
