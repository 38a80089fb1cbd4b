"""A zip that could harm, or that no ordinary program makes, is refused whole and never unpacked."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rigs import drops
from tests.rigs.drops import Drop, OpenHouse, good_drop

Write = Callable[[zipfile.ZipFile], object]


def _entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def _zip_of(write: Write, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    drop, made = good_drop(2), io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("index.csv", drop.index)
        for name, content in drop.files.items():
            archive.writestr(name, content)
        write(archive)
    return made.getvalue()


def _with_flag(plain: bytes, flag: int) -> bytes:
    """Sets a flag on every entry, in the local headers and in the directory."""
    changed = bytearray(plain)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = plain.find(signature)
        while at >= 0:
            (flags,) = struct.unpack_from("<H", plain, at + offset)
            struct.pack_into("<H", changed, at + offset, flags | flag)
            at = plain.find(signature, at + 4)
    return bytes(changed)


def _overlapping() -> bytes:
    """Two names for one entry's bytes."""
    plain = _zip_of(lambda archive: archive.writestr("y.pdf", b"other"))
    at = plain.rfind(b"PK\x01\x02")
    changed = bytearray(plain)
    struct.pack_into("<L", changed, at + 42, 0)
    return bytes(changed)


def _lying_about_size() -> bytes:
    """A bomb whose headers say that it is small."""
    plain = bytearray(_zip_of(lambda archive: archive.writestr("y.pdf", b"\0" * 5_000_000)))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", plain, plain.rfind(signature) + offset, 1_000)
    return bytes(plain)


def _bad_crc() -> bytes:
    plain = bytearray(_zip_of(lambda archive: None, zipfile.ZIP_STORED))
    at = plain.find(b"%PDF")
    plain[at + 50] ^= 1
    return bytes(plain)


def _nested_by_content() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a", "b")
    return _zip_of(lambda archive: archive.writestr("y.pdf", inner.getvalue()))


def _twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("index.csv", b"modtager;fil\n")


LINK = _entry("y.pdf", stat.S_IFLNK | 0o777)
DEVICE = _entry("y.pdf", stat.S_IFCHR)

UNSAFE: dict[str, tuple[Callable[[], bytes], str]] = {
    "parent": (lambda: _zip_of(lambda a: a.writestr("../y.pdf", b"x")), "drop.bad_name"),
    "parent inside": (lambda: _zip_of(lambda a: a.writestr("a/../../y.pdf", b"x")), "drop.bad_name"),
    "absolute": (lambda: _zip_of(lambda a: a.writestr(_entry("/etc/y.pdf"), b"x")), "drop.bad_name"),
    "drive": (lambda: _zip_of(lambda a: a.writestr("C:y.pdf", b"x")), "drop.bad_name"),
    "backslash": (lambda: _zip_of(lambda a: a.writestr("..\\y.pdf", b"x")), "drop.bad_name"),
    "control sign": (lambda: _zip_of(lambda a: a.writestr("y\n.pdf", b"x")), "drop.bad_name"),
    "link": (lambda: _zip_of(lambda a: a.writestr(LINK, b"/etc/passwd")), "drop.symlink"),
    "device": (lambda: _zip_of(lambda a: a.writestr(DEVICE, b"")), "drop.special_file"),
    "nested by name": (lambda: _zip_of(lambda a: a.writestr("y.ZIP", b"x")), "drop.nested_archive"),
    "nested by content": (_nested_by_content, "drop.nested_archive"),
    "subfolder": (lambda: _zip_of(lambda a: a.writestr("sub/y.pdf", b"x")), "drop.subfolder"),
    "bomb": (lambda: _zip_of(lambda a: a.writestr("y.pdf", b"\0" * 5_000_000)), "zip.bomb"),
    "lying bomb": (_lying_about_size, "zip.damaged"),
    "encrypted": (lambda: _with_flag(_zip_of(lambda a: None), 1), "zip.encrypted"),
    "lzma": (lambda: _zip_of(lambda a: None, zipfile.ZIP_LZMA), "zip.method"),
    "same name twice": (lambda: _zip_of(_twice), "drop.name_clash"),
    "overlap": (_overlapping, "zip.overlap"),
    "bad checksum": (_bad_crc, "zip.damaged"),
    "cut off": (lambda: _zip_of(lambda a: None)[:-40], "zip.damaged"),
    "no zip": (lambda: b"%PDF-1.4 not a zip", "zip.damaged"),
    "empty": (lambda: b"", "zip.damaged"),
}  # fmt: skip


@pytest.mark.parametrize("fault", UNSAFE)
def test_an_unsafe_zip_is_refused_whole(intake_house: OpenHouse, tmp_path: Path, fault: str) -> None:
    make, code = UNSAFE[fault]
    house = intake_house()
    (house.inbox / "uddata.zip").write_bytes(make())
    (house.inbox / "uddata.klar").touch()
    around = sorted(path.name for path in tmp_path.parent.iterdir())
    refused = house.refuse_one()
    assert refused.code == code
    assert "uddata.zip" in os.listdir(house.source.folder / "karantaene" / refused.batch_id)
    assert sorted(path.name for path in tmp_path.parent.iterdir()) == around


@pytest.mark.parametrize(
    ("limit", "code"),
    [({"max_files": 2}, "drop.too_many_files"), ({"max_file_bytes": 300}, "drop.file_too_large")],
)
def test_a_zip_beyond_the_limits_is_refused_before_it_is_read(
    intake_house: OpenHouse, limit: dict[str, int], code: str
) -> None:
    house = intake_house(**limit)
    good_drop(3).write_zip(house.inbox)
    assert house.refuse_one().code == code


def test_what_a_mac_adds_is_ignored(intake_house: OpenHouse) -> None:
    house = intake_house()
    path = good_drop(2).write_zip(house.inbox, top="loen/")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/loen/._1.pdf", b"noise")
        archive.writestr("loen/.DS_Store", b"noise")
    done = house.take_one()
    assert (done.n_ready, house.warnings(done.batch_id)) == (2, [])


@pytest.mark.parametrize("page", ["cp850", "utf-8"])
def test_danish_letters_in_names_are_read_from_either_code_page(intake_house: OpenHouse, page: str) -> None:
    house = intake_house()
    drop = Drop().add(drops.OK, "Lønseddel_Åse_Ærø.pdf")
    drop.write_zip(house.inbox)
    name = "Lønseddel_Åse_Ærø.pdf"
    path = house.inbox / "uddata.zip"
    # As a program without the flag for UTF-8 would write it: the same bytes, the flag not set.
    plain = "x" * len(name.encode(page))
    drop.files = {plain: drops.payslip(drops.OK)}
    path.unlink()
    drop.write_zip(house.inbox)
    path.write_bytes(path.read_bytes().replace(plain.encode(), name.encode(page)))
    assert house.take_one().n_ready == 1
