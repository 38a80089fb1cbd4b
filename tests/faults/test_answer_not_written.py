"""An answer can't be written: the old one stands, the operator is told, and no half file is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.records import LineResult
from batch.reports import write_answers
from schemas.errors import ConfigurationError
from tests.rigs.answer_lines import (
    BATCH,
    StandingBatch,
    line_result,
    standing_batch,
    summary,
    written_at,
)


def _write(folder: Path, source: StandingBatch) -> Path:
    return write_answers(folder, source, BATCH, language="da", simulated=False, now=written_at)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_ledger_that_fails_half_way_leaves_the_old_answer(tmp_path: Path) -> None:
    folder = _write(tmp_path, standing_batch([line_result(2)]))
    before = _contents(folder)

    def failing() -> Iterator[LineResult]:
        yield line_result(2, "failed")
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        _write(tmp_path, StandingBatch(failing, [summary([line_result(2)])]))
    assert _contents(folder) == before


# Eight kilobytes and no more may be written to a file: the table does not fit, as on a full disk.
SHORT_OF_SPACE = """
import resource, signal, sys
from pathlib import Path
from schemas.errors import ConfigurationError
from tests.faults.test_answer_not_written import _write
from tests.rigs.answer_lines import line_result, standing_batch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    _write(Path(sys.argv[1]), standing_batch([line_result(n) for n in range(2, 400)]))
except ConfigurationError as error:
    print(error.code)
"""


def test_a_disk_without_room_leaves_the_old_answer(tmp_path: Path) -> None:
    folder = _write(tmp_path, standing_batch([line_result(2)]))
    before = _contents(folder)
    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_SPACE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "answer.not_written\n", done.stderr
    assert _contents(folder) == before


def test_a_link_in_the_folders_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / BATCH).symlink_to(elsewhere)
    with pytest.raises(ConfigurationError, match=r"answer\.not_written"):
        _write(tmp_path, standing_batch([line_result(2)]))
    assert list(elsewhere.iterdir()) == []


def test_a_file_in_the_folders_place_is_kept(tmp_path: Path) -> None:
    (tmp_path / BATCH).write_text("not ours")
    with pytest.raises(ConfigurationError, match=r"answer\.not_written"):
        _write(tmp_path, standing_batch([line_result(2)]))
    assert (tmp_path / BATCH).read_text() == "not ours"


def test_a_link_in_a_files_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("not ours")
    (tmp_path / BATCH).mkdir()
    (tmp_path / BATCH / "kvittering.csv").symlink_to(target)
    folder = _write(tmp_path, standing_batch([line_result(2)]))
    assert target.read_text() == "not ours"
    assert not (folder / "kvittering.csv").is_symlink()
