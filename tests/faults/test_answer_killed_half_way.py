"""The program is killed while it writes answers: each file is whole, the old one or the new one."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from batch.reports import write_answers
from batch.reports.answer_files import FILES
from tests.rigs.answer_lines import BATCH, line_result, standing_batch, written_at

STATUSES = ("held", "failed")
TORN = 3
"""The exit code of a writer that opened a file of the old answer for writing."""


def write(folder: Path, status: str) -> Path:
    """Writes the answers of a batch whose lines all stand in one state."""
    lines = [line_result(n, status, reference=f"M{n}") for n in range(2, 30)]
    return write_answers(folder, standing_batch(lines), BATCH, language="da", simulated=False, now=written_at)


def _contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def _kill_at(n: int, folder: Path) -> Callable[[str, tuple[object, ...]], None]:
    """Returns an audit hook that kills this process before the n-th act on a file in the folder."""
    acts = itertools.count(1)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event not in ("open", "os.rename", "os.remove") or str(folder) not in str(arguments[0]):
            return
        if event == "open" and Path(str(arguments[0])).name in FILES and int(str(arguments[2])) & 3:
            os._exit(TORN)
        if next(acts) == n:
            os.kill(os.getpid(), signal.SIGKILL)

    return watch


def kill_before_every_act(folder: Path) -> None:
    """Writes the second answer over the first again and again, each time killed one act on a file later.

    Prints how many kills there were before the writer got to its end. Runs in a process of its own: an audit
    hook can't be taken away again.
    """
    old, new = (_contents(write(folder / status, status)) for status in STATUSES)
    for n in itertools.count(1):
        write(folder, STATUSES[0])
        child = os.fork()
        if child == 0:
            sys.addaudithook(_kill_at(n, folder / BATCH))
            write(folder, STATUSES[1])
            os._exit(0)
        end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = _contents(folder / BATCH)
        assert end in (0, -signal.SIGKILL), f"the writer ended with {end} (kill {n})"
        assert all(found[name] in (old[name], new[name]) for name in FILES), f"torn at kill {n}"
        if end == 0:
            assert found == new
            print(n - 1)
            return


def test_every_file_is_whole_after_a_kill_before_any_act(tmp_path: Path) -> None:
    module = Path(__file__).stem
    script = f"from pathlib import Path\nfrom tests.faults.{module} import kill_before_every_act\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}kill_before_every_act(Path({str(tmp_path)!r}))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    n_kills = int(done.stdout)
    assert n_kills >= 3 * len(FILES)  # each file is at least opened, flushed and renamed


def test_what_a_kill_left_behind_is_cleared_away_and_a_neighbour_at_work_is_not(tmp_path: Path) -> None:
    folder = tmp_path / BATCH
    folder.mkdir()
    old, fresh = folder / ".kvittering.csv.0123.tmp", folder / ".kvittering.csv.4567.tmp"
    old.touch()
    fresh.touch()
    now = written_at().timestamp()
    _set_time(old, now - 7200)
    _set_time(fresh, now - 60)
    write(tmp_path, "delivered")
    assert not old.exists()
    assert fresh.exists()


def _set_time(path: Path, at: float) -> None:
    os.utime(path, (at, at))
