"""Measures two or more sides in short interleaved slices of one process, and prints ratios of their cost.

Processor time of this process only: the simulator is another process. The same side measured against itself
gives the noise band; a ratio inside it shows no difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Side = Callable[[int], int]
"""A side does about so many items and returns how many it did."""
Prepare = Callable[[int], None]
"""Gets ready for the next slice; not timed."""


def nothing(n_items: int) -> None:
    """The preparation of a side that needs none."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds for one item: of one core, and on the wall."""

    cpu: float
    wall: float


def one_slice(side: Side, n_items: int) -> Cost:
    """Runs one slice of a side."""
    wall, cpu = time.perf_counter(), time.process_time()
    n_done = side(n_items)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert n_done > 0, "a slice that did nothing measures nothing"
    return Cost(1e6 * cpu / n_done, 1e6 * wall / n_done)


def interleave(sides: Mapping[str, tuple[Side, int, Prepare]], n_rounds: int) -> dict[str, list[Cost]]:
    """Runs the sides in turn, `n_rounds` times; each comes with its items a slice and its preparation."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(n_rounds):
        for name, (side, n_items, prepare) in sides.items():
            prepare(n_items)
            costs[name].append(one_slice(side, n_items))
    return costs


def ratio(over: list[Cost], under: list[Cost]) -> tuple[float, float, float]:
    """Returns the median of the rounds' processor-time ratios, and the least and the greatest."""
    each = sorted(a.cpu / b.cpu for a, b in zip(over, under, strict=True))
    return median(each), each[0], each[-1]


def say(title: str, over: list[Cost], under: list[Cost]) -> str:
    """Returns one line: the ratio with its spread, and the microseconds behind it."""
    middle, least, most = ratio(over, under)
    cpu_over, cpu_under = median(c.cpu for c in over), median(c.cpu for c in under)
    return (
        f"{title:<58} {middle:6.2f}  ({least:.2f} to {most:.2f}; {cpu_over:,.0f} against {cpu_under:,.0f} µs)"
    )
