"""Gathers what is known of the ways of one consignment: what each channel says, and the amounts.

Relies on the channels' `reaches` and on the ledger's counts; sends nothing and changes nothing. Whoever asks
closes the house's channels in the same event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from jobs.house import House
from jobs.rules import ration_of
from routing.planning import Facts, Way
from routing.policy import Amount
from schemas.channels import Reach
from schemas.consignments import Consignment
from schemas.errors import Coded, ConfigurationError, HouseError, ServiceDown


async def gather_facts(house: House, consignment: Consignment, channels: Iterable[str]) -> Facts:
    """Returns the facts about these channels; one that can't say now does not reach."""
    names = [name for name in channels if name in house.settings.channels]
    ways = await asyncio.gather(*(_way(house, consignment, name) for name in names))
    return Facts(house.settings.materials, house.settings.policy, dict(zip(names, ways, strict=True)))


async def _way(house: House, consignment: Consignment, name: str) -> Way:
    return Way(
        house.protections()[name], await _reach(house, consignment, name), _amount(house, consignment, name)
    )


async def _reach(house: House, consignment: Consignment, name: str) -> Reach:
    paused = next((pause.code for pause in house.ledger.pauses() if pause.channel == name), None)
    if paused is not None:
        return Reach(False, paused or "channel.paused")
    try:
        return await house.channel(name).reaches(consignment)
    except (HouseError, ConfigurationError, ServiceDown) as error:
        return _no(error)


def _no(error: Coded) -> Reach:
    return Reach(False, error.code, params=error.params)


def _amount(house: House, consignment: Consignment, name: str) -> Amount | None:
    ration = ration_of(house, name)
    if ration is None or consignment.material not in ration.materials or not consignment.recipient.email:
        return None
    return Amount(*house.ledger.amount(name, consignment, ration.hours))
