"""Looks again at what no channel could take: when a fact has changed, it may go.

Relies on the planner, on the channels' `reaches` and on the ledger, which alone moves anything. A step at
which a channel had taken the consignment before is never begun again. Sends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from batch.records import Waiting
from jobs.facts import gather_facts
from jobs.house import House
from routing.planning import plan

ACTOR = "brevdue"
SLICE = 100
SIDE_BY_SIDE = 8


async def look_again(house: House, *, pause_seconds: float, stop: Callable[[], bool]) -> int:
    """Lets go what has a way again; returns how many.

    Looks at each waiting consignment at most once, and only at those that nobody has looked at for
    `pause_seconds`. Raises ServiceDown.
    """
    before = house.now() - timedelta(seconds=pause_seconds)
    n_opened = 0
    while not stop():
        waiting = house.ledger.waiting(before, SLICE)
        if not waiting:
            break
        n_opened += house.ledger.reopen(await _look(house, waiting), actor=ACTOR)
    return n_opened


async def _look(house: House, waiting: list[Waiting]) -> dict[str, int | None]:
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def look(one: Waiting) -> int | None:
        async with room:
            return await _step(house, one)

    steps = await asyncio.gather(*(look(one) for one in waiting))
    return {one.consignment.id: step for one, step in zip(waiting, steps, strict=True)}


async def _step(house: House, one: Waiting) -> int | None:
    """Returns the first step of the consignment's own route that is open and was not used before."""
    consignment = one.consignment
    facts = await gather_facts(house, consignment, dict.fromkeys(consignment.route))
    opened = set(plan(consignment, facts).channels)
    steps = (step for step, name in enumerate(consignment.route) if name in opened)
    return next((step for step in steps if step not in one.used_steps), None)
