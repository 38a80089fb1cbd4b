"""Which texts are one mail address, and what each of the others is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.mime.addresses import parse_address
from schemas.errors import BadInput


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("bo@example.dk", "bo@example.dk"),
        ("Bo.Ek+loen@Example.DK", "Bo.Ek+loen@example.dk"),
        ("o'hara@example.dk", "o'hara@example.dk"),
        ("bo@rødgrød.dk", "bo@xn--rdgrd-vuad.dk"),
        ("bo@RØDGRØD.dk", "bo@xn--rdgrd-vuad.dk"),
        ("bo@xn--rdgrd-vuad.dk", "bo@xn--rdgrd-vuad.dk"),
        ("bo@ro\u0308d.dk", "bo@xn--rd-fka.dk"),  # ö as two characters
        ("bo@3dprint.dk", "bo@3dprint.dk"),
    ],
)
def test_an_address_is_taken_with_its_domain_in_a_labels(text: str, spec: str) -> None:
    assert parse_address(text).spec == spec


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "mail.address_form"),
        ("bo", "mail.address_form"),
        ("@example.dk", "mail.address_form"),
        ("bo@", "mail.address_form"),
        ("bo@example.dk@andet.dk", "mail.address_form"),
        ("bo@example.dk, eva@example.dk", "mail.address_form"),
        ("Bo <bo@example.dk>", "mail.address_local"),
        ("<bo@example.dk>", "mail.address_local"),
        ("venner:bo@example.dk;", "mail.address_local"),
        ('"bo"@example.dk', "mail.address_local"),
        ('"bo@andet.dk "@example.dk', "mail.address_form"),
        ("bo(chef)@example.dk", "mail.address_local"),
        ("bo\r\nBcc: x@example.dk", "mail.address_local"),
        (" bo@example.dk", "mail.address_local"),
        ("bo.@example.dk", "mail.address_local"),
        ("b..o@example.dk", "mail.address_local"),
        ("bø@example.dk", "mail.address_local"),
        ("bo\x00@example.dk", "mail.address_local"),
        ("bo@example.dk ", "mail.address_domain"),
        ("bo@example.dk\n", "mail.address_domain"),
        ("bo@localhost", "mail.address_domain"),
        ("bo@example.dk.", "mail.address_domain"),
        ("bo@.dk", "mail.address_domain"),
        ("bo@a..dk", "mail.address_domain"),
        ("bo@-a.dk", "mail.address_domain"),
        ("bo@a_b.dk", "mail.address_domain"),
        ("bo@[127.0.0.1]", "mail.address_domain"),
        ("bo@127.0.0.1", "mail.address_domain"),
        ("bo@example。dk", "mail.address_domain"),
        ("bo@☃.dk", "mail.address_domain"),
        (f"bo@{'a' * 64}.dk", "mail.address_domain"),
        (f"{'b' * 65}@example.dk", "mail.address_too_long"),
        (f"bo@{'.'.join(['a' * 60] * 5)}.dk", "mail.address_domain"),
        (f"{'b' * 64}@{'.'.join(['a' * 60] * 4)[:190]}.dk", "mail.address_too_long"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_address(text)
    assert caught.value.code == code
    assert str(caught.value).replace(code, "").strip() in ("", "max_chars=254")


def test_an_address_never_shows_who_it_is() -> None:
    assert "bo" not in repr(parse_address("bo@example.dk"))
    assert "bo" not in str(parse_address("bo@example.dk"))


@given(st.text(max_size=60))
def test_no_text_makes_an_address_with_a_break_or_a_second_recipient(text: str) -> None:
    try:
        spec = parse_address(f"{text}@example.dk").spec
    except BadInput:
        return
    assert spec.isascii()
    assert spec.count("@") == 1
    assert not any(sign in spec for sign in '\r\n\0 ,;:<>()"[]\\')
