"""The conversation breaks before the final dot: the mail was not taken, and it may be tried again."""

from __future__ import annotations

import pytest

from schemas.errors import Transient
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
