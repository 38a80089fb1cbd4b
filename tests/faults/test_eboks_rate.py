"""A rate that is set is never exceeded in any one second, as the other side counts it."""

from __future__ import annotations

import asyncio

import pytest

from eboks.pace import Pace
from tests.rigs.channels import bench_for, letter
from tests.rigs.simulator import StartSimulator


def test_e_boks_never_sees_more_sends_in_a_second_than_were_set(start_simulator: StartSimulator):
    simulator = start_simulator(max_per_second=10)
    bench = bench_for(simulator, per_second=10, parallel=8)

    async def many(channel):
        letters = [letter(bench.papers, number) for number in range(25)]
        return await asyncio.gather(*(channel.send(one, channel.message_id(one.seed)) for one in letters))

    assert len(bench.run(many)) == 25
    with simulator.client() as client:
        counts = client.counts()
    assert counts["n_rate_limited"] == 0
    assert counts["max_sends_in_one_second"] <= 10


@pytest.mark.parametrize(("per_second", "n_turns"), [(8.0, 10), (2.5, 4)])
def test_turns_of_one_place_lie_a_window_apart_whatever_a_call_takes(per_second, n_turns):
    async def work():
        pace, loop = Pace(per_second), asyncio.get_running_loop()
        ends: list[float] = []
        starts: list[float] = []

        async def call(number):
            async with pace.turn():
                starts.append(loop.time())
                await asyncio.sleep(0.02 * number)
                ends.append(loop.time())

        await asyncio.gather(*(call(number) for number in range(n_turns)))
        return starts, ends

    starts, ends = asyncio.run(work())
    n_places = max(1, int(per_second))
    window = n_places / per_second
    assert all(later - ended >= window - 0.001 for ended, later in zip(ends, starts[n_places:], strict=False))


def test_a_turn_that_fails_gives_its_place_back():
    async def work():
        pace = Pace(50.0)
        for _ in range(51):
            with pytest.raises(ValueError, match="no"):
                async with pace.turn():
                    raise ValueError("no")

    asyncio.run(work())
