"""Prints, in one run, how our dispatch stands against a bare loop and a plain client, and where memory goes.

`make bench` measures at full length; `make bench ARGS=--short` in a minute.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.dispatch import Dispatcher
from jobs.house import House, open_house
from tests.bench.bare_loop import BareLoop
from tests.bench.mail import mail_ratios
from tests.bench.memory import print_memory
from tests.bench.plain_client import PlainClient
from tests.bench.portal import print_portal
from tests.bench.rounds import interleave, nothing, say
from tests.rigs.big_drops import cprs, payslip_bytes, write_big_drop
from tests.rigs.houses import HouseOnDisk
from tests.rigs.simulator import dispatch_path, dispatch_xml, message_id
from tests.rigs.standing import standing_house

SLICE = 1_000
PLAIN_SLICE = 25


def main() -> int:
    """Runs the bench and prints its lines."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--mail-only", action="store_true")
    short = parser.parse_args().short
    mail_ratios(5 if short else 15)
    if parser.parse_args().mail_only:
        return 0
    with tempfile.TemporaryDirectory(prefix="brevdue-bench-") as folder:
        n_rounds = 3 if short else 9
        with standing_house(Path(folder)) as house:
            dispatch_ratios(house, Path(folder), n_rounds)
        print_portal(Path(folder), 5 if short else 20)
        if not parser.parse_args().no_memory:
            print_memory(Path(folder), (1_000, 5_000) if short else (10_000, 50_000))
    return 0


def dispatch_ratios(house: HouseOnDisk, folder: Path, n_rounds: int) -> None:
    """Measures sending: ours with everything in it, the bare loop, and the plain clients."""
    for number in range(n_rounds + 1):
        write_big_drop(house.inbox, f"bench-{number}", SLICE, seed=100 + number)
    house.brevdue("pull")
    files = _files(folder / "files", PLAIN_SLICE * (n_rounds + 1))
    ids = itertools.count(1)
    bare, again = BareLoop(house, _requests(house, ids, 11)), BareLoop(house, _requests(house, ids, 12))
    plain = PlainClient(house, folder, _work(files, ids), kept=False)
    kept = PlainClient(house, folder, _work(files, ids), kept=True)
    with open_house(house.settings) as opened:
        ours = _Ours(opened)
        sides = {
            "ours": (ours.run, SLICE, ours.prepare),
            "bare": (bare.run, SLICE, bare.prepare),
            "bare again": (again.run, SLICE, again.prepare),
            "plain": (plain.run, PLAIN_SLICE, nothing),
            "plain kept": (kept.run, PLAIN_SLICE, nothing),
        }
        interleave(sides, 1)  # warm: connections, caches, imports
        costs = interleave(sides, n_rounds)
    print(f"dispatch of documents of 75 KB, {n_rounds} interleaved rounds, processor time of one core")
    print(say("bare loop against itself (noise band)", costs["bare again"], costs["bare"]))
    print(say("ours against the bare loop (a), at most 6", costs["ours"], costs["bare"]))
    print(say("plain client against ours (b), at least 15", costs["plain"], costs["ours"]))
    print(say("plain client with a kept HTTP session against ours", costs["plain kept"], costs["ours"]))
    for side in (bare, again, plain, kept):
        side.close()


class _Ours:
    """Our side: one whole dispatch pass over a batch that was held until its turn came."""

    def __init__(self, house: House) -> None:
        self._ledger = house.ledger
        self._dispatcher = Dispatcher(house)
        self._n_ready = 0
        self._held = [batch.id for batch in self._ledger.batches()]
        for batch_id in self._held:
            self._ledger.hold(batch_id, actor="bench", reason="until its turn comes")

    def prepare(self, n_items: int) -> None:
        """Releases one batch, outside of what is timed; by chance a recipient or two had the same before."""
        self._n_ready = self._ledger.release(self._held.pop(), actor="bench")

    def run(self, n_items: int) -> int:
        result = self._dispatcher.run()
        assert result.lanes[0].causes == {"accepted": self._n_ready}, "only acceptance may be measured"
        return self._n_ready


def _requests(house: HouseOnDisk, ids: Iterator[int], seed: int) -> Iterator[bytes]:
    """Yields whole requests with distinct documents, as our own channel would send them."""
    host = f"127.0.0.1:{house.simulator.port}"
    for number, cpr in zip(ids, cprs(10**6, seed), strict=False):
        body = dispatch_xml(cpr, document=payslip_bytes(cpr))
        head = (
            f"PUT {dispatch_path(message_id(number))} HTTP/1.1\r\nHost: {host}\r\n"
            f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _files(folder: Path, n: int) -> list[tuple[str, Path]]:
    folder.mkdir()
    files = []
    for number, cpr in enumerate(cprs(n, 13)):
        path = folder / f"{number}.pdf"
        path.write_bytes(payslip_bytes(cpr))
        files.append((cpr, path))
    return files


def _work(files: list[tuple[str, Path]], ids: Iterator[int]) -> Iterator[tuple[str, str, Path]]:
    for cpr, path in files:
        yield message_id(next(ids)), cpr, path


if __name__ == "__main__":
    sys.exit(main())
