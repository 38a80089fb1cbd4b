"""The portal dies at any point of taking a reply: what was confirmed is kept, and nothing is kept twice."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context
from pathlib import Path

import pytest

from routing.portal.reply_box import open_reply, read_private_key
from routing.portal.reply_rows import ReplyRows
from routing.portal.web.website import Site
from tests.rigs.portal_sites import Visitor, form_in, site_of
from tests.rigs.portals import PortalBench

_CONTEXT = get_context("forkserver")
TEXT = "Svar der ikke må gå tabt"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DiesBefore(ReplyRows):
    """A store that dies just before it keeps a reply."""

    def keep(self, *given: object) -> bool:
        _die()
        raise AssertionError


class DiesAfter(ReplyRows):
    """A store that dies when the reply is kept and nobody has been told."""

    def keep(self, *given: object) -> bool:
        kept = super().keep(*given)  # type: ignore[arg-type]
        _die()
        return kept


def _dying(site: Site, kind: type[ReplyRows] | None) -> Site:
    from dataclasses import replace

    if kind is None:
        return site
    return replace(site, store=replace(site.store, replies=kind(site.store.database, site.now)))


def _send(folder: Path, url: str, form: str, cookies: dict[str, str], kind: type[ReplyRows] | None) -> None:
    """Sends the form in a process of its own; leaves a mark when the reply was confirmed."""
    bench = PortalBench(folder, url)
    visitor = Visitor(bench, _dying(site_of(bench), kind))
    for name, value in cookies.items():
        visitor.client.cookies.set(name, value, domain="portal.example")
    action, hidden = form_in(form, "/svar")
    answer = visitor.post(action, hidden | {"text": TEXT}, files=[("files", ("", b"", "text/plain"))])
    if answer.status_code == 303:
        (folder / "confirmed").touch()


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request, tmp_path):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = PortalBench(tmp_path / "portal", url)
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "n_kept"), [(DiesBefore, 0), (DiesAfter, 1)])
def test_a_reply_is_whole_or_not_there_and_the_same_form_again_makes_one(bench, kind, n_kept):
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench))
    path = visitor.enter(bench.token())
    form = visitor.get(f"{path}/svar").text
    cookies = {cookie.name: cookie.value or "" for cookie in visitor.client.cookies.jar}

    def send(which: type[ReplyRows] | None) -> int | None:
        given = (bench.folder, bench.url, form, cookies, which)
        process = _CONTEXT.Process(target=_send, args=given)
        process.start()
        process.join(60)
        code = process.exitcode
        process.close()
        return code

    assert send(kind) == -signal.SIGKILL
    assert not (bench.folder / "confirmed").exists()
    assert bench.store.replies.n_waiting() == n_kept
    assert send(None) == 0  # the person presses "send" once more
    assert (bench.folder / "confirmed").exists()
    (kept,) = bench.store.replies.waiting()
    assert open_reply(read_private_key(bench.reply_private), kept.sealed).text == TEXT
