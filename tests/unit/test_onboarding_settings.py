"""Tables are written into the settings so that what stands there stays: comments, order and other values."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from jobs.initiate import write_template
from jobs.onboarding.settings_writing import draft, planned, write_draft
from jobs.settings_file import read_settings
from schemas.errors import ConfigurationError

TABLES = {
    "sources": {"brev": {"folder": "brev"}},
    "materials": {"brev": {"title": "Brev", "channels": ["eboks"], "eboks": {"content_type_id": 7}}},
    "channels": {"eboks": {"parallel": 8}},
}
OUT_OF_ORDER = """# foran
[sources.a]
folder = "a"  # efter a
[materials.x]
title = "X"
[sources.b]
folder = "b"
[materials.y]
title = "Y"
# bagest
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "brevdue.toml"
    write_template(made)
    return made


def comments(text: str) -> list[str]:
    return [line.split("#", 1)[1] for line in text.splitlines() if "#" in line]


def test_new_tables_come_in_and_everything_else_stays(path: Path):
    before = path.read_text(encoding="utf-8")
    made = draft(path, TABLES)
    assert not made.differing
    settings = write_draft(path, made)
    after = path.read_text(encoding="utf-8")
    assert comments(after) == comments(before)
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert sorted(settings.sources) == ["brev", "loen"]
    assert settings.materials["brev"].eboks.content_type_id == 7
    assert tomllib.loads(after)["channels"]["eboks"]["parallel"] == 8
    assert settings == read_settings(path)


def test_written_again_nothing_changes(path: Path):
    write_draft(path, draft(path, TABLES))
    again = draft(path, TABLES)
    assert (again.changes, again.added, again.differing) == (False, (), ())


def test_a_value_that_differs_stays_unless_it_is_to_be_replaced(path: Path):
    tables = {"channels": {"eboks": {"parallel": 3, "per_second": 5.0}}}
    key = ("channels", "eboks", "parallel")
    kept = draft(path, tables)
    assert (kept.differing, kept.added) == ((key,), (("channels", "eboks", "per_second"),))
    assert planned(path, kept).channels["eboks"].parallel == 8
    replaced = draft(path, tables, frozenset({key}))
    assert planned(path, replaced).channels["eboks"].parallel == 3


def test_tables_that_are_scattered_are_found_and_joined(tmp_path: Path):
    path = tmp_path / "brevdue.toml"
    path.write_text(OUT_OF_ORDER, encoding="utf-8")
    tables = {"sources": {"b": {"material": "x"}, "c": {"folder": "c"}}, "materials": {"x": {"max_bytes": 9}}}
    settings = write_draft(path, draft(path, tables))
    assert sorted(settings.sources) == ["a", "b", "c"]
    assert (settings.sources["b"].material, settings.materials["x"].max_bytes) == ("x", 9)
    assert comments(path.read_text(encoding="utf-8")) == comments(OUT_OF_ORDER)


def test_a_file_of_a_windows_editor_keeps_its_line_ends(tmp_path: Path):
    path = tmp_path / "brevdue.toml"
    path.write_bytes('\ufeff# æøå\r\n[house]\r\ntenant = "hus"\r\n'.encode())
    settings = write_draft(path, draft(path, {"sources": {"a": {"folder": "a"}}}))
    assert (settings.house.tenant, sorted(settings.sources)) == ("hus", ["a"])
    assert "# æøå\r\n[house]\r\n".encode() in path.read_bytes()


@pytest.mark.parametrize(
    "tables",
    [
        {"channels": {"eboks": {"system_id": 0}}},
        {"sources": {"loen": {"material": "findes_ikke"}}},
        {"channels": {"eboks": {"frob": 1}}},
    ],
)
def test_what_would_be_no_good_settings_is_not_written(path: Path, tables):
    before = path.read_bytes()
    first = draft(path, tables)
    with pytest.raises(ConfigurationError) as raised:
        write_draft(path, draft(path, tables, frozenset(first.differing)))
    assert (raised.value.code, raised.value.params["file"]) == ("settings.invalid", "brevdue.toml")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["brevdue.toml"]


def test_planning_needs_no_right_to_write(path: Path):
    path.parent.chmod(0o500)
    try:
        assert "brev" in planned(path, draft(path, TABLES)).sources
        assert os.listdir(path.parent) == ["brevdue.toml"]
    finally:
        path.parent.chmod(0o700)


def test_a_file_changed_meanwhile_is_left_alone(path: Path):
    made = draft(path, TABLES)
    path.write_text(path.read_text(encoding="utf-8") + "# en anden\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        write_draft(path, made)
    assert raised.value.code == "onboarding.settings_changed"
    assert path.read_text(encoding="utf-8").endswith("# en anden\n")


def test_a_file_that_is_no_toml_or_not_there(tmp_path: Path):
    path = tmp_path / "brevdue.toml"
    with pytest.raises(ConfigurationError) as raised:
        draft(path, TABLES)
    assert raised.value.code == "settings.unreadable"
    path.write_text("[house", encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        draft(path, TABLES)
    assert raised.value.code == "settings.not_toml"


def test_the_file_keeps_its_mode_and_a_link_to_it_stays_a_link(path: Path, tmp_path: Path):
    path.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    write_draft(link, draft(link, TABLES))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert "brev" in read_settings(path).sources
