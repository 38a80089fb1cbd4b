"""Only what is whole is taken, by one rename, and a crash between two renames is healed."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.drop_folder import (
    FOLDERS,
    find_sealed,
    make_batch_id,
    prepare_folders,
    resume,
    take,
)
from batch.work_folder import WorkFolder, is_batch_id
from schemas.errors import ConfigurationError
from schemas.settings import SourceSettings

ID = "20261124-110000-abcdef"
LATER = timedelta(seconds=31)


@pytest.fixture
def marked(tmp_path: Path) -> SourceSettings:
    prepare_folders(tmp_path / "loen")
    return SourceSettings(folder=tmp_path / "loen")


@pytest.fixture
def quiet(tmp_path: Path) -> SourceSettings:
    prepare_folders(tmp_path / "loen")
    return SourceSettings(folder=tmp_path / "loen", seal="quiet", quiet_seconds=30)


def inbox(settings: SourceSettings) -> Path:
    return settings.folder / "ind"


def put(settings: SourceSettings, *names: str) -> None:
    """Puts drops and files into the inbox: a name that ends in a slash is a folder with an index."""
    for name in names:
        path = inbox(settings) / name
        if name.endswith("/"):
            path.mkdir()
            path = path / "index.csv"
        path.write_text("x")


def sealed(settings: SourceSettings, after: timedelta = timedelta()) -> list[str]:
    return [drop.name for drop in find_sealed("loen", settings, now=lambda: datetime.now(UTC) + after)]


def test_the_folders_are_made_for_us_alone(tmp_path: Path) -> None:
    prepare_folders(tmp_path / "loen")
    prepare_folders(tmp_path / "loen")
    assert sorted(os.listdir(tmp_path / "loen")) == sorted(FOLDERS)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "loen").iterdir()} == {0o700}


def test_a_batch_id_says_its_time_and_is_fresh_each_time() -> None:
    at = datetime(2026, 11, 24, 11, 0, 5, tzinfo=UTC)
    ids = {make_batch_id(at) for _ in range(50)}
    assert len(ids) == 50
    assert all(is_batch_id(one) and one.startswith("20261124-110005-") for one in ids)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a/"], []),
        (["a/", "a.klar"], ["a"]),
        (["a/", "a.ok"], ["a"]),
        (["a/", "a.KLAR"], ["a"]),
        (["a.zip", "a.zip.klar"], ["a.zip"]),
        (["a.zip", "a.klar"], ["a.zip"]),
        (["a.ZIP", "a.ok"], ["a.ZIP"]),
        (["a/", "a.zip", "a.klar"], ["a"]),
        (["a.zip"], []),
        (["a/", "b.klar"], []),
        ([".a/", ".a.klar"], []),
        (["a.tmp/", "a.tmp.klar"], []),
        (["a.zip.part", "a.klar"], []),
        (["a/", "a.klar.tmp"], []),
        (["a/", "a.klar.part"], []),
        (["a/", ".a.klar"], []),
        (["notes.txt", "notes.txt.klar"], []),
        (["b/", "b.klar", "a/", "a.klar"], ["a", "b"]),
    ],
)
def test_a_drop_is_sealed_by_the_marker_beside_it(
    marked: SourceSettings, names: list[str], found: list[str]
) -> None:
    put(marked, *names)
    assert sealed(marked) == found


def test_a_folder_called_like_a_marker_is_no_marker(marked: SourceSettings) -> None:
    put(marked, "a/", "a.klar/")
    assert sealed(marked) == []


def test_a_quiet_drop_is_sealed_when_its_time_is_over_and_not_before(quiet: SourceSettings) -> None:
    put(quiet, "a/", "b.zip")
    assert sealed(quiet, timedelta(seconds=25)) == []
    assert sealed(quiet, LATER) == ["a", "b.zip"]


def test_a_marker_seals_a_quiet_source_at_once(quiet: SourceSettings) -> None:
    put(quiet, "a/", "a.klar")
    assert sealed(quiet) == ["a"]


def test_an_old_time_on_a_fresh_file_does_not_seal(quiet: SourceSettings) -> None:
    put(quiet, "a/")
    for path in (inbox(quiet) / "a" / "index.csv", inbox(quiet) / "a"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert sealed(quiet) == []


def test_a_time_from_the_future_does_not_keep_a_drop_waiting(quiet: SourceSettings) -> None:
    put(quiet, "a/")
    os.utime(inbox(quiet) / "a" / "index.csv", (4_000_000_000, 4_000_000_000))
    assert sealed(quiet, LATER) == ["a"]


def test_an_empty_folder_is_not_quiet_but_awaited(quiet: SourceSettings) -> None:
    (inbox(quiet) / "a").mkdir()
    assert sealed(quiet, LATER) == []


def test_a_missing_inbox_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as fault:
        find_sealed("loen", SourceSettings(folder=tmp_path / "gone"), now=lambda: datetime.now(UTC))
    assert fault.value.code == "drop.no_inbox"


def test_taking_moves_drop_and_markers_and_locks(marked: SourceSettings) -> None:
    put(marked, "a.zip", "a.klar", "a.zip.ok")
    (drop,) = find_sealed("loen", marked, now=lambda: datetime.now(UTC))
    taken = take(drop, ID)
    assert taken is not None
    assert taken.path.read_text() == "x"
    assert (taken.batch_id, taken.origin) == (ID, "zip")
    assert os.listdir(inbox(marked)) == []
    assert WorkFolder.reopen(taken.work.path) is None
    assert resume("loen", marked, lambda _: False) == []
    assert "a.zip" not in repr(taken) + repr(drop)


def test_a_drop_that_went_away_is_not_taken(marked: SourceSettings) -> None:
    put(marked, "a.zip", "a.klar")
    (drop,) = find_sealed("loen", marked, now=lambda: datetime.now(UTC))
    (inbox(marked) / "a.zip").unlink()
    assert take(drop, ID) is None
    assert os.listdir(marked.folder / "arbejde") == []


def test_a_quiet_drop_that_changed_in_the_last_moment_is_put_back(quiet: SourceSettings) -> None:
    put(quiet, "a/")
    (drop,) = find_sealed("loen", quiet, now=lambda: datetime.now(UTC) + LATER)
    (inbox(quiet) / "a" / "late.pdf").write_text("x")
    assert take(drop, ID) is None
    assert sorted(os.listdir(inbox(quiet) / "a")) == ["index.csv", "late.pdf"]
    assert os.listdir(quiet.folder / "arbejde") == []


def test_a_quiet_drop_that_stayed_the_same_is_taken(quiet: SourceSettings) -> None:
    put(quiet, "a/")
    (drop,) = find_sealed("loen", quiet, now=lambda: datetime.now(UTC) + LATER)
    assert take(drop, ID) is not None


def crashed(settings: SourceSettings, *, marker: str = "", drop: str = "") -> Path:
    """Leaves a work folder as a crash would: with or without the marker and the drop."""
    work = settings.folder / "arbejde" / ID
    (work / "drop").mkdir(parents=True)
    if marker:
        (work / marker).touch()
    if drop:
        (work / "drop" / drop).mkdir()
    return work


def test_a_take_cut_off_after_the_marker_is_completed(marked: SourceSettings) -> None:
    put(marked, "a/")
    crashed(marked, marker="a.klar")
    (taken,) = resume("loen", marked, lambda _: False)
    assert (taken.name, taken.batch_id) == ("a", ID)
    assert os.listdir(inbox(marked)) == []


def test_a_marker_whose_drop_is_gone_is_put_back(marked: SourceSettings) -> None:
    crashed(marked, marker="a.klar")
    assert resume("loen", marked, lambda _: False) == []
    assert os.listdir(inbox(marked)) == ["a.klar"]
    assert os.listdir(marked.folder / "arbejde") == []


def test_an_empty_work_folder_is_removed_with_its_orphan_pack(marked: SourceSettings) -> None:
    crashed(marked)
    pack = marked.folder / "arkiv" / f"{ID}.pack"
    pack.touch()
    assert resume("loen", marked, lambda _: False) == []
    assert os.listdir(marked.folder / "arbejde") == [] and not pack.exists()


def test_a_recorded_batch_is_only_cleaned_up_and_its_pack_stays(marked: SourceSettings) -> None:
    crashed(marked, marker="a.klar", drop="a")
    pack = marked.folder / "arkiv" / f"{ID}.pack"
    pack.touch()
    assert resume("loen", marked, lambda batch_id: batch_id == ID) == []
    assert os.listdir(marked.folder / "arbejde") == [] and pack.exists()


def test_an_unrecorded_drop_starts_again_without_what_the_crash_left(marked: SourceSettings) -> None:
    work = crashed(marked, drop="a")
    for name in ("documents.pack", "documents.pack.part", "rejections.spool"):
        (work / name).touch()
    (taken,) = resume("loen", marked, lambda _: False)
    assert os.listdir(work) == ["drop"]
    assert taken.name == "a"


def test_what_is_not_ours_in_the_work_folder_is_left_alone(marked: SourceSettings) -> None:
    (marked.folder / "arbejde" / "noter").mkdir()
    assert resume("loen", marked, lambda _: True) == []
    assert os.listdir(marked.folder / "arbejde") == ["noter"]
