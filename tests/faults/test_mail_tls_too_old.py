"""The server knows TLS 1.1 and no newer: nothing is sent, under it or in the clear."""

from __future__ import annotations

import ssl
import warnings

import pytest

from schemas.errors import SendError, Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes, server_context


@pytest.fixture
def old():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        yield ssl.TLSVersion.TLSv1_1


@pytest.mark.parametrize("level", ["encrypt", "verify"])
def test_no_mail_is_begun(mail_world, old, level):
    server = mail_world.server(version=old)
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver(level)
    assert caught.value.code in ("starttls.no_common_version", "starttls.handshake_cut")
    assert server.n_data == mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()


def test_one_that_has_become_old_since_the_probe_is_noticed(mail_world, old):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    whole, _ = mail_world.authority.issue([f"mx.{DOMAIN}"])

    async def act(courier):
        assert (await courier.verdict(DOMAIN, "encrypt")).open
        server.context = server_context(whole, old)
        codes = []
        for _ in range(2):
            with pytest.raises(SendError) as caught:
                await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "encrypt", 20)
            codes.append(caught.value.code)
        return codes

    codes = mail_world.run(act)
    assert set(codes) <= {"starttls.no_common_version", "starttls.handshake_cut"}
    assert server.n_data == mail_world.n_mails == 0
    mail_world.assert_nothing_in_the_clear()


def test_tls_1_2_is_new_enough(mail_world):
    server = mail_world.server(version=ssl.TLSVersion.TLSv1_2)
    mail_world.domain(f"mx.{DOMAIN}")
    assert mail_world.deliver("verify").evidence.tls_version == "TLSv1.2"
    assert server.talks[-1].tls_version == "TLSv1.2"
