"""Header fields: what comes out can be read back by others, and nothing gets into it that breaks it."""

from __future__ import annotations

import email
from datetime import datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.mime.headers import address_header, date_header, text_header, token_header
from routing.mime.parameters import attachment_parameters
from schemas.errors import Refused
from tests.rigs.mail_letters import mailbox

_FIT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]), min_size=1, max_size=120)


def _read(header: bytes) -> str:
    """Returns the value as the standard library reads it."""
    _, _, value = header.decode("ascii").partition(": ")
    return str(make_header(decode_header(value.removesuffix("\r\n").replace("\r\n", ""))))


@given(_FIT)
@example("Lønseddel")
@example(" foran og bagved ")
@example("to  mellemrum")
@example("=?utf-8?B?QQ==?=")
@example("æ" * 100)
@example("a" * 100)
@example("ord " * 30 + "slut")
def test_every_text_is_read_back_as_it_was(text: str) -> None:
    header = text_header("Subject", text)
    assert _read(header) == text
    lines = header.split(b"\r\n")
    assert lines[-1] == b""
    assert all(0 < len(line) <= 76 and line.strip() for line in lines[:-1])
    assert b"\r" not in header.replace(b"\r\n", b"")
    assert b"\n" not in header.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "text",
    ["a\r\nBcc: x@y.dk", "a\nb", "a\rb", "a\0b", "a\tb", "a\x85b", "a\u2028b", "fdp\u202eexe", "\ud800"],
)
def test_a_line_break_in_any_value_is_refused(text: str) -> None:
    for make in (
        lambda: text_header("Subject", text),
        lambda: token_header("Message-ID", text),
        lambda: address_header("From", [mailbox("bo@example.dk", text)]),
        lambda: attachment_parameters(text),
    ):
        with pytest.raises(Refused) as caught:
            make()
        assert caught.value.code == "mail.header_unfit"
        assert text not in str(caught.value)


def test_a_value_has_a_greatest_length() -> None:
    with pytest.raises(Refused) as caught:
        text_header("Subject", "a" * 1001)
    assert caught.value.code == "mail.header_too_long"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "<bo@example.dk>"),
        ("Bo Ek", "Bo Ek <bo@example.dk>"),
        ("Ek, Bo (chef)", '"Ek, Bo (chef)" <bo@example.dk>'),
        ('Bo "x@y.dk" Ek', '"Bo \\"x@y.dk\\" Ek" <bo@example.dk>'),
        ("Bø", "=?utf-8?B?QsO4?= <bo@example.dk>"),
    ],
)
def test_a_name_stands_before_its_address(name: str, shown: str) -> None:
    assert address_header("To", [mailbox("bo@example.dk", name)]) == f"To: {shown}\r\n".encode()


def test_many_addresses_are_folded_and_read_back() -> None:
    boxes = [mailbox(f"person{n}@example.dk", f"Person nr. {n}, ø") for n in range(20)]
    read = email.message_from_bytes(address_header("To", boxes) + b"\r\n", policy=default)["To"]
    assert [one.addr_spec for one in read.addresses] == [one.address.spec for one in boxes]
    assert [one.display_name for one in read.addresses] == [one.name for one in boxes]


def test_a_date_is_in_utc_whatever_zone_it_came_in() -> None:
    at = datetime(2026, 3, 29, 3, 30, 1, 999_999, timezone(timedelta(hours=2)))
    assert date_header("Date", at) == b"Date: Sun, 29 Mar 2026 01:30:01 +0000\r\n"


@pytest.mark.parametrize(
    "name",
    [
        "a.pdf",
        "Lønseddel november 2026.pdf",
        "100 % rigtigt.pdf",
        "æøå" * 40 + ".pdf",
        "a" * 140 + ".pdf",
        "it's (1).pdf",
        "日本.pdf",
    ],
)
def test_a_file_name_is_read_back_by_both_kinds_of_reader(name: str) -> None:
    names, filenames = attachment_parameters(name)
    head = (
        "Content-Type: " + ";\r\n ".join(["application/pdf", *names]) + "\r\n"
        "Content-Disposition: " + ";\r\n ".join(["attachment", *filenames]) + "\r\n\r\n"
    )
    assert all(len(line) <= 78 for line in head.split("\r\n"))
    message = email.message_from_string(head)
    assert message.get_filename() == name
    old = str(message.get_param("name")).replace("\r\n ", " ")
    assert str(make_header(decode_header(old))) == name


@pytest.mark.parametrize("name", ["", " ", "..", "../a.pdf", "a/b.pdf", "C:\\a.pdf", 'a".pdf', "a" * 151])
def test_a_file_name_is_no_path_and_not_empty(name: str) -> None:
    with pytest.raises(Refused) as caught:
        attachment_parameters(name)
    assert caught.value.code == "mail.attachment_name_unfit"
