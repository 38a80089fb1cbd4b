"""The offer of encryption is missing, or stripped on the way: nothing goes in the clear, at no level."""

from __future__ import annotations

import pytest

from schemas.errors import Unreachable
from tests.rigs.mail_world import DOMAIN, MailWorld, mail_bytes

LEVELS = ("encrypt", "verify")


@pytest.mark.parametrize("level", LEVELS)
def test_the_domain_is_closed_and_no_mail_is_begun(mail_world: MailWorld, level):
    server = mail_world.server(starttls=False)
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver(level)
    assert caught.value.code == "starttls.not_offered"
    assert server.mails == []
    mail_world.assert_nothing_in_the_clear()


@pytest.mark.parametrize("level", LEVELS)
def test_one_exchanger_without_it_closes_the_domain_though_the_first_is_good(mail_world, level):
    good = mail_world.server(f"mx1.{DOMAIN}")
    mail_world.server(f"mx2.{DOMAIN}", starttls=False)
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver(level)
    assert caught.value.code == "starttls.not_offered"
    assert good.n_data == mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()


@pytest.mark.parametrize("level", LEVELS)
def test_an_offer_that_is_gone_when_the_mail_comes_is_noticed(mail_world, level):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        assert (await courier.verdict(DOMAIN, level)).open
        server.behaviour.starttls = False
        with pytest.raises(Unreachable) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), level, 20)
        after = await courier.verdict(DOMAIN, level)
        return caught.value.code, after.open, after.code

    assert mail_world.run(act) == ("starttls.not_offered", False, "starttls.not_offered")
    assert mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()


def test_content_that_is_encrypted_already_may_go_over_an_open_link(mail_world):
    server = mail_world.server(starttls=False)
    mail_world.domain(f"mx.{DOMAIN}")
    delivered = mail_world.deliver(None)
    assert delivered.proof()["tls_version"] == "none"
    assert [mail.content for mail in server.mails] == [mail_bytes()]


def test_content_that_is_encrypted_already_takes_tls_where_it_is_offered(mail_world):
    server = mail_world.server(kind="self_signed")
    mail_world.domain(f"mx.{DOMAIN}")
    assert mail_world.deliver(None).evidence.tls_version == "TLSv1.3"
    assert [mail.under_tls for mail in server.mails] == [True]
