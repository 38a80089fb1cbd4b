"""Mobile numbers as people write them, and what may be shown of them."""

from __future__ import annotations

import pytest

from routing.portal.mobile_numbers import e164, masked


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20123456", "+4520123456"),
        ("20 12 34 56", "+4520123456"),
        ("+45 20 12 34 56", "+4520123456"),
        ("0045 20-12-34-56", "+4520123456"),
        ("(+45) 2012.3456", "+4520123456"),
        ("+46 (0)70 174 06 05", "+46701740605"),
        ("+298 211234", "+298211234"),
        ("\u00a020\u200b123456", "+4520123456"),
        ("10123456", ""),
        ("2012345", ""),
        ("201234567", ""),
        ("+4512345678", ""),
        ("+452012345", ""),
        ("+0123456789", ""),
        ("+1234567890123456", ""),
        ("20123456x", ""),
        ("++4520123456", ""),
        ("٢٠١٢٣٤٥٦", ""),
        ("", ""),
        ("2" * 10_000, ""),
    ],
)
def test_a_number_is_read_whole_or_not_at_all(text, number):
    assert e164(text) == number


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+4520123456", "••••••56"), ("20 12 34 56", "••••••56"), ("+298211234", "••••••34"), ("junk", "")],
)
def test_two_digits_are_shown_and_no_length(number, shown):
    assert masked(number) == shown
