"""Gathers what is known of the ways of one consignment: what each channel says, and the amounts.

Relies on the channels' `reaches` and on the ledger's counts; sends nothing and changes nothing. Whoever asks
closes the house's channels in the same event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from jobs.house import House
from jobs.rules import ration_of
from routing.planning import Facts, Way
from routing.policy import Amount
from schemas.channels import Reach
from schemas.consignments import Consignment
from schemas.errors import Coded, ConfigurationError, HouseError, ServiceDown, Transient
from schemas.mail_settings import MailChannelSettings


@runtime_checkable
class RemembersRejects(Protocol):
    """A channel that knows whom it was turned down for lately."""

    def rejected_lately(self, consignment: Consignment) -> Reach | None: ...


async def gather_facts(house: House, consignment: Consignment, channels: Iterable[str]) -> Facts:
    """Returns the facts about these channels; one that can't say now does not reach."""
    names = [name for name in channels if name in house.settings.channels]
    paused = {pause.channel: pause.code for pause in house.ledger.pauses()}
    ways = await asyncio.gather(*(_way(house, consignment, name, paused.get(name)) for name in names))
    return Facts(house.settings.materials, house.settings.policy, dict(zip(names, ways, strict=True)))


async def _way(house: House, consignment: Consignment, name: str, paused: str | None) -> Way:
    reach = Reach(False, paused) if paused is not None else await _reach(house, consignment, name)
    return Way(house.protections()[name], reach, _amount(house, consignment, name))


async def _reach(house: House, consignment: Consignment, name: str) -> Reach:
    try:
        channel = house.channel(name)
        # Where nobody is asked in advance, the last letter's rejection is the best that is known.
        rejected = channel.rejected_lately(consignment) if isinstance(channel, RemembersRejects) else None
        return rejected or await channel.reaches(consignment)
    except Transient as error:
        return replace(_no(error), evidence=await _seen(house, consignment, name))
    except (HouseError, ConfigurationError, ServiceDown) as error:
        return _no(error)


async def _seen(house: House, consignment: Consignment, name: str) -> tuple[Mapping[str, str], ...]:
    """Returns what a channel by mail has seen of a recipient although it can't say yes or no now."""
    if not isinstance(house.settings.channels[name], MailChannelSettings):
        return ()
    return (await _reach_address(house, consignment.recipient.email, name)).evidence


async def reach_address(house: House, address: str) -> dict[str, Reach]:
    """Returns what every channel by mail says of an address; one that can't say now does not reach."""
    names = [
        name for name, channel in house.settings.channels.items() if isinstance(channel, MailChannelSettings)
    ]
    said = await asyncio.gather(*(_reach_address(house, address, name) for name in names))
    return dict(zip(names, said, strict=True))


async def _reach_address(house: House, address: str, name: str) -> Reach:
    from routing.channels.mail_channel import MailChannel

    try:
        channel = house.channel(name)
        assert isinstance(channel, MailChannel)
        return await channel.reaches_address(address)
    except (HouseError, ConfigurationError, ServiceDown) as error:
        return _no(error)


def _no(error: Coded) -> Reach:
    return Reach(False, error.code, params=error.params)


def _amount(house: House, consignment: Consignment, name: str) -> Amount | None:
    ration = ration_of(house, name)
    if ration is None or consignment.material not in ration.materials or not consignment.recipient.email:
        return None
    return Amount(*house.ledger.amount(name, consignment, ration))
