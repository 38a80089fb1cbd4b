"""The mailbox of reports: each is handed out to who waits for it, none is lost, and none is read for ever."""

from __future__ import annotations

import asyncio
import fcntl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routing.mail.later_word import later_word
from routing.mail.report_box import ReportBox
from schemas.channels import Cursor
from schemas.consignments import ReceiptKind
from schemas.errors import ConfigurationError
from tests.rigs.mail_reports import ORDINARY, OTHERS, OURS, report

OTHER = "<other@afsender.example>"


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for part in ("tmp", "new", "cur"):
        (tmp_path / "box" / part).mkdir(parents=True)
    return tmp_path / "box"


def put(maildir, name, raw):
    (maildir / "new" / name).write_bytes(raw)


def now(**later):
    return datetime.now(UTC) + timedelta(**later)


def ids(reports):
    return [one.message_id for one in reports]


def flags(maildir):
    return {
        path.name.partition(":2,")[0]: path.name.partition(":2,")[2] for path in (maildir / "cur").iterdir()
    }


def test_a_report_goes_to_who_waits_for_it_and_waits_for_the_others(maildir):
    put(maildir, "1", report())
    put(maildir, "2", report(message_id=OTHER))
    box = ReportBox(maildir)
    assert ids(box.reports([OURS], now())) == [OURS]
    assert flags(maildir) == {"1": "P"}
    assert ids(box.reports([OTHER], now())) == [OTHER]


def test_who_did_not_write_it_down_gets_it_again(maildir):
    put(maildir, "1", report())
    assert ids(ReportBox(maildir).reports([OURS], now())) == [OURS]
    assert ids(ReportBox(maildir).reports([OURS], now(minutes=5))) == [OURS]
    assert ids(ReportBox(maildir).reports([OTHER], now(minutes=5))) == []
    assert ids(ReportBox(maildir).reports([], now(hours=7))) == []
    assert flags(maildir) == {"1": "PS"}
    assert ids(ReportBox(maildir).reports([OURS], now(hours=8))) == []


def test_a_report_that_comes_before_the_acceptance_is_written_down_waits(maildir):
    put(maildir, "1", report())
    assert ids(ReportBox(maildir).reports([OTHER], now(days=13))) == []
    assert (maildir / "new" / "1").exists()
    assert ids(ReportBox(maildir).reports([OTHER], now(days=15))) == []
    assert flags(maildir) == {"1": "S"}


def test_a_delay_is_no_word(maildir):
    put(maildir, "1", report("delayed", "4.4.1"))
    assert ReportBox(maildir).reports([OURS], now()) == []
    assert flags(maildir) == {"1": "S"}


def test_what_is_no_report_is_set_aside_once_and_kept(maildir):
    for n, raw in enumerate(OTHERS.values()):
        put(maildir, f"{n:03}", raw)
    put(maildir, "report", report())
    assert ids(ReportBox(maildir).reports([OURS], now())) == [OURS]
    assert flags(maildir) == {f"{n:03}": "F" for n in range(len(OTHERS))} | {"report": "P"}
    kept = sorted(path.read_bytes() for path in (maildir / "cur").iterdir() if path.name.endswith("F"))
    assert kept == sorted(OTHERS.values())


def test_links_and_hidden_files_are_not_followed(maildir, tmp_path):
    (tmp_path / "elsewhere").write_bytes(report())
    (maildir / "new" / "link").symlink_to(tmp_path / "elsewhere")
    put(maildir, ".hidden", report())
    assert ReportBox(maildir).reports([OURS], now()) == []


def test_a_mailbox_file_is_emptied_and_nothing_in_it_is_lost(tmp_path):
    box = tmp_path / "mbox"
    mails = [report(), ORDINARY, report(message_id=OTHER, action="delivered")]
    box.write_bytes(
        b"".join(b"From MAILER-DAEMON Wed Nov 25 12:00:00 2026\n" + mail + b"\n" for mail in mails)
    )
    assert sorted(ids(ReportBox(box).reports([OURS, OTHER], now()))) == sorted([OURS, OTHER])
    assert box.read_bytes() == b""
    assert sorted(flags(tmp_path / "mbox.reports").values()) == ["F", "P", "P"]
    box.write_bytes(b"From x\n" + report(message_id="<third@afsender.example>"))
    assert len(ReportBox(box).reports([OURS, "<third@afsender.example>"], now())) == 2


def test_a_mailbox_file_cut_off_while_it_is_emptied_gives_nothing_twice(tmp_path):
    box = tmp_path / "mbox"
    whole = b"From x\n" + report() + b"\n"
    box.write_bytes(whole)
    assert len(ReportBox(box).reports([OURS], now())) == 1
    box.write_bytes(whole)  # as if we had died before it was emptied
    assert len(ReportBox(box).reports([OURS], now())) == 1
    assert len(list((tmp_path / "mbox.reports" / "cur").iterdir())) == 1
    assert list((tmp_path / "mbox.reports" / "new").iterdir()) == []


def test_a_mailbox_file_that_is_being_written_is_left_alone(tmp_path):
    box = tmp_path / "mbox"
    box.write_bytes(b"From x\n" + report())
    with box.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError) as caught:
            ReportBox(box).reports([OURS], now())
    assert caught.value.code == "report.box_unreadable"
    assert box.read_bytes() == b"From x\n" + report()


def test_a_mailbox_that_is_not_there_is_told(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            ReportBox(path)
        assert caught.value.code == "report.box_missing"


def test_later_word_is_the_channels(maildir):
    put(maildir, "1", report())
    put(maildir, "2", report("delivered", "2.0.0", OTHER))

    async def ask(box):
        cursor = Cursor(awaiting=(OURS, OTHER))
        return [event async for event in later_word(box, "tls", cursor, now)]

    events = asyncio.run(ask(ReportBox(maildir)))
    assert [(one.channel, one.external_id, one.kind, one.code) for one in events] == [
        ("tls", OURS, ReceiptKind.RETURNED, "report.no_such_mailbox"),
        ("tls", OTHER, ReceiptKind.CONFIRMED, ""),
    ]
    assert asyncio.run(ask(None)) == []
