"""A server says no at any step: 4xx comes back later, 5xx goes another way, and nothing is left half done."""

from __future__ import annotations

import pytest

from schemas.errors import Transient, Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes

STEPS = ("mail", "rcpt", "data", "dot")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("offers", [[], ["PIPELINING"]])
def test_4xx_comes_back_later_with_its_code(mail_world, step, offers):
    server = mail_world.server(replies={step: "451 4.7.1 try again later"}, offers=offers)
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    error = caught.value
    assert (error.code, error.params["status"], error.params["step"]) == ("smtp.451", "4.7.1", step)
    assert (error.reached, error.maybe_taken) == (True, False)
    assert server.mails == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("offers", [[], ["PIPELINING"]])
def test_5xx_goes_another_way_with_its_code(mail_world, step, offers):
    server = mail_world.server(replies={step: "550 5.1.1 no such user"}, offers=offers)
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver()
    assert (caught.value.code, caught.value.params["status"]) == ("smtp.550", "5.1.1")
    assert server.mails == []


def test_a_code_of_no_name_has_a_text_too(mail_world):
    mail_world.server(replies={"rcpt": "599 never heard of"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver()
    assert (caught.value.code, caught.value.params["status"]) == ("smtp.5xx", "-")


@pytest.mark.parametrize(
    "word", ["450 4.2.0 Greylisted, see http://postgrey.example", "451 4.7.1 Graylisting"]
)
def test_greylisting_says_how_long_to_wait(mail_world, word):
    mail_world.server(replies={"rcpt": word})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert caught.value.retry_after_seconds == 300


def test_a_server_that_goes_down_at_the_dot_has_not_taken_it(mail_world):
    server = mail_world.server(replies={"dot": "421 4.3.2 going down"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert (caught.value.code, caught.value.params["step"]) == ("smtp.421", "dot")
    assert (server.mails, caught.value.maybe_taken) == ([], False)


def test_a_refusal_right_behind_the_word_to_go_on_ends_it_without_a_dot(mail_world):
    server = mail_world.server(replies={"data": "354 go on\r\n552 5.3.4 on second thoughts"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver()
    assert (caught.value.code, caught.value.params["step"]) == ("smtp.552", "body")
    assert b"\r\n.\r\n" not in server.secret


@pytest.mark.parametrize(
    ("step", "reply", "code"),
    [
        ("greeting", "554 5.3.2 no service", "smtp.554"),
        ("greeting", "421 4.3.2 too busy", "smtp.421"),
        ("ehlo", "502 5.5.1 never", "smtp.502"),
        ("mail", "421 4.3.2 going down", "smtp.421"),
        ("data", "421 4.3.2 going down", "smtp.421"),
    ],
)
def test_a_server_that_does_not_serve_leaves_it_to_the_next(mail_world, step, reply, code):
    first = mail_world.server(f"mx1.{DOMAIN}", replies={step: reply})
    second = mail_world.server(f"mx2.{DOMAIN}")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    assert mail_world.deliver().evidence.mx == f"mx2.{DOMAIN}"
    assert (len(first.mails), len(second.mails)) == (0, 1)
    mail_world.domain(f"mx1.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert caught.value.code == code


def test_a_mail_that_is_too_large_for_the_server_is_not_begun(mail_world):
    server = mail_world.server(offers=["SIZE 5000"])
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver(mail=mail_bytes(body="x" * 6000))
    assert (caught.value.code, caught.value.params["limit"]) == ("smtp.too_large", 5000)
    assert b"MAIL FROM" not in server.secret


def test_no_error_repeats_what_a_server_said(mail_world):
    mail_world.server(replies={"rcpt": f"550 5.1.1 <borger@{DOMAIN}> 010165-1234 is unknown"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver()
    assert "borger" not in f"{caught.value} {caught.value!r} {caught.value.params}"
    assert "1234" not in str(caught.value)
