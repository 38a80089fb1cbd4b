"""Mails for tests: a payslip with Danish text and a PDF that is easy to recognise."""

from __future__ import annotations

from dataclasses import replace

from routing.mime.addresses import parse_address
from routing.mime.headers import Mailbox
from routing.mime.mail import Attachment, Heading, Mail
from tests.rigs.mail_people import LETTER_AT

SUBJECT = "Lønseddel for november"
DANISH = "Kære kollega\n\nDin lønseddel er vedhæftet. Æ, ø og å er også med.\n"
ENGLISH = "Dear colleague\n\nYour payslip is attached.\n"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\n%%EOF\n"


def mailbox(address: str, name: str = "") -> Mailbox:
    return Mailbox(parse_address(address), name)


def letter(to: str = "bob@modtager.example", *, pdf: bytes = PDF, number: int = 1) -> Mail:
    """Returns a mail; `number` makes its message id."""
    heading = Heading(
        message_id=f"<{number:032x}@afsender.example>",
        at=LETTER_AT,
        sender=mailbox("loen@afsender.example", "Lønkontoret"),
        to=(mailbox(to),),
        subject=SUBJECT,
        reply_to=mailbox("svar@afsender.example"),
    )
    attachment = Attachment("Lønseddel november.pdf", "application/pdf", pdf)
    return Mail(heading, (("da", DANISH), ("en", ENGLISH)), (attachment,))


def with_heading(mail: Mail, **changes: object) -> Mail:
    """Returns the mail with something else in its heading."""
    return replace(mail, heading=replace(mail.heading, **changes))  # type: ignore[arg-type]
