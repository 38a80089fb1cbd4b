"""The server offers encryption and then says no: for now, or for good."""

from __future__ import annotations

import pytest

from schemas.errors import Transient, Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        ("454 4.7.0 TLS not available", Transient, "starttls.not_now"),
        ("501 5.5.4 no", Unreachable, "starttls.refused"),
        ("502 5.5.1 no", Unreachable, "starttls.refused"),
        ("250 2.0.0 what?", Transient, "starttls.not_now"),
    ],
)
def test_no_mail_is_begun(mail_world, reply, error, code):
    server = mail_world.server(replies={"starttls": reply})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(error) as caught:
        mail_world.deliver()
    assert caught.value.code == code
    assert server.n_data == mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()


def test_a_no_that_comes_only_when_the_mail_comes_is_heeded(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        assert (await courier.verdict(DOMAIN, "encrypt")).open
        server.behaviour.replies["starttls"] = "454 4.7.0 TLS not available"
        with pytest.raises(Transient) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "encrypt", 20)
        return caught.value.code, caught.value.reached

    assert mail_world.run(act) == ("starttls.not_now", True)
    mail_world.assert_nothing_in_the_clear()


def test_another_exchanger_takes_it_meanwhile(mail_world):
    mail_world.server(f"mx1.{DOMAIN}", replies={"starttls": "454 4.7.0 TLS not available"})
    second = mail_world.server(f"mx2.{DOMAIN}")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    assert mail_world.deliver().evidence.mx == f"mx2.{DOMAIN}"
    assert len(second.mails) == mail_world.n_mails == 1
    mail_world.assert_nothing_in_the_clear()
