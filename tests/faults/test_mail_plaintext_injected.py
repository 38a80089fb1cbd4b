"""Something is slipped in behind the word that TLS may begin: it is thrown away and never believed."""

from __future__ import annotations

import pytest

from schemas.errors import SendError
from tests.rigs.mail_world import DOMAIN, mail_bytes

FALSE_WORD = b"250-injected.example\r\n250 SIZE 1\r\n"


@pytest.mark.parametrize("level", ["encrypt", "verify"])
def test_what_the_server_says_under_tls_counts_alone(mail_world, level):
    server = mail_world.server(inject=FALSE_WORD)
    mail_world.domain(f"mx.{DOMAIN}")
    # Had the injected answer been taken for the second EHLO's, the mail would be too large for a SIZE of 1.
    mail_world.deliver(level)
    assert [mail.content for mail in server.mails] == [mail_bytes()]
    mail_world.assert_nothing_in_the_clear()


def test_a_false_acceptance_is_no_acceptance(mail_world):
    server = mail_world.server(inject=b"250 ok\r\n" * 5, replies={"rcpt": "550 5.1.1 nobody"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(SendError) as caught:
        mail_world.deliver()
    assert caught.value.code == "smtp.550"
    assert server.mails == []


def test_what_was_offered_in_the_clear_is_forgotten(mail_world):
    server = mail_world.server(offers=["PIPELINING"])
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.deliver()
    assert server.secret.count(b"EHLO") == 2  # the probe's, and the delivery's, each asked anew under TLS
    assert server.clear.count(b"EHLO") == 2
