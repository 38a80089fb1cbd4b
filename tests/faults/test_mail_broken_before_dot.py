"""The conversation breaks before the final dot: the mail was not taken, and it may be tried again."""

from __future__ import annotations

import asyncio

import pytest

from routing.mail import smtp_wire
from schemas.errors import Transient
from tests.rigs.looping import BackgroundLoop
from tests.rigs.mail_world import DOMAIN, mail_bytes

LARGE = mail_bytes(body="x" * 60 + ("\r\n" + "y" * 60) * 200_000)  # more than any socket takes at once


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "body"])
@pytest.mark.parametrize("offers", [[], ["PIPELINING"]])
def test_a_cut_is_no_doubt(mail_world, step, offers):
    server = mail_world.server(drops={step}, offers=offers)
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver(mail=LARGE)
    assert caught.value.code == "smtp.connection_lost"
    assert server.mails == []
    assert b"\r\n.\r\n" not in server.secret
    mail_world.assert_nothing_in_the_clear()


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_silence_is_no_doubt(mail_world, step):
    server = mail_world.server(hangs={step})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver(mail=LARGE, deadline_seconds=3.0)
    assert caught.value.code == "smtp.deadline"
    assert b"\r\n.\r\n" not in server.secret


@pytest.mark.parametrize("step", ["greeting", "ehlo", "starttls"])
def test_silence_before_any_mail_is_unknown_and_no_pass(mail_world, step):
    mail_world.server(hangs={step})
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.change["probe_seconds"] = 0.5
    verdict = mail_world.run(lambda courier: courier.verdict(DOMAIN, "encrypt"))
    assert (verdict.open, verdict.lasting, verdict.code) == (False, False, "smtp.too_slow")
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert caught.value.code == "smtp.too_slow"
    mail_world.assert_nothing_in_the_clear()


def test_the_second_exchanger_takes_what_the_first_let_fall(mail_world):
    first = mail_world.server(f"mx1.{DOMAIN}", drops={"body"})
    second = mail_world.server(f"mx2.{DOMAIN}")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    assert mail_world.deliver(mail=LARGE).evidence.mx == f"mx2.{DOMAIN}"
    assert first.mails == []
    assert [mail.content for mail in second.mails] == [LARGE]


def test_a_word_in_the_middle_of_the_mail_ends_it_without_a_dot(mail_world):
    server = mail_world.server(replies={"body": "452 4.3.1 no more space"})
    mail_world.domain(f"mx.{DOMAIN}")
    huge = mail_bytes(body=("y" * 70 + "\r\n") * 200_000)
    with pytest.raises(Transient) as caught:
        mail_world.deliver(mail=huge)
    assert caught.value.code == "smtp.452"
    assert server.mails == []
    assert b"\r\n.\r\n" not in server.secret


def test_a_dot_that_never_left_this_machine_is_no_doubt(mail_world, monkeypatch):
    """The server stops reading in the middle of a mail whose last piece is more than any socket takes."""
    monkeypatch.setattr(smtp_wire, "_PIECE_BYTES", 2 * len(LARGE))
    deaf = _Deaf(mail_world.looping)
    mail_world.port = deaf.port
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.names.put(f"mx.{DOMAIN}", "A", "127.0.0.1")
    try:
        with pytest.raises(Transient) as caught:
            mail_world.deliver(None, mail=LARGE, deadline_seconds=1.0)
    finally:
        deaf.stop()
    assert caught.value.code == "smtp.deadline"


class _Deaf:
    """A server that takes every command, says to go on, and reads no more."""

    def __init__(self, looping: BackgroundLoop) -> None:
        self._looping = looping
        self._ends: list[asyncio.StreamWriter] = []
        self._server = looping.run(self._start())
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._looping.run(self._stop())

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=1024)

    async def _stop(self) -> None:
        self._server.close()
        for one in self._ends:
            one.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        for word in (b"220 deaf", b"250 deaf", b"250 ok", b"250 ok", b"354 go on"):
            writer.write(word + b"\r\n")
            if not word.startswith(b"354"):
                await reader.readline()
