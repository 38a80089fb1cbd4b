"""A drop that holds what no drop may hold is refused whole, with its reason; nothing outside is touched."""

from __future__ import annotations

import json
import os
import socket
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from batch.drop_contents import FolderContents
from batch.drop_folder import take
from batch.quarantine import DropRefused, find_refusals
from schemas.errors import BadInput
from tests.rigs import drops
from tests.rigs.drops import Drop, OpenHouse, good_drop


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path)  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("s")
    finally:
        os.chdir(here)


def _device(path: Path) -> None:
    try:
        os.mknod(path / "null.pdf", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("a device can only be made by root: run the tests as root to see this one")


UNSAFE: dict[str, tuple[Callable[[Path], object], str]] = {
    "link to a file": (lambda p: (p / "x.pdf").symlink_to("/etc/passwd"), "drop.symlink"),
    "link to nothing": (lambda p: (p / "x.pdf").symlink_to("nowhere"), "drop.symlink"),
    "link to a folder": (lambda p: (p / "x").symlink_to("/etc"), "drop.symlink"),
    "subfolder": (lambda p: (p / "under").mkdir(), "drop.subfolder"),
    "pipe": (lambda p: os.mkfifo(p / "x.pdf"), "drop.special_file"),
    "socket": (_socket, "drop.special_file"),
    "device": (_device, "drop.special_file"),
    "zip inside": (lambda p: (p / "more.zip").write_bytes(b"PK"), "drop.nested_archive"),
    "backslash": (lambda p: (p / "..\\x.pdf").touch(), "drop.bad_name"),
    "line break in a name": (lambda p: (p / "a\nb.pdf").touch(), "drop.bad_name"),
    "undecodable name": (
        lambda p: Path(os.fsdecode(os.fsencode(p) + b"/l\xf8n.pdf")).touch(),
        "drop.bad_name",
    ),
    "no index": (lambda p: (p / "index.csv").unlink(), "index.missing"),
    "two indexes": (lambda p: (p / "INDEX.CSV").touch(), "index.several"),
    "two spellings": (
        lambda p: [(p / unicodedata.normalize(form, "å.pdf")).write_bytes(b"") for form in ("NFC", "NFD")],
        "drop.name_clash",
    ),
}


@pytest.mark.parametrize("fault", UNSAFE)
def test_an_unsafe_folder_is_refused_whole(intake_house: OpenHouse, fault: str) -> None:
    spoil, code = UNSAFE[fault]
    house = intake_house()
    folder = good_drop(2).write_folder(house.inbox)
    spoil(folder)
    names = sorted(os.listdir(folder))
    refused = house.refuse_one()
    assert refused.code == code
    lies = house.source.folder / "karantaene" / refused.batch_id
    assert sorted(os.listdir(lies)) == ["aarsag.json", "aarsag.txt", "uddata"]
    assert sorted(os.listdir(lies / "uddata")) == names
    assert stat.S_IMODE(lies.stat().st_mode) == 0o700


def test_a_drop_that_is_itself_a_link_is_refused_and_its_target_untouched(
    intake_house: OpenHouse, tmp_path: Path
) -> None:
    house = intake_house()
    elsewhere = good_drop(1).write_folder(tmp_path, "elsewhere", marker="")
    (house.inbox / "uddata").symlink_to(elsewhere)
    (house.inbox / "uddata.klar").touch()
    assert house.refuse_one().code == "drop.symlink"
    assert sorted(os.listdir(elsewhere)) == ["1.pdf", "index.csv"]


def test_a_link_that_is_put_there_after_the_look_is_not_followed(
    intake_house: OpenHouse, tmp_path: Path
) -> None:
    folder = good_drop(1).write_folder(tmp_path, marker="")
    contents = FolderContents(folder, intake_house().source)
    (folder / "1.pdf").unlink()
    (folder / "1.pdf").symlink_to("/etc/passwd")
    with pytest.raises(BadInput) as fault:
        contents.read("1.pdf")
    contents.close()
    assert fault.value.code == "drop.symlink"


def test_a_file_that_comes_while_the_drop_is_read_stops_it(intake_house: OpenHouse) -> None:
    house = intake_house()
    good_drop(3).write_folder(house.inbox)
    (drop,) = house.sealed()
    taken = take(drop, "20261124-110000-aaaaaa")
    assert taken is not None
    late = taken.path / "late.pdf"

    with pytest.raises(DropRefused, match=r"drop\.changed"):
        house.intake.take_in(drops.SOURCE, taken, lambda done, total: late.touch())
    (folder,) = (house.source.folder / "karantaene").iterdir()
    assert "late.pdf" in os.listdir(folder / "uddata")
    assert house.ledger.batches() == []


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"max_files": 2}, "drop.too_many_files"),
        ({"max_file_bytes": 300}, "drop.file_too_large"),
        ({"max_total_bytes": 2_000}, "drop.too_large"),
        ({"max_rows": 2}, "index.too_many_rows"),
    ],
)
def test_a_drop_beyond_the_sources_limits_is_refused(
    intake_house: OpenHouse, limit: dict[str, int], code: str
) -> None:
    house = intake_house(**limit)
    good_drop(3).write_folder(house.inbox)
    assert house.refuse_one().code == code


def test_the_quarantine_says_why_in_both_languages_and_names_nobody(intake_house: OpenHouse) -> None:
    house = intake_house()
    folder = Drop().add(drops.OK, f"{drops.OK}.pdf").write_folder(house.inbox, f"loen {drops.OK}")
    (folder / "under").mkdir()
    refused = house.refuse_one()
    lies = house.source.folder / "karantaene" / refused.batch_id
    text, said = (
        (lies / "aarsag.txt").read_text("utf-8"),
        json.loads((lies / "aarsag.json").read_text("utf-8")),
    )
    assert "undermappe" in text and "subfolder" in text and "drop.subfolder" in text
    assert said["rejections"] == [{"line": 0, "code": "drop.subfolder", "column": "", "params": {}}]
    assert drops.OK not in text + json.dumps(said) + str(refused) + repr(refused)
    (found,) = find_refusals(house.source.folder)
    assert (found.batch_id, found.rejections) == (refused.batch_id, refused.rejections)


def test_names_in_two_forms_of_unicode_meet(intake_house: OpenHouse) -> None:
    house = intake_house()
    drop = Drop().add(drops.OK, "løn å.pdf")
    drop.files = {unicodedata.normalize("NFD", "løn å.pdf"): drops.payslip(drops.OK)}
    drop.write_folder(house.inbox)
    assert house.take_one().n_ready == 1
