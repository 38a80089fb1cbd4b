"""An intruder in the web application writes replies of their own; no file of theirs lands where they like."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from sqlalchemy import insert

from jobs.commands.context import Context
from jobs.commands.portal import open_replies
from jobs.screen import Screen
from routing.portal.parcels import Happening
from routing.portal.reply_box import Reply, ReplyFile, read_public_key, seal_reply
from routing.portal.tables import EVENT
from schemas.errors import BadInput
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


def _sealed(bench: PortalBench, reply_id: str, name: str = "x.desktop") -> bytes:
    public = read_public_key(bench.settings.reply_keys["loen"])
    files = (ReplyFile(name, "text/plain", b"run me"),)
    return seal_reply(public, Reply(reply_id, "portal-1", "sag-1", "Hej", "2026-11-25", "mitid", files))


def _open(bench: PortalBench, sealed: bytes, into: Path) -> None:
    file = bench.folder / "reply.brevsvar"
    file.write_bytes(sealed)
    context = Context(Screen(as_json=True, out=io.StringIO(), err=io.StringIO()), Path("x"))
    open_replies(context, [file], bench.reply_private, into)


@pytest.mark.parametrize("reply_id", ["../autostart", "", ".", "a/b", "a\0b"])
def test_the_source_opens_no_reply_that_wants_to_lie_elsewhere(bench, tmp_path, reply_id):
    home = tmp_path / "home"
    (home / "svar").mkdir(parents=True)
    with pytest.raises(BadInput, match="reply_damaged"):
        _open(bench, _sealed(bench, reply_id), home / "svar")
    with pytest.raises(BadInput, match="reply_damaged"):
        _open(bench, _sealed(bench, str(tmp_path / "abs")), home / "svar")
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".desktop", ".txt")] == []


@pytest.mark.parametrize("name", ["../../x.txt", "a\0b.txt", "/etc/x.txt", "..", "\u202etxt.exe"])
def test_a_file_of_a_reply_lies_in_its_folder_under_a_fit_name(bench, tmp_path, name):
    _open(bench, _sealed(bench, "abc", name), tmp_path / "svar")
    (file,) = (path for path in (tmp_path / "svar").rglob("*") if path.name.startswith("1-"))
    assert file.parent == tmp_path / "svar" / "abc"
    assert file.read_bytes() == b"run me"
    assert file.name.isprintable()


def test_a_reply_of_another_shape_is_damaged(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("json.dumps", lambda *_, **__: "[1, 2, 3, 4, 5]")
    sealed = _sealed(bench, "abc")
    monkeypatch.undo()
    assert json.dumps([1]) == "[1]"
    with pytest.raises(BadInput, match="reply_damaged"):
        _open(bench, sealed, tmp_path / "svar")


@pytest.mark.parametrize("detail", ["=HYPERLINK(1)", "a\nb", "<b>", "x" * 65, "\u202e", "-1+1"])
def test_what_an_event_adds_is_a_word_of_ours_or_nothing(bench, detail):
    parcel = bench.send(bench.consignment())
    bench.store.parcels.note(parcel.id, Happening.READ, detail)
    bench.store.parcels.note(parcel.id, Happening.NOTICE_BOUNCED, "smtp_x.550 5.1.1")
    assert [event.detail for event in bench.store.parcels.events()][-2:] == ["", "smtp_x.550 5.1.1"]


def test_an_event_that_nobody_knows_stops_no_reader(bench):
    parcel = bench.send(bench.consignment())
    strange = {"parcel_id": parcel.id, "kind": "<b>", "at": 0, "detail": "x"}
    with bench.store.database.writing() as connection:
        connection.execute(insert(EVENT).values(strange))
    bench.store.parcels.note(parcel.id, Happening.READ, "mitid")
    kinds = [event.kind for event in bench.store.parcels.events()]
    assert kinds == [Happening.SEALED, Happening.NOTICE_SENT, Happening.READ]


@pytest.mark.parametrize("reply_id", ["../../../x", "a\0b", "a/../../b"])
def test_the_house_fetches_no_reply_that_wants_to_lie_elsewhere_and_goes_on(bench, tmp_path, reply_id):
    parcel = bench.send(bench.consignment())
    bench.answers.mkdir()
    bench.store.replies.keep(reply_id, parcel.id, b"theirs", 0)
    bench.store.replies.keep("zz9", parcel.id, b"true", 0)

    async def tend() -> list[str]:
        channel = bench.channel()
        await channel.tend()
        await channel.close()
        return [code for code, _ in channel.findings()]

    assert asyncio.run(tend()) == ["portal.answer_not_written"]
    assert [path.read_bytes() for path in tmp_path.rglob("*.brevsvar")] == [b"true"]
    assert bench.store.replies.n_waiting() == 1
