"""Makes the mails of the portal: notice, reminder, code, and word of a reply to the sender.

Relies on `routing.mime` for headers and base64. Text and HTML, Danish first and English below; the sender's
name and a link, never a title, a subject matter or a number of a person. The same call gives the same bytes
(design 4.2). Sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from routing.mime.addresses import parse_address
from routing.mime.assembly import message_around
from routing.mime.base64_lines import encode_lines
from routing.mime.bodies import boundary_for
from routing.mime.headers import Mailbox
from routing.mime.mail import Heading
from routing.portal.wording import LANGUAGES, templates, wording
from schemas.portal_settings import PortalBrand


@dataclass(frozen=True, slots=True)
class Stationery:
    """What all mails of a source share: who it is from and how it looks."""

    from_address: str
    brand: PortalBrand

    @property
    def sender(self) -> Mailbox:
        return Mailbox(parse_address(self.from_address), self.brand.name)

    def message_id(self, stem: str) -> str:
        """Returns a Message-ID, without brackets, in the sender's domain."""
        return f"{stem}@{self.sender.address.domain}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is ready to leave."""

    recipient: str = field(repr=False)
    message_id: str
    data: bytes = field(repr=False)


def notice(
    paper: Stationery, recipient: str, link: str, stem: str, at: datetime, expires_at: datetime
) -> Letter:
    """Returns the mail with the link; `stem` is the message's id and the link's generation."""
    return _letter(paper, recipient, stem, at, "notice", link=link, expires_at=expires_at)


def reminder(
    paper: Stationery, recipient: str, link: str, stem: str, at: datetime, expires_at: datetime
) -> Letter:
    """Returns the mail that reminds of a link that nobody has used."""
    return _letter(paper, recipient, reminder_stem(stem), at, "reminder", link=link, expires_at=expires_at)


def reminder_stem(stem: str) -> str:
    """Returns the stem of a notice's reminder; a report that it came back tells it by this."""
    return f"{stem}.r"


def code_mail(paper: Stationery, recipient: str, code: str, stem: str, at: datetime, minutes: int) -> Letter:
    """Returns the mail with a code; the code does not stand in its subject."""
    return _letter(paper, recipient, stem, at, "code_mail", code=code, minutes=minutes)


def reply_word(paper: Stationery, recipient: str, stem: str, at: datetime) -> Letter:
    """Returns the mail that tells a sender of a reply in the folder; it says nothing of what is in it."""
    return _letter(paper, recipient, stem, at, "reply_word")


def _letter(
    paper: Stationery, recipient: str, stem: str, at: datetime, kind: str, **values: object
) -> Letter:
    message_id = paper.message_id(stem)
    to = parse_address(recipient)
    subject = " / ".join(wording(one)(f"{kind}_subject", sender=paper.brand.name) for one in LANGUAGES)
    heading = Heading(f"<{message_id}>", at, paper.sender, (Mailbox(to),), subject)
    known = {"brand": paper.brand, "kind": kind, "languages": [(one, wording(one)) for one in LANGUAGES]}
    text = templates().get_template("mail.txt").render(known | values)
    html = templates().get_template("mail.html").render(known | values)
    return Letter(to.spec, message_id, message_around(heading, _alternatives(f"<{message_id}>", text, html)))


def _alternatives(message_id: str, text: str, html: str) -> list[bytes]:
    boundary = boundary_for(message_id, "alternative")
    head = f'Content-Type: multipart/alternative;\r\n boundary="{boundary.decode()}"\r\n\r\n'
    pieces = [head.encode()]
    for media_type, content in (("text/plain", text), ("text/html", html)):
        part = (
            f"Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Language: da, en\r\n\r\n"
        )
        lines = content.replace("\r\n", "\n").strip("\n").replace("\n", "\r\n") + "\r\n"
        pieces += [b"--", boundary, b"\r\n", part.encode(), encode_lines(lines.encode()), b"\r\n"]
    return [*pieces, b"--", boundary, b"--\r\n"]
