"""What lies still in an inbox and is never taken is told: how much, where, and never by its name."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.drop_folder import prepare_folders
from batch.drop_names import mask_name
from batch.drop_strays import Stray, find_strays
from jobs.passes import PassLog
from jobs.pull import PullResult
from schemas.errors import ConfigurationError
from schemas.settings import SourceSettings
from tests.rigs.timekeeping import file_log, read_log

LATER = timedelta(seconds=601)


@pytest.fixture
def source(tmp_path: Path) -> SourceSettings:
    prepare_folders(tmp_path / "loen")
    return SourceSettings(folder=tmp_path / "loen")


def put(source: SourceSettings, *names: str) -> None:
    """Puts files into the inbox; a name that ends in a slash is a folder with an index."""
    for name in names:
        path = source.folder / "ind" / name
        if name.endswith("/"):
            path.mkdir()
            path = path / "index.csv"
        path.write_text("x")


def found(source: SourceSettings, after: timedelta = LATER) -> dict[str, int]:
    return {one.code: one.n_files for one in find_strays("loen", source, datetime.now(UTC) + after)}


def test_loose_files_and_lonely_markers_are_counted(source: SourceSettings) -> None:
    put(source, "a/", "a.klar", "notes.txt", "lonely.ok", ".hidden", "c.part", "Thumbs.db")
    before = sorted(os.listdir(source.folder / "ind"))
    assert found(source) == {"drop.stray_file": 2}
    assert sorted(os.listdir(source.folder / "ind")) == before


def test_a_drop_that_nobody_has_sealed_is_told_where_markers_seal(source: SourceSettings) -> None:
    put(source, "a/", "b.zip")
    assert found(source) == {"drop.no_marker": 2}
    assert found(source.model_copy(update={"seal": "quiet"})) == {}


def test_what_came_a_moment_ago_is_waited_for(source: SourceSettings) -> None:
    put(source, "a/", "notes.txt")
    os.utime(source.folder / "ind" / "notes.txt", (0, 0))  # a copy that keeps its old times
    assert found(source, timedelta(seconds=590)) == {}
    assert len(found(source)) == 2


def test_a_folder_into_which_somebody_still_writes_does_not_lie_still(source: SourceSettings) -> None:
    put(source, "a/")
    assert found(source.model_copy(update={"stray_seconds": 0.0}), timedelta(seconds=-5)) == {}


def test_a_clean_inbox_says_nothing_and_a_missing_one_is_told(tmp_path: Path, source: SourceSettings) -> None:
    assert found(source) == {}
    with pytest.raises(ConfigurationError) as fault:
        found(SourceSettings(folder=tmp_path / "gone"))
    assert fault.value.code == "drop.no_inbox"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("1408683994.pdf", "•••….pdf"),
        ("140868.3994", "•••…"),
        ("Peter.Hansen", "Pet…"),
        ("Lønseddel Åse.PDF", "Løn….PDF"),
        ("uddata.klar", "udd….klar"),
    ],
)
def test_a_name_shows_neither_number_nor_person(source: SourceSettings, name: str, shown: str) -> None:
    assert mask_name(name) == shown
    put(source, name)
    (stray,) = find_strays("loen", source, datetime.now(UTC) + LATER)
    assert (stray.source, stray.shown) == ("loen", shown)


def test_the_log_says_it_once_and_again_when_it_changes(tmp_path: Path) -> None:
    def passed(*n_files: int) -> PullResult:
        return PullResult(
            strays={"loen": tuple(Stray("loen", "drop.stray_file", n, "Pet…") for n in n_files)}
        )

    with file_log(tmp_path / "log") as log:
        passes = PassLog(log)
        for result in (passed(2), passed(2), PullResult(), passed(3), passed(), passed(3)):
            passes.write(result)
    lines = read_log(tmp_path / "log")
    assert [(line["event"], line["source"], line["n_files"]) for line in lines] == [
        ("inbox.strays", "loen", n) for n in (2, 3, 3)
    ]
    assert "Pet" not in str(lines)
