"""Guesses 100,000 links of a portal and tries 5,000 times at another's parcel, all through the application.

The part of `make torture` for the portal; the rates are lifted, so that every try is looked up.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.rigs.portal_guesses import guessed, sent, tried, untouched, visit_to
from tests.rigs.portals import PortalBench

N_LETTERS = 200


def print_guesses(n_guesses: int, n_tries: int) -> bool:
    """Prints what came of them; says whether nothing was read and nothing changed."""
    with tempfile.TemporaryDirectory(prefix="brevdue-guesses-") as folder:
        bench = PortalBench(Path(folder))
        try:
            parcels, links = sent(bench, N_LETTERS)
            own, *others = parcels
            shut = _told("guessed links", 404, lambda: guessed(bench, n_guesses, links))
            shut &= untouched(bench, parcels)
            cookie = visit_to(bench, links[0])
            shut &= _told(
                "tries at another's parcel", 403, lambda: tried(bench, n_tries, own, cookie, others)
            )
            return shut and untouched(bench, others)
        finally:
            bench.close()


def _told(what: str, refused: int, knock: Callable[[], Counter[int]]) -> bool:
    started = time.monotonic()
    seen = knock()
    n_let_in = seen.total() - seen[refused]
    seconds = time.monotonic() - started
    print(
        f"{seen.total()} {what} among {N_LETTERS} letters in {seconds:.0f} s: "
        f"{n_let_in} answered with anything but {refused}",
        flush=True,
    )
    return n_let_in == 0
