"""MTA-STS records and policies are read strictly (RFC 8461 3)."""

from __future__ import annotations

import pytest

from routing.mail.sts_policy import MAX_AGE_SECONDS, Policy, policy_id, read_policy

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1 ; id=a1 ; other=x"], "a1"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
        ([], ""),
        (["v=STSv1; id=1;", "v=STSv1; id=1;"], ""),
        (["v=STSv1;"], ""),
        (["v=STSv1; id=;"], ""),
        (["v=STSv1; id=a-b;"], ""),
        (["v=STSv1; id=" + "a" * 33], ""),
        (["v=STSv1; id=1; id=2"], ""),
        (["v=STSv1; nonsense"], ""),
        (["v=STSv10; id=1;"], ""),
        ([" v=STSv1; id=1;"], ""),
    ],
)
def test_an_announcement_is_clear_or_none(records, found):
    assert policy_id(records) == found


def test_a_policy_is_read():
    assert read_policy(GOOD, "1") == Policy("1", "enforce", 604800, ("mail.example.com", "*.example.net"))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(b"\r\n", b"\n"),
        GOOD.rstrip(),
        GOOD + b"future: thing\r\n",
        GOOD + b"mode: none\r\nmax_age: 5\r\n",
        b"\r\n" + GOOD,
        GOOD.replace(b"mode: enforce", b"mode:\tenforce  "),
        GOOD.replace(b"mail.example.com", b"MAIL.example.com."),
    ],
)
def test_small_liberties_change_nothing(text):
    assert read_policy(text, "1") == read_policy(GOOD, "1")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        GOOD.replace(b"STSv1", b"STSv2"),
        GOOD.replace(b"version: STSv1\r\n", b""),
        GOOD.replace(b"enforce", b"Enforce"),
        GOOD.replace(b"mode: enforce\r\n", b""),
        GOOD.replace(b"max_age: 604800\r\n", b""),
        GOOD.replace(b"604800", b"-1"),
        GOOD.replace(b"604800", b"1e9"),
        GOOD.replace(b"mx: mail.example.com\r\nmx: *.example.net\r\n", b""),
        GOOD.replace(b"*.example.net", b"*example.net"),
        GOOD.replace(b"*.example.net", b"*.*.net"),
        GOOD.replace(b"*.example.net", b"mx.*.net"),
        GOOD.replace(b"*.example.net", b"a b"),
        GOOD.replace(b"*.example.net", b""),
        GOOD + b"a line\r\n",
        GOOD + b"mx: x.example\r\n" * 101,
        GOOD.replace(b"mail", b"m\xff"),
    ],
)
def test_what_is_no_policy_is_none(text):
    with pytest.raises(ValueError):
        read_policy(text, "1")


def test_a_policy_of_mode_none_needs_nobody():
    assert read_policy(b"version: STSv1\nmode: none\nmax_age: 9999999999\n", "1").max_age_seconds == (
        MAX_AGE_SECONDS
    )


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.com.", True),
        ("a.example.net", True),
        ("a.b.example.net", False),
        ("example.net", False),
        (".example.net", False),
        ("mail.example.com.evil.example", False),
        ("xmail.example.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host, listed):
    assert read_policy(GOOD, "1").lists(host) is listed
