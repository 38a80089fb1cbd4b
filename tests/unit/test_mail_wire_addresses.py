"""Mail addresses are taken apart strictly, and their domains become what the wire carries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.mail.domains import ascii_domain, domain_of, wire_address
from schemas.errors import Unreachable


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("borger@kommune.example", "borger@kommune.example"),
        ("Borger.Hansen+a@KOMMUNE.example.", "Borger.Hansen+a@kommune.example"),
        ("a@rødgrød.example", "a@xn--rdgrd-vuad.example"),
        ("a@xn--rdgrd-vuad.example", "a@xn--rdgrd-vuad.example"),
        ("o'neill@a.dk", "o'neill@a.dk"),
    ],
)
def test_good_ones_pass(address, wire):
    assert wire_address(address) == wire
    assert domain_of(address) == wire.rpartition("@")[2]


@pytest.mark.parametrize(
    "address",
    [
        "", "a", "@b.dk", "a@", "a@b", "a@b..dk", "a@-b.dk", "a@b-.dk", ".a@b.dk", "a.@b.dk", "a..b@b.dk",
        "a b@b.dk", "a@b.dk ", " a@b.dk", "a@b.dk\n", "a\r\n@b.dk", "a@b\r\n.dk", "<a@b.dk>", "a@b@c.dk",
        '"a"@b.dk', "a@[1.2.3.4]", "a@1.2.3.4", "ø@b.dk", "a@b.dk\x00", "a," + "b@c.dk", "a" * 65 + "@b.dk",
        "a@" + "b" * 64 + ".dk", "a@" + "b." * 130 + "dk", "a@b_.dk>x", "a@\u2024.dk",
    ],
)  # fmt: skip
def test_bad_ones_are_refused_without_being_shown(address):
    with pytest.raises(Unreachable) as caught:
        wire_address(address)
    assert caught.value.code in ("smtp.bad_address", "mx.bad_domain")
    assert caught.value.params == {}


@given(st.text(max_size=60))
def test_nothing_that_passes_can_break_a_command(text):
    try:
        wire = wire_address(text)
    except Unreachable:
        return
    assert wire.isascii() and wire.isprintable()
    assert not set(wire) & set('<> \r\n,"[]()')


def test_a_domain_in_wire_form_stays_as_it_is():
    assert ascii_domain("mx1.a_b.example") == "mx1.a_b.example"
