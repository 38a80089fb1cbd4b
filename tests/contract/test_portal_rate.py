"""No more mails of the portal leave in any one second than were set: notices and reminders alike."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rigs.portals import PortalBench

PER_SECOND = 10
N_LETTERS = 15


class Counter:
    """A mail server that notes when each mail came."""

    def __init__(self) -> None:
        self.came_at: list[float] = []

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        self.came_at.append(asyncio.get_running_loop().time())
        return {}

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def most_in_a_second(self) -> int:
        # A turn is a window apart by the same clock; the smallest bit is left to its rounding.
        return max(sum(0 <= at - start < 0.999 for at in self.came_at) for start in self.came_at)


@pytest.fixture
def server() -> Counter:
    return Counter()


@pytest.fixture
def bench(tmp_path: Path, server: Counter):
    change = {"per_second": PER_SECOND, "parallel": 8}
    made = PortalBench(tmp_path / "portal", carrier=server, change=change)
    yield made
    made.close()


def test_no_second_sees_more_notices_than_were_set(bench: PortalBench, server: Counter) -> None:
    async def many() -> None:
        channel = bench.channel()
        letters = [bench.consignment(number) for number in range(N_LETTERS)]
        await asyncio.gather(*(channel.send(one, channel.message_id(one.seed)) for one in letters))
        await channel.close()

    asyncio.run(many())
    assert len(server.came_at) == N_LETTERS
    assert server.most_in_a_second <= PER_SECOND


def test_no_second_sees_more_reminders_than_were_set(bench: PortalBench, server: Counter) -> None:
    for number in range(N_LETTERS):
        bench.send(bench.consignment(number))
    bench.clock.move(days=8)
    server.came_at.clear()

    async def tend() -> None:
        channel = bench.channel()
        await channel.tend()
        await channel.close()

    asyncio.run(tend())
    assert len(server.came_at) == N_LETTERS
    assert server.most_in_a_second <= PER_SECOND
