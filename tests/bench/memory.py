"""Measures the peak memory of `pull` and `dispatch` on a small and a large drop, children included."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from tests.rigs.big_drops import write_big_drop
from tests.rigs.houses import HouseOnDisk
from tests.rigs.standing import standing_house

MIB = 1024 * 1024


def print_memory(folder: Path, sizes: tuple[int, int]) -> None:
    """Prints the peaks for both sizes, and their ratio (at most 1.2)."""
    both = [_peaks(folder / f"memory-{n}", n) for n in sizes]
    for n, (pull, dispatch, seconds) in zip(sizes, both, strict=True):
        print(
            f"{n:,} rows: pull at most {pull / MIB:.0f} MiB with its children, in {seconds[0]:.0f} s; "
            f"dispatch {dispatch / MIB:.0f} MiB, in {seconds[1]:.0f} s"
        )
    small, large = both
    for name, growth in (("pull", large[0] / small[0]), ("dispatch", large[1] / small[1])):
        print(f"{name}: {sizes[1]:,} rows need {growth:.2f} times the memory of {sizes[0]:,}, at most 1.2")


def _peaks(folder: Path, n: int) -> tuple[int, int, tuple[float, float]]:
    folder.mkdir()
    with standing_house(folder) as house:
        write_big_drop(house.inbox, "stor", n)
        pull, pull_seconds = _peak(house, "pull")
        dispatch, dispatch_seconds = _peak(house, "dispatch")
        assert house.states() == {"delivered": n}, "what is measured must be done"
    shutil.rmtree(folder)
    return pull, dispatch, (pull_seconds, dispatch_seconds)


def _peak(house: HouseOnDisk, verb: str) -> tuple[int, float]:
    """Returns the highest sum of proportional memory of the process and its children, and the seconds."""
    started = time.monotonic()
    process = house.start(verb)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(_proportional(pid) for pid in _family(process.pid)))
        time.sleep(0.05)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    assert process.returncode == 0, f"{verb} ended with {process.returncode}"
    return peak, time.monotonic() - started


def _family(pid: int) -> list[int]:
    """Returns a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *(int(child) for child in children)]


def _proportional(pid: int) -> int:
    """Returns a process's proportional set size in bytes; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
