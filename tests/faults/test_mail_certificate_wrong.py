"""The server's certificate is not what the level wants: no mail goes over that connection."""

from __future__ import annotations

import pytest

from schemas.errors import Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes, server_context

BAD = {
    "self_signed": "starttls.self_signed",
    "expired": "starttls.certificate_expired",
    "early": "starttls.certificate_not_yet_valid",
    "wrong_name": "starttls.wrong_name",
    "name_in_subject_only": "starttls.wrong_name",
    "unknown_authority": "starttls.unknown_authority",
}


@pytest.mark.parametrize("kind", BAD)
def test_verify_closes_the_domain(mail_world, kind):
    server = mail_world.server(kind=kind)
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver("verify")
    assert caught.value.code == BAD[kind]
    assert b"MAIL FROM" not in server.secret
    assert server.n_data == mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()


@pytest.mark.parametrize("kind", BAD)
def test_encrypt_takes_any_and_keeps_what_it_was(mail_world, kind):
    server = mail_world.server(kind=kind)
    mail_world.domain(f"mx.{DOMAIN}")
    evidence = mail_world.deliver("encrypt").evidence
    assert evidence.certificate_sha256
    assert evidence.not_after
    assert evidence.tls_version == "TLSv1.3"
    assert [mail.under_tls for mail in server.mails] == [True]
    mail_world.assert_nothing_in_the_clear()


def test_one_bad_exchanger_closes_the_domain(mail_world):
    mail_world.server(f"mx1.{DOMAIN}")
    mail_world.server(f"mx2.{DOMAIN}", "expired")
    mail_world.domain(f"mx1.{DOMAIN}", f"mx2.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver("verify")
    assert caught.value.code == "starttls.certificate_expired"
    assert mail_world.n_mails == 0


@pytest.mark.parametrize("kind", BAD)
def test_a_certificate_that_changes_after_the_probe_is_noticed(mail_world, kind):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    bad, _ = mail_world.authority.issue([f"mx.{DOMAIN}"], kind)

    async def act(courier):
        assert (await courier.verdict(DOMAIN, "verify")).open
        server.context = server_context(bad)
        with pytest.raises(Unreachable) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "verify", 20)
        return caught.value.code

    assert mail_world.run(act) == BAD[kind]
    assert server.n_data == mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()
