"""Postfix as the receiving server: it gets what it should, under TLS, and nothing else at all."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import contextmanager

import pytest

from routing.mail.report_text import read_report
from schemas.consignments import ReceiptKind
from schemas.errors import SendError, Transient, Unreachable
from tests.rigs.mail_world import SENDER, Authority, CertificateKind, mail_bytes
from tests.rigs.ports import free_port
from tests.rigs.postfix import BOUNCING, Listener, postfix

KINDS = ("good", "self_signed", "expired", "wrong_name", "plain", "old")
DOMAINS = {kind: f"{kind.replace('_', '-')}.example" for kind in KINDS}
CERTIFICATES: dict[str, CertificateKind] = {
    "self_signed": "self_signed",
    "expired": "expired",
    "wrong_name": "wrong_name",
}
ADDRESSES = {kind: f"127.0.4.{n}" for n, kind in enumerate(KINDS, 1)}


@contextmanager
def _standing(folder):
    """One Postfix with a listener of every kind, and the authority of its certificates."""
    authority, listeners = Authority(folder), []
    for kind in KINDS:
        whole = None
        if kind != "plain":
            whole, _ = authority.issue([f"mx.{DOMAINS[kind]}"], CERTIFICATES.get(kind, "good"))
        newest = ssl.TLSVersion.TLSv1_1 if kind == "old" else None
        listeners.append(Listener(ADDRESSES[kind], whole, newest))
    with postfix(free_port(ADDRESSES["good"]), listeners) as running:
        yield authority, running


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    with _standing(tmp_path_factory.mktemp("postfix")) as both:
        yield both


@pytest.fixture
def receiver(standing):
    """The Postfix, with empty mailboxes."""
    standing[1].forget()
    return standing[1]


@pytest.fixture
def world(mail_world, standing, receiver):
    """A world in which every kind of listener is a domain's one exchanger."""
    mail_world.authority, mail_world.port = standing[0], receiver.port
    for kind in KINDS:
        mail_world.names.put(DOMAINS[kind], "MX", f"10 mx.{DOMAINS[kind]}.")
        mail_world.names.put(f"mx.{DOMAINS[kind]}", "A", ADDRESSES[kind])
    mail_world.names.put(BOUNCING, "MX", f"10 mx.{DOMAINS['good']}.")
    return mail_world


def outcome(world, kind, level):
    """Returns `sent` or the error's code."""
    try:
        world.deliver(level, recipient=f"borger@{DOMAINS[kind]}", mail=mail_bytes(f"<{kind}.{level}@x.dk>"))
    except (Unreachable, Transient) as error:
        return error.code
    return "sent"


def test_each_kind_gets_what_its_level_allows(world, receiver):
    found = {(kind, level): outcome(world, kind, level) for kind in KINDS for level in ("encrypt", "verify")}
    assert found == {
        ("good", "encrypt"): "sent",
        ("good", "verify"): "sent",
        ("self_signed", "encrypt"): "sent",
        ("self_signed", "verify"): "starttls.self_signed",
        ("expired", "encrypt"): "sent",
        ("expired", "verify"): "starttls.certificate_expired",
        ("wrong_name", "encrypt"): "sent",
        ("wrong_name", "verify"): "starttls.wrong_name",
        ("plain", "encrypt"): "starttls.not_offered",
        ("plain", "verify"): "starttls.not_offered",
        ("old", "encrypt"): "starttls.no_common_version",
        ("old", "verify"): "starttls.no_common_version",
    }
    mails = receiver.mails(5)
    arrived = {name.decode() for mail in mails for name in re.findall(rb"Message-ID: <(.+?)@", mail)}
    assert arrived == {f"{kind}.{level}" for (kind, level), how in found.items() if how == "sent"}
    assert all(b"(using TLSv1.3 with cipher" in mail for mail in mails)


def test_mails_side_by_side_arrive_whole_over_few_connections(world, receiver):
    lines = "\r\n".join(["x" * 70] * 1_000)
    mails = [mail_bytes(f"<{n}@x.dk>", body=f".{n}\r\n{lines}") for n in range(40)]
    before = receiver.n_connections

    async def act(courier):
        await asyncio.gather(
            *(courier.deliver(SENDER, f"b@{DOMAINS['good']}", mail, "verify", 30) for mail in mails)
        )

    world.run(act)
    arrived = [mail.replace(b"\n", b"\r\n") for mail in receiver.mails(40)]
    assert sorted(mail[mail.index(b"From: loen") :] for mail in arrived) == sorted(mails)
    assert receiver.n_connections - before == 1 + 2  # the probe, and two that carried all


def test_its_own_name_for_a_mail_is_kept_on_the_receipt(world, receiver):
    delivered = world.deliver("verify", recipient=f"borger@{DOMAINS['good']}")
    assert re.fullmatch("[0-9A-F]{6,}", delivered.queued_as)
    assert delivered.queued_as in receiver.log()


def test_a_mail_that_comes_back_is_known_by_its_report_and_brings_no_content(world, receiver):
    world.deliver(
        "verify", recipient=f"borger@{BOUNCING}", mail=mail_bytes("<tilbage@x.dk>", body="hemmeligt")
    )
    (mail,) = receiver.mails(1)
    read = read_report(mail)
    assert (read.message_id, read.kind, read.status) == ("<tilbage@x.dk>", ReceiptKind.RETURNED, "5.1.1")
    assert (read.code, read.reporter) == ("report.no_such_mailbox", "postfix.invalid")
    assert b"hemmeligt" not in mail


def test_a_mail_that_arrives_is_confirmed_where_reports_are_read(world, receiver, tmp_path):
    world.change["reports"] = tmp_path
    world.deliver("verify", recipient=f"borger@{DOMAINS['good']}", mail=mail_bytes("<fremme@x.dk>"))
    (told,) = [mail for mail in receiver.mails(2) if b"multipart/report" in mail]
    read = read_report(told)
    assert (read.message_id, read.kind) == ("<fremme@x.dk>", ReceiptKind.CONFIRMED)


def test_a_mail_that_is_too_large_is_not_begun(world, receiver):
    big = mail_bytes(body="\r\n".join(["x" * 70] * 450_000))
    with pytest.raises(SendError) as caught:
        world.deliver("verify", recipient=f"borger@{DOMAINS['good']}", mail=big)
    assert caught.value.code == "smtp.too_large"
    assert receiver.mails(0) == []
