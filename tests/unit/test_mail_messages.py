"""Whole mails: others read them as meant, the same mail gives the same bytes, and splitting keeps every
byte."""

from __future__ import annotations

import base64
import email
import re
from dataclasses import replace
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.mime.assembly import (
    estimate_open,
    multipart_signed,
    open_message,
    protected_payload,
    wrapped_message,
)
from routing.mime.base64_lines import decode_lines, encode_lines, encoded_size
from routing.mime.mail import Attachment
from routing.mime.splitting import split_entity, split_signed, with_crlf
from schemas.errors import BadInput, Refused
from tests.rigs.mail_letters import DANISH, ENGLISH, PDF, SUBJECT, letter, mailbox, with_heading


def _seven_bit_lines(data: bytes) -> list[bytes]:
    assert re.search(rb"\r(?!\n)|(?<!\r)\n|[\x80-\xff]|\0", data) is None
    return data.split(b"\r\n")


@pytest.mark.parametrize("n", [0, 1, 2, 3, 56, 57, 58, 29_183, 29_184, 29_185, 100_000])
def test_base64_is_what_the_standard_library_would_write_and_its_size_is_known(n: int) -> None:
    data = bytes(range(256)) * (n // 256 + 1)
    data = data[:n]
    lines = encode_lines(data)
    assert lines == base64.encodebytes(data).replace(b"\n", b"\r\n")
    assert len(lines) == encoded_size(n)
    assert decode_lines(lines) == data


@pytest.mark.parametrize("text", [b"QUJ", b"QU=JD", b"QUJD!", b"QUJD\xe6", b"=", b"Q"])
def test_damaged_base64_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        decode_lines(text)
    assert caught.value.code == "mail.base64_damaged"


def test_others_read_the_mail_as_it_was_meant() -> None:
    message = email.message_from_bytes(open_message(letter()), policy=default)
    assert message["Subject"] == SUBJECT
    assert message["From"] == "Lønkontoret <loen@afsender.example>"
    assert message["Reply-To"] == "svar@afsender.example"
    assert message["Date"].datetime == letter().heading.at
    text, pdf = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == f"{DANISH.strip()}\n\n* * *\n\n{ENGLISH.strip()}\n"
    assert text["Content-Language"] == "da, en"
    assert pdf.get_filename() == "Lønseddel november.pdf"
    assert pdf.get_content() == PDF
    assert pdf.get_content_type() == "application/pdf"


def test_a_mail_is_seven_bit_with_whole_line_ends_and_short_lines() -> None:
    assert max(map(len, _seven_bit_lines(open_message(letter())))) <= 78
    assert max(map(len, _seven_bit_lines(b"".join(protected_payload(letter(), letter().heading))))) <= 78


def test_the_same_mail_gives_the_same_bytes_and_another_id_another_boundary() -> None:
    assert open_message(letter()) == open_message(letter())
    one, other = (email.message_from_bytes(open_message(letter(number=n))).get_boundary() for n in (1, 2))
    assert one != other
    assert not PDF.startswith(one.encode())


def test_a_mail_without_attachments_is_one_text() -> None:
    message = email.message_from_bytes(open_message(replace(letter(), attachments=())), policy=default)
    assert message.get_content_type() == "text/plain"
    assert message.get_content().startswith("Kære kollega")


def test_the_payload_carries_the_true_headers_and_says_what_stood_outside() -> None:
    mail = letter()
    payload = b"".join(protected_payload(mail, replace(mail.heading, subject="Sikker mail")))
    message = email.message_from_bytes(payload, policy=default)
    assert message["Subject"] == SUBJECT
    assert message.get_param("hp") == "cipher"
    outside = {value.partition(":")[0]: value.partition(": ")[2] for value in message.get_all("HP-Outer")}
    assert outside["Subject"] == "Sikker mail"
    assert set(outside) == {"Date", "From", "To", "Reply-To", "Subject", "Message-ID", "Auto-Submitted"}
    assert outside["Message-ID"] == mail.heading.message_id


def test_a_payload_of_one_text_is_marked_too() -> None:
    payload = b"".join(protected_payload(replace(letter(), attachments=()), letter().heading))
    assert email.message_from_bytes(payload).get_param("hp") == "cipher"


@pytest.mark.parametrize("n", [0, 100, 10_000, 3_000_000])
def test_the_size_is_known_beforehand(n: int) -> None:
    mail = letter(pdf=bytes(n))
    actual = len(open_message(mail))
    assert actual <= estimate_open(mail) <= actual + 12_000


@pytest.mark.parametrize("message_id", ["", "a@b", "<a b@c.dk>", "<a@c.dk>\r\nX: y", "<a>", "<a@b@c.dk>"])
def test_a_message_id_has_one_form(message_id: str) -> None:
    with pytest.raises(Refused) as caught:
        with_heading(letter(), message_id=message_id)
    assert caught.value.code == "mail.message_id_unfit"


@pytest.mark.parametrize("media_type", ["", "pdf", "application/pdf; x=y", "application/pdf\r\nX: y"])
def test_a_media_type_has_one_form(media_type: str) -> None:
    mail = replace(letter(), attachments=(Attachment("a.pdf", media_type, PDF),))
    with pytest.raises(Refused) as caught:
        open_message(mail)
    assert caught.value.code == "mail.media_type_unfit"


@pytest.mark.parametrize("field", ["subject", "sender", "to", "reply_to"])
def test_a_break_in_any_field_never_reaches_a_message(field: str) -> None:
    evil = "x\r\nBcc: alle@example.dk"
    box = mailbox("bo@example.dk", evil)
    value = {"subject": evil, "to": (box,)}.get(field, box)
    with pytest.raises(Refused) as caught:
        open_message(with_heading(letter(), **{field: value}))
    assert caught.value.code == "mail.header_unfit"


def test_nothing_personal_shows() -> None:
    shown = repr(letter())
    assert "bob" not in shown
    assert "Lønseddel" not in shown
    assert "kollega" not in shown


@given(st.binary(max_size=300))
def test_what_was_signed_is_split_off_to_the_byte(payload: bytes) -> None:
    whole = b"".join(multipart_signed([b"X: y\r\n\r\n", payload], b"signature", b"=_edge"))
    first, second = split_signed(split_entity(whole))
    assert first == b"X: y\r\n\r\n" + payload
    assert split_entity(second).decoded_body() == b"signature"


def test_a_wrapped_message_keeps_its_bytes() -> None:
    inner = b"Subject:  two  spaces\r\n\r\nbody\r\n"
    assert split_entity(b"".join(wrapped_message(inner))).body == inner


@pytest.mark.parametrize(
    "body",
    [
        b"--e\r\nA: b\r\n\r\none\r\n--e\r\nA: b\r\n\r\ntwo\r\n--e\r\n\r\nthree\r\n--e--\r\n",
        b"--e\r\nA: b\r\n\r\none\r\n--e--\r\n",
        b"--e\r\nA: b\r\n\r\none\r\n--e\r\nA: b\r\n\r\ntwo\r\n",
        b"nothing",
    ],
)
def test_a_signed_mail_has_exactly_two_parts(body: bytes) -> None:
    head = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=e\r\n\r\n'
    with pytest.raises(BadInput) as caught:
        split_signed(split_entity(head + body))
    assert caught.value.code == "mail.signed_form"


def test_an_entity_may_have_bare_line_ends_or_no_headers() -> None:
    assert split_entity(b"A: b\n\nbody\n").body == b"body\n"
    assert split_entity(b"\r\nbody").body == b"body"
    assert split_entity(b"A: b\r\n").body == b""
    assert with_crlf(b"a\nb\r\nc") == b"a\r\nb\r\nc"


def test_headers_without_an_end_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        split_entity(b"A: b\r\n" * 60_000)
    assert caught.value.code == "mail.headers_too_long"


def test_other_encodings_are_undone_and_unknown_ones_named() -> None:
    assert split_entity(b"Content-Transfer-Encoding: quoted-printable\n\na=3Db=\n").decoded_body() == b"a=b"
    with pytest.raises(BadInput) as caught:
        split_entity(b"Content-Transfer-Encoding: x-uue\n\nabc").decoded_body()
    assert caught.value.code == "mail.encoding_unknown"
