"""Kills a batch of 2,000 documents fifty times and compares both ends, then guesses at the portal: `make
torture`.

Prints its seed, so that a bad run can be run again: `make torture ARGS="--seed N"`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.guesses import print_guesses
from tests.faults.test_sigkill_anywhere import kill_and_go_on
from tests.rigs.big_drops import write_big_drop
from tests.rigs.judging import assert_each_exactly_once, assert_ledger_agrees
from tests.rigs.standing import standing_house


def main() -> int:
    """Runs the torture; returns 0 when nothing was lost, doubled or sent to the wrong person."""
    parser = argparse.ArgumentParser(prog="make torture")
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=75_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--guesses", type=int, default=100_000)
    parser.add_argument("--tries", type=int, default=5_000)
    parser.add_argument("--portal-only", action="store_true")
    given = parser.parse_args()
    if not given.portal_only and not _kill(given):
        return 1
    return 0 if print_guesses(given.guesses, given.tries) else 1


def _kill(given: argparse.Namespace) -> bool:
    """Kills and compares; says whether it was done as often as was wanted."""
    print(f"{given.documents} documents, {given.kills} kills, seed {given.seed}", flush=True)
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="brevdue-torture-") as folder,
        standing_house(Path(folder)) as house,
    ):
        drop = write_big_drop(house.inbox, "stor", given.documents, n_bytes=given.bytes)
        with house.simulator.client() as client:
            client.add_fault("delay", delay_seconds=0.1)
            client.add_fault("accept_then_drop", share=0.02, seed=given.seed)
        n_killed = kill_and_go_on(house, given.kills, 3.0, given.seed)
        house.day()
        assert_each_exactly_once(house, drop.expected)
        assert_ledger_agrees(house, given.documents)
    print(
        f"{n_killed} kills in {time.monotonic() - started:.0f} s: every document exactly once, ledger agrees"
    )
    return n_killed >= given.kills


if __name__ == "__main__":
    sys.exit(main())
