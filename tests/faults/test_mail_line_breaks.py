"""A CR or LF in an address, or a stray one in a mail: no command and no header can be slipped in by it."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigurationError, Refused, Unreachable
from tests.rigs.mail_world import DOMAIN, RECIPIENT, SENDER, mail_bytes

SLIPPED = [
    f"borger@{DOMAIN}>\r\nRCPT TO:<fremmed@andet.example",
    f"borger\r\n@{DOMAIN}",
    f"borger\n@{DOMAIN}",
    f"borger@{DOMAIN}\r\nDATA",
    f"borger@{DOMAIN}\n",
    f"borger@{DOMAIN}\x00",
    f"bo rger@{DOMAIN}",
    f'"borger\r\n"@{DOMAIN}',
    f"<borger@{DOMAIN}>",
    f"borger@{DOMAIN},fremmed@andet.example",
    "borger@[127.0.0.1]",
    "borger",
    "@kommune.example",
    "",
]


@pytest.mark.parametrize("address", SLIPPED)
def test_a_recipient_that_is_more_than_one_address_is_refused(mail_world, address):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver(recipient=address)
    assert caught.value.code in ("smtp.bad_address", "mx.bad_domain")
    assert "fremmed" not in str(caught.value)
    assert server.talks == []


@pytest.mark.parametrize("address", SLIPPED)
def test_so_is_a_sender_and_that_is_our_own_fault(mail_world, address):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(ConfigurationError) as caught:
        mail_world.run(lambda one: one.deliver(address, RECIPIENT, mail_bytes(), "encrypt", 20))
    assert caught.value.code == "smtp.bad_sender"
    assert server.talks == []


@pytest.mark.parametrize(
    ("mail", "fault"),
    [
        (mail_bytes().replace(b"Sikker post\r\n", b"Sikker\npost\r\n"), "bytes"),
        (mail_bytes().replace(b"\r\n", b"\n"), "bytes"),
        (mail_bytes().replace(b"Sikker", b"Sik\rker"), "bytes"),
        (mail_bytes().replace(b"Sikker", "Sikkær".encode()), "bytes"),
        (mail_bytes().replace(b"Sikker", b"Sik\0ker"), "bytes"),
        (mail_bytes(body="a\n.\rb"), "bytes"),
        (mail_bytes(body="a\n.\n\r\rb"), "bytes"),
        (mail_bytes(body="a." * 2000 + "\n.\rb"), "bytes"),
        (mail_bytes() + b".", "end"),
        (b"Sikker post\r\n", "headers"),
        (b"\r\n\r\n", "headers"),
        (mail_bytes(TLS_Required="No"), "headers"),
        (mail_bytes(tls_required="no"), "headers"),
        (mail_bytes(Message_id="<b@c>"), "message_id"),
        (mail_bytes().replace(b"Message-ID", b"X-Other"), "message_id"),
        (mail_bytes("not an id"), "message_id"),
    ],
)
def test_a_mail_that_is_not_fit_is_not_begun(mail_world, mail, fault):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Refused) as caught:
        mail_world.deliver(mail=mail)
    assert (caught.value.code, caught.value.params["fault"]) == ("smtp.mail_not_fit", fault)
    assert server.talks == []


@pytest.mark.parametrize(
    "body",
    [
        ".",
        ".\r\n.\r\n..\r\nMAIL FROM:<x@y.example>",
        "før".encode("ascii", "replace").decode() + "\r\n.",
        "a\r\n.\r\nb",
        ("a." * 200 + "\r\n") * 10 + ".b",
        "",
    ],
)
def test_dots_arrive_as_they_were(mail_world, body):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    mail = mail_bytes(body=body)
    mail_world.run(lambda one: one.deliver(SENDER, RECIPIENT, mail, "encrypt", 20))
    assert [(one.sender, one.recipients, one.content) for one in server.mails] == [
        (SENDER, (RECIPIENT,), mail)
    ]
