"""`openssl` and `gpgsm` open and verify what a mail server took from the channels."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from routing.mime.addresses import parse_address
from routing.mime.assembly import plain_message
from routing.mime.splitting import split_entity, split_signed
from schemas.mail_settings import TlsLevel
from tests.rigs.channels import PDF
from tests.rigs.cms_judges import Gpgsm, JudgeSays, Openssl
from tests.rigs.mail_channels import (
    BOB,
    DOMAIN,
    MailBench,
    assert_nothing_readable,
    entry_of,
    opened,
    send,
)
from tests.rigs.mail_people import LETTER_AT, issue


def _taken(bench: MailBench) -> bytes:
    (mail,) = bench.world.servers[0].mails
    return mail.content


def _pdf_in(payload: bytes) -> bool:
    return base64.b64encode(PDF)[:20] in payload


@pytest.mark.parametrize(("to", "who"), [(BOB, "bob"), (f"ecbob@{DOMAIN}", "ecbob")])
@pytest.mark.parametrize("modern", [False, True])
def test_openssl_opens_and_verifies_what_was_delivered(
    bench: MailBench, openssl: Openssl, to: str, who: str, modern: bool
) -> None:
    bench.channel["modern"] = (DOMAIN,) if modern else ()
    send(bench.smime, bench.letter(to=to))
    person = getattr(bench.people, who)
    payload = openssl.verify(openssl.decrypt(_taken(bench), person), bench.people.root, "-crlfeol")
    assert payload == opened(_taken(bench), person.identity).entity.raw
    assert _pdf_in(payload)
    with pytest.raises(JudgeSays):
        openssl.decrypt(_taken(bench), bench.people.carol)


def test_gpgsm_opens_and_verifies_what_was_delivered(bench: MailBench, gpgsm: Gpgsm) -> None:
    send(bench.smime, bench.letter())
    content = base64.b64decode(split_entity(_taken(bench)).body)
    payload, signature = split_signed(split_entity(gpgsm.decrypt(content)))
    assert gpgsm.verify(split_entity(signature).decoded_body(), payload) == b""
    assert _pdf_in(payload)


@pytest.mark.parametrize("level", [None, "verify"])
def test_nothing_can_be_read_on_the_way_with_tls_or_without(bench: MailBench, level: TlsLevel | None) -> None:
    server = bench.world.servers[0]
    bench.channel["level"] = level
    server.behaviour.starttls = level is not None
    receipt = send(bench.smime, bench.letter())
    assert receipt.proof["tls_version"] == ("none" if level is None else "TLSv1.3")
    assert (b"DATA" in server.clear) == (level is None)
    assert_nothing_readable(server)


def test_what_can_be_read_would_be_seen(bench: MailBench) -> None:
    """The judge itself: the same letter without protection is found out."""
    parts = bench.parts()
    composed = parts.composer.compose(bench.letter(), "<x@afsender.example>", parse_address(BOB), LETTER_AT)
    bench.world.deliver(None, mail=plain_message(composed.mail), recipient=BOB)
    with pytest.raises(AssertionError, match="can be read"):
        assert_nothing_readable(bench.world.servers[0])


@pytest.mark.parametrize("sign", ["opaque", "detached"])
def test_openssl_unwraps_the_tunnel_to_the_byte(bench: MailBench, openssl: Openssl, sign: str) -> None:
    gateway = issue(bench.people.root, f"sikkerpost@{DOMAIN}")
    bench.list_domains(entry_of(DOMAIN, gateway))
    bench.channel["partners"] = {DOMAIN: {"sign": sign}}
    send(bench.tunnel, bench.letter())
    how = "-binary" if sign == "opaque" else "-crlfeol"
    inner = openssl.verify(openssl.decrypt(_taken(bench), gateway), bench.people.root, how)
    head, _, mail = inner.partition(b"\r\n\r\n")
    assert head.startswith(b"Content-Type: message/rfc822")
    assert mail == opened(_taken(bench), gateway.identity).entity.raw
    composed = bench.parts().composer.compose(
        bench.letter(),
        f"<{bench.letter().seed}.tunnel@afsender.example>",
        parse_address(BOB),
        datetime(2026, 11, 24, 6, 30, tzinfo=UTC),
    )
    assert mail == plain_message(composed.mail)


def test_gpgsm_unwraps_the_tunnel(bench: MailBench, gpgsm: Gpgsm) -> None:
    bench.list_domains(entry_of(DOMAIN, bench.people.carol))
    send(bench.tunnel, bench.letter())
    content = base64.b64decode(split_entity(_taken(bench)).body)
    inner = gpgsm.verify(split_entity(gpgsm.decrypt(content)).decoded_body())
    assert split_entity(inner).body == opened(_taken(bench), bench.people.carol.identity).entity.raw
