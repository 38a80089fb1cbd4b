"""A small form that is large once it is taken apart costs the portal neither its memory nor its time."""

from __future__ import annotations

import bz2
import io
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from routing.portal.web.file_types import MEDIA_TYPES, extension_of
from tests.rigs.portal_sites import Visitor, form_in, site_of
from tests.rigs.portals import PortalBench

UNPACKED = 64_000_000
SAID = MEDIA_TYPES["odt"].encode()


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


def test_an_office_file_whose_type_unpacks_without_end_is_not_unpacked():
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        bomb = _odt_that_lies(method)
        assert len(bomb) < 200_000
        assert (extension_of(bomb), _most_memory(bomb) < 5_000_000) == ("", True)


def test_an_office_file_of_very_many_entries_is_not_listed():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}", b"")
    data = content.getvalue()
    assert (extension_of(data), _most_memory(data) < 1_000_000) == ("", True)


def test_a_true_office_file_is_still_known():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", SAID)
        archive.writestr("content.xml", b"<x/>" * 1000, zipfile.ZIP_DEFLATED)
    assert extension_of(content.getvalue()) == "odt"


@pytest.mark.parametrize(
    ("charset", "status"),
    [
        ("utf-8", 303),
        ("UTF-8", 303),
        ("punycode", 400),
        ("unicode_escape", 400),
        ("utf-7", 400),
        ("rot13", 400),
    ],
)
def test_a_form_does_not_choose_how_it_is_decoded(bench, charset, status):
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench))
    action, hidden = form_in(visitor.get(f"/b/{bench.token()}").text, "/send")
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in hidden.items()
    )
    headers = {"content-type": f"multipart/form-data; charset={charset}; boundary=x"}
    assert visitor.request("POST", action, content=f"{parts}--x--\r\n", headers=headers).status_code == status


def test_a_form_of_very_many_fields_is_refused(bench):
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench))
    path = visitor.enter(bench.token())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    page = visitor.request("POST", f"{path}/svar", content=b"a=&" * 500, headers=headers)
    assert page.status_code == 400


def _most_memory(data: bytes) -> int:
    tracemalloc.start()
    try:
        extension_of(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _odt_that_lies(method: int) -> bytes:
    """Returns a file whose entry `mimetype` says that it is short, and is not."""
    plain = SAID + bytes(UNPACKED)
    if method == zipfile.ZIP_BZIP2:
        packed = bz2.compress(plain)
    else:
        packing = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packing.compress(plain) + packing.flush()
    sizes = struct.pack("<IIIHH", zlib.crc32(SAID), len(packed), len(SAID), len("mimetype"), 0)
    local = struct.pack("<IHHHHH", 0x04034B50, 46, 0, method, 0, 0x21) + sizes + b"mimetype" + packed
    central = struct.pack("<IHHHHHH", 0x02014B50, 46, 46, 0, method, 0, 0x21)
    central += sizes + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"mimetype"
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end
