"""Writes enrolment lists for tests, of a few lines or of hundreds of thousands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.rigs.simulator import VOLUNTARY

HEADER = "modtagertype;modtager;materialer;grupper;status"


def enrolled(number: str, places: object = VOLUNTARY) -> str:
    """Returns the line of one who is enrolled for a material."""
    return f"{'cpr' if len(number) == 10 else 'cvr'};{number};{places};;tilmeldt"


def write_list(
    path: Path, lines: Iterable[str], *, total: str | None = None, encoding: str = "utf-8"
) -> Path:
    """Writes a list; `total` is the last line, the right one unless it is given, none when empty."""
    n_lines = 0
    with path.open("w", encoding=encoding, newline="") as file:
        file.write(HEADER + "\n")
        for line in lines:
            file.write(line + "\n")
            n_lines += 1
        last = f"#ANTAL;{n_lines}" if total is None else total
        file.write(last + "\n" if last else "")
    return path
