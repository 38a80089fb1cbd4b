"""The final dot has left and no answer comes: that is doubt, and nobody tries again by himself."""

from __future__ import annotations

import pytest

from schemas.errors import InDoubt
from tests.rigs.mail_world import DOMAIN, mail_bytes


@pytest.mark.parametrize("level", ["encrypt", None])
def test_a_cut_after_the_dot_is_doubt(mail_world, level):
    server = mail_world.server(drops={"dot"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(InDoubt) as caught:
        mail_world.deliver(level)
    assert caught.value.code == "smtp.no_answer_after_dot"
    assert server.secret.count(b"\r\n.\r\n") == 1


def test_silence_after_the_dot_is_doubt(mail_world):
    server = mail_world.server(hangs={"dot"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(InDoubt) as caught:
        mail_world.deliver(deadline_seconds=3.0)
    assert caught.value.code == "smtp.deadline_after_dot"
    assert server.secret.count(b"\r\n.\r\n") == 1


def test_no_other_exchanger_gets_what_may_have_been_taken(mail_world):
    mail_world.server(f"mx1.{DOMAIN}", drops={"dot"})
    second = mail_world.server(f"mx2.{DOMAIN}")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    with pytest.raises(InDoubt):
        mail_world.deliver()
    assert second.mails == []
    assert b"DATA" not in second.secret


@pytest.mark.parametrize("word", ["354 go on", "hello", "25", "999 what", "250-and so on"])
def test_a_word_that_is_no_answer_is_doubt(mail_world, word):
    mail_world.server(replies={"dot": word})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(InDoubt):
        mail_world.deliver(deadline_seconds=3.0)


def test_the_same_mail_again_has_the_same_message_id(mail_world):
    server = mail_world.server(drops={"dot"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(InDoubt):
        mail_world.deliver()
    server.behaviour.drops.clear()
    delivered = mail_world.deliver()
    assert delivered.message_id == "<7f3a@afsender.example>"
    assert server.secret.count(b"Message-ID: <7f3a@afsender.example>\r\n") == 2
    assert [mail.content for mail in server.mails] == [mail_bytes()]
