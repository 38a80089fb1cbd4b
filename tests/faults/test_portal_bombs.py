"""A small form that is large once it is taken apart costs the portal neither its memory nor its time."""

from __future__ import annotations

import asyncio
import bz2
import io
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import replace

import pytest

from routing.portal.web.clamd import ScanVerdict
from routing.portal.web.file_types import MEDIA_TYPES, extension_of
from tests.rigs.portal_sites import LOOP, Log, Visitor, form_in, site_of
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


class CountingScanner:
    """Stands where clamd would, and sees how many replies of one letter lie in memory at once."""

    def __init__(self) -> None:
        self.n_inside = self.most = self.n_files = 0

    async def scan(self, data: bytes) -> ScanVerdict:
        self.n_inside += 1
        self.n_files += 1
        self.most = max(self.most, self.n_inside)
        await asyncio.sleep(0)
        self.n_inside -= 1
        return ScanVerdict.CLEAN


def test_the_replies_of_one_letter_lie_in_memory_one_at_a_time(bench):
    bench.send(bench.consignment())
    scanner = CountingScanner()
    visitor = Visitor(bench, replace(site_of(bench), scanner=scanner))  # type: ignore[arg-type]
    path = visitor.enter(bench.token())
    action, hidden = form_in(visitor.get(f"{path}/svar").text, "/svar")

    async def all_at_once() -> list[int]:
        posts = [
            visitor.client.post(action, data=hidden | {"text": f"{n}"}, files=[("files", ("a.txt", b"hej"))])
            for n in range(5)
        ]
        return [answer.status_code for answer in await asyncio.gather(*posts)]

    assert LOOP.run_until_complete(all_at_once()) == [303] * 5
    assert (scanner.most, scanner.n_files, bench.store.replies.n_waiting()) == (1, 5, 5)


def test_a_number_without_end_is_a_page_that_is_not_there(bench):
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench, log=(log := Log())))
    assert visitor.get(f"/p/x/dok/{'9' * 5000}").status_code == 403
    path = visitor.enter(bench.token())
    for number in ("9" * 5000, "-1", "00", "٠", "2"):
        assert visitor.get(f"{path}/dok/{number}").status_code == 404
    assert log.lines == []


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
