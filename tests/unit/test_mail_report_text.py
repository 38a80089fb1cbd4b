"""Reports are read for what they say of which mail; what does not say it clearly is no report."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.mail.report_text import MAX_BYTES, read_report
from schemas.consignments import ReceiptKind
from tests.rigs.mail_reports import OTHERS, OURS, report

MORE_FAILED = "\nFinal-Recipient: rfc822; x@y.example\nAction: failed\nStatus: 5.7.1\n"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", ReceiptKind.RETURNED),
        ("Failed (after three days)", ReceiptKind.RETURNED),
        ("delivered", ReceiptKind.CONFIRMED),
        ("RELAYED", ReceiptKind.CONFIRMED),
        ("delayed", None),
        ("expanded", None),
    ],
)
def test_the_action_says_what_became_of_it(action, kind):
    read = read_report(report(action))
    assert (read.message_id, read.kind, read.reporter) == (OURS, kind, "mx.kommune.example")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("5.1.1", "report.no_such_mailbox"),
        ("5.1.10 (null MX)", "report.no_such_mailbox"),
        ("5.2.2", "report.too_full"),
        ("5.3.4", "report.too_full"),
        ("5.7.26", "report.refused"),
        ("4.4.7", "report.gave_up"),
        ("5.0.0", "report.returned"),
        ("", "report.returned"),
    ],
)
def test_the_status_says_why(status, code):
    assert read_report(report(status=status)).code == code


@pytest.mark.parametrize(
    "raw",
    [
        report(),
        report(returned="message/rfc822"),
        report(envelope_id=OURS),
        report(message_id="", envelope_id=OURS),
        report(message_id=f"\n {OURS}"),
        report().replace(b"\n", b"\r\n"),
        report().replace(b"Message-ID", b"message-id"),
        report().replace(b"\n--B42--\n", b""),
        report().replace(b"report-type=delivery-status;", b""),
        report().replace(b"message/delivery-status", b"Message/Delivery-Status"),
        report(returned="message/rfc822") + b"x" * (2 * MAX_BYTES),
        report(more_recipients="\nFinal-Recipient: rfc822; x@y.example\nAction: delivered\nStatus: 2.0.0\n"),
        report("delivered", more_recipients=MORE_FAILED),
    ],
)
def test_small_liberties_change_nothing(raw):
    read = read_report(raw)
    assert (read.message_id, read.kind) == (OURS, ReceiptKind.RETURNED)


def test_a_report_may_leave_out_who_it_is_from():
    assert read_report(report(about="Reporting-MTA: dns;")).reporter == ""


def test_nothing_of_the_recipient_is_kept():
    read = read_report(report())
    assert "borger" not in f"{read!r} {read.proof()}"
    assert read.proof() == {
        "report_action": "failed",
        "report_status": "5.1.1",
        "report_from": "mx.kommune.example",
    }


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_report_is_told(name):
    with pytest.raises((ValueError, LookupError, RecursionError)):
        read_report(OTHERS[name])


@settings(max_examples=300)
@given(st.data())
def test_a_report_with_a_byte_changed_never_speaks_of_another_mail(data):
    raw = bytearray(report())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_report(bytes(raw))
    except (ValueError, LookupError, AttributeError, TypeError):
        return
    assert read.message_id.startswith("<") and read.message_id.endswith(">")
