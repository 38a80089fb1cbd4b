"""Canaries of a person, a title and a link go through every fault of the portal, and turn up in no log or
file."""

from __future__ import annotations

import io
import logging
import os
import re
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.logs import open_log
from routing.portal.links import LinkToken
from tests.rigs.portal_sites import Visitor, site_of
from tests.rigs.portals import ADDRESS, FILE_NAME, MOBILE, SECRET, TITLE, PortalBench


class Broken:
    """A carrier whose error quotes all that it was given."""

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> dict[str, str]:
        raise ValueError(f"{recipient} {mail!r} {message_id}")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def spool(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_no_name_title_number_or_link_is_left_behind(tmp_path, spool):
    bench = PortalBench(tmp_path / "portal")
    said, log_path = io.StringIO(), tmp_path / "portal.log"
    letter = bench.consignment(material="begge")
    with (
        redirect_stderr(said),
        redirect_stdout(said),
        open_log(log_path, now=lambda: datetime.now(UTC)) as (log, _),
    ):
        logging.getLogger("uvicorn.error").error("GET /b/%s for %s", "x", ADDRESS)
        bench.send(letter)
        token = bench.token()
        site = site_of(bench, log=lambda event, **fields: log.warning(event, **fields))  # type: ignore[arg-type]
        visitor = Visitor(bench, site)
        visitor.get(f"/b/{token}")
        visitor.submit("/bevis", answer="ikke den rigtige")
        visitor.get(f"/b/{LinkToken(os.urandom(32)).text}")
        path = visitor.enter(token)
        visitor.get(f"{path}/vis/0")
        visitor.get(f"{path}/svar")
        visitor.submit(
            "/svar", text="KANARIE i svaret", files=[("files", ("KANARIE.txt", b"KANARIE " * 300_000))]
        )
        broken = bench.carries
        bench.carries = Broken()
        visitor = Visitor(bench, site_of(bench, log=lambda event, **fields: log.warning(event, **fields)))  # type: ignore[arg-type]
        visitor.get(f"/b/{token}")
        assert visitor.submit("/send").status_code == 500
        bench.carries = broken
    left = said.getvalue() + log_path.read_text(encoding="utf-8")
    left += "".join(path.read_text(errors="replace") for path in spool.rglob("*") if path.is_file())
    canaries = (TITLE, FILE_NAME, ADDRESS, MOBILE, SECRET, "KANARIE", token, letter.recipient.number.digits,
                letter.recipient.name, path)  # fmt: skip
    assert [one for one in canaries if one in left] == []
    assert re.findall(r"\d{6}-?\d{4}", left) == []
    assert "portal.failed" in left  # it did speak
    bench.close()
