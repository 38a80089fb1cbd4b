"""Reports about mails, as servers of different make write them."""

from __future__ import annotations

OURS = "<7f3a9c@afsender.example>"

_HEAD = """\
From: MAILER-DAEMON@mx.kommune.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: loen@afsender.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="B42"

This is a MIME-encapsulated message.
"""


def report(
    action: str = "failed",
    status: str = "5.1.1",
    message_id: str = OURS,
    *,
    envelope_id: str = "",
    returned: str = "text/rfc822-headers",
    more_recipients: str = "",
    about: str = "Reporting-MTA: dns; mx.kommune.example",
) -> bytes:
    """Returns a report; `message_id` empty leaves the returned mail out."""
    envelope = f"Original-Envelope-Id: {envelope_id}\n" if envelope_id else ""
    parts = [
        "Content-Type: text/plain; charset=us-ascii\n\nI'm sorry to have to inform you.\n",
        f"Content-Type: message/delivery-status\n\n{about}\n{envelope}Arrival-Date: Wed, 25 Nov 2026\n\n"
        f"Final-Recipient: rfc822; borger@kommune.example\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} nobody here\n{more_recipients}",
    ]
    if message_id:
        body = "\nSikker post\n" if returned == "message/rfc822" else ""
        parts.append(
            f"Content-Type: {returned}\n\nFrom: loen@afsender.example\nMessage-ID: {message_id}\n"
            f"Subject: Sikker post\n{body}"
        )
    text = _HEAD + "".join(f"\n--B42\n{part}" for part in parts) + "\n--B42--\n"
    return text.encode()


ORDINARY = b"From: a@b.dk\nTo: loen@afsender.example\nSubject: hej\n\nTak for brevet.\n"
_STATUS = b"message/delivery-status"
_HEADERS = b"Content-Type: text/rfc822-headers"
OTHERS = {
    "an ordinary mail": ORDINARY,
    "an absence": b"Auto-Submitted: auto-replied\n" + ORDINARY,
    "nothing": b"",
    "noise": bytes(range(256)) * 40,
    "a read receipt": report().replace(_STATUS, b"message/disposition-notification"),
    "a report without a status": report().replace(_STATUS, b"text/plain"),
    "a report of no mail": report(message_id=""),
    "a report of two mails": report(envelope_id="<other@afsender.example>"),
    "a report of an unclear mail": report(message_id="no id at all"),
    "a report of no action": report("exploded"),
    "a report without recipients": report().replace(b"Final-Recipient", b"X").replace(b"Action", b"Y"),
    "two reports in one": report().replace(_HEADERS, b"Content-Type: " + _STATUS),
    "a bad charset": report().replace(b"us-ascii", b"no-such-charset").replace(b"failed", b"\xff\xfe"),
    "deep nesting": b"Content-Type: multipart/report; boundary=a\n\n"
    + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 500,
}
"""What lands in such a mailbox too, and is no report."""
