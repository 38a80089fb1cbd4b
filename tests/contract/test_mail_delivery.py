"""Deliveries side by side: connections are kept, turns are taken, and what a receipt says is true."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes

from schemas.errors import Transient, Unreachable
from tests.rigs.mail_world import DOMAIN, RECIPIENT, SENDER, mail_bytes


def send_all(world, mails, level="verify", at_once=True):
    async def act(courier):
        sending = [courier.deliver(SENDER, RECIPIENT, mail, level, 20) for mail in mails]
        if at_once:
            return await asyncio.gather(*sending)
        return [await one for one in sending]

    return world.run(act)


def distinct(n):
    return [mail_bytes(f"<{number}@afsender.example>", f"Brev {number}") for number in range(n)]


def test_one_connection_carries_one_mail_after_the_other(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    send_all(mail_world, distinct(20), at_once=False)
    assert [mail.content for mail in server.mails] == distinct(20)
    assert len(server.talks) == 2  # the probe, and one that carried all


def test_no_more_connections_to_a_domain_than_the_settings_say(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.change["per_domain"] = 3
    send_all(mail_world, distinct(30))
    assert sorted(mail.content for mail in server.mails) == sorted(distinct(30))
    assert len(server.talks) == 1 + 3


def test_a_connection_that_has_carried_many_is_left(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    send_all(mail_world, distinct(51), at_once=False)
    assert [len([m for m in server.mails if m.talk is talk]) for talk in server.talks] == [0, 50, 1]


def test_a_connection_is_not_shared_between_demands(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        for level in ("encrypt", "verify", None, "encrypt"):
            await courier.deliver(SENDER, RECIPIENT, mail_bytes(), level, 20)

    mail_world.run(act)
    carried = [len([mail for mail in server.mails if mail.talk is talk]) for talk in server.talks]
    assert [n for n in carried if n] == [2, 1, 1]


def test_a_kept_connection_that_has_gone_is_replaced_without_a_word(mail_world):
    server = mail_world.server(replies={})
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        first, second = distinct(2)
        await courier.deliver(SENDER, RECIPIENT, first, "verify", 20)
        server.stop()
        server.start()
        await courier.deliver(SENDER, RECIPIENT, second, "verify", 20)

    mail_world.run(act)
    assert [mail.content for mail in server.mails] == distinct(2)


def test_a_kept_connection_that_says_goodbye_at_mail_is_replaced(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        first, second = distinct(2)
        await courier.deliver(SENDER, RECIPIENT, first, "verify", 20)
        kept = server.talks[-1]
        server.behaviour.replies["mail"] = "421 4.4.2 idle too long"
        server.behaviour = type(server.behaviour)()  # only for connections to come
        await courier.deliver(SENDER, RECIPIENT, second, "verify", 20)
        return kept

    kept = mail_world.run(act)
    assert kept.secret.count(b"MAIL FROM") == 2
    assert [mail.content for mail in server.mails] == distinct(2)


@pytest.mark.parametrize("offers", [[], ["PIPELINING"]])
def test_commands_go_together_where_that_is_offered_and_one_by_one_where_not(mail_world, offers):
    server = mail_world.server(offers=offers, hangs={"mail"})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient):
        mail_world.deliver(deadline_seconds=1.0)
    said = [command in server.secret for command in (b"MAIL FROM", b"RCPT TO", b"DATA")]
    assert said == [True, bool(offers), bool(offers)]
    assert mail_bytes() not in server.secret


@pytest.mark.parametrize("offers", [[], ["PIPELINING"]])
def test_a_large_mail_arrives_byte_for_byte(mail_world, offers):
    server = mail_world.server(offers=offers)
    mail_world.domain(f"mx.{DOMAIN}")
    mail = mail_bytes(body="\r\n".join(f".{n:070}" for n in range(40_000)))
    mail_world.deliver("verify", mail=mail)
    assert [hashlib.sha256(one.content).digest() for one in server.mails] == [hashlib.sha256(mail).digest()]


def test_a_receipt_says_where_it_went_and_how(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    delivered = mail_world.deliver("verify")
    proof = delivered.proof()
    assert proof["mx"] == f"mx.{DOMAIN}"
    assert proof["address"] == server.address
    assert proof["tls_version"] == server.talks[-1].tls_version == "TLSv1.3"
    assert proof["peer_certificate_sha256"] == server.identity.certificate.fingerprint(hashes.SHA256()).hex()
    assert proof["tls_cipher"].startswith("TLS_")
    assert proof["peer_certificate_subject"] and proof["peer_certificate_not_after"]
    assert proof["queued_as"] == "4F1A2B"
    assert proof["level"] == "verify"
    assert "smarthost" not in proof
    assert RECIPIENT not in " ".join(proof.values())


def test_reports_are_asked_for_without_content_where_the_server_knows_how(mail_world, tmp_path):
    server = mail_world.server(offers=["DSN"], replies={"mail": "250 ok", "rcpt": "550 5.1.1 no"})
    mail_world.domain(f"mx.{DOMAIN}")
    for reports in (None, tmp_path):
        mail_world.change["reports"] = reports
        with pytest.raises(Unreachable):
            mail_world.deliver(mail=mail_bytes("<a+b=c@afsender.example>"))
    said = bytes(server.secret)
    assert b"RET=HDRS ENVID=<a+2Bb+3Dc@afsender.example>\r\n" in said
    assert said.count(b" NOTIFY=FAILURE\r\n") == said.count(b" NOTIFY=SUCCESS,FAILURE\r\n") == 1
