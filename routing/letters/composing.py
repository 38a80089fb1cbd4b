"""Composes the mail of a consignment: sender, neutral subject, texts in Danish and English, the documents.

Relies on `texts` and on the reader of documents it is given. The same consignment always gives the same mail:
its date is when its batch was taken in, which stays through every retry (design 4.2). Protects nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from routing.letters.texts import fill, load_texts
from routing.mime.addresses import MailAddress, parse_address
from routing.mime.headers import Mailbox
from routing.mime.mail import Attachment, Heading, Mail
from schemas.channels import DocumentReader
from schemas.consignments import Consignment, Document
from schemas.errors import BadInput, ConfigurationError
from schemas.mail_settings import MailSettings, MaterialMail

_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]+')
_MAX_STEM_CHARS = 100
_STAMP = "%Y%m%d-%H%M%S"
_STAMP_CHARS = 15
DEFAULT_MAIL = MaterialMail()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail and the subject that may stand outside of it, which never names anything of the recipient."""

    mail: Mail
    outer_subject: str


class Composer:
    """Composes the mails of one sender; its texts are read once."""

    def __init__(
        self, mail: MailSettings, materials: Mapping[str, MaterialMail], documents: DocumentReader
    ) -> None:
        """Raises ConfigurationError `mail.our_address_unfit`, and as `load_texts`."""
        self._mail = mail
        self._materials = dict(materials)
        self._documents = documents
        self.sender = our_address(mail.from_address)
        self.return_path = our_address(mail.return_path or mail.from_address)
        self._texts = {name: load_texts(one) for name, one in self._materials.items()}
        self._default = load_texts(DEFAULT_MAIL)
        for one in self._materials.values():
            if one.reply_to is not None:
                our_address(one.reply_to)

    def compose(self, consignment: Consignment, message_id: str, to: MailAddress, at: datetime) -> Letter:
        """Returns the letter; `at` is the date it bears.

        Raises Refused (`mail.…`) for a title or a file name that is unfit, and what the reader raises.
        """
        own = self._materials.get(consignment.material, DEFAULT_MAIL)
        texts = self._texts.get(consignment.material, self._default)
        values = self._values(consignment, own)
        heading = Heading(
            message_id=message_id,
            at=at,
            sender=Mailbox(self.sender, own.from_name or self._mail.from_name),
            to=(Mailbox(to),),
            subject=fill(texts.subject, values),
            reply_to=Mailbox(our_address(own.reply_to)) if own.reply_to else None,
        )
        attachments = tuple(self._attachment(consignment, one) for one in consignment.documents)
        return Letter(Mail(heading, texts.filled(values), _told_apart(attachments)), own.subject)

    def _values(self, consignment: Consignment, own: MaterialMail) -> Mapping[str, str]:
        return {
            "titel": consignment.title,
            "navn": consignment.recipient.name,
            "afsender": own.from_name or self._mail.from_name or self.sender.domain,
            "reference": consignment.reference,
        }

    def _attachment(self, consignment: Consignment, document: Document) -> Attachment:
        name = _name_of(document, consignment.title if document.ordinal == 0 else "")
        return Attachment(name, document.media_type, self._documents.read(consignment, document))


def dated(consignment: Consignment, not_before: datetime) -> datetime:
    """Returns the date of a consignment's mail: when its batch was taken in, as the batch's id says.

    A certificate that was renewed since must not seem to have signed before it was made: `not_before`.
    """
    taken = datetime.strptime(f"{consignment.batch_id[:_STAMP_CHARS]}+0000", f"{_STAMP}%z")
    return max(taken.astimezone(UTC), not_before)


def our_address(text: str) -> MailAddress:
    """Returns an address of our own; ConfigurationError `mail.our_address_unfit`."""
    try:
        return parse_address(text)
    except BadInput:
        raise ConfigurationError("mail.our_address_unfit") from None


def _name_of(document: Document, title: str) -> str:
    """Returns the name the recipient sees: the title, or the file's own name without folders.

    Names of main documents often carry a number of the sender's system, or worse; the title is made for
    reading. Control characters stay in it, so that they are refused and not repaired.
    """
    if not title:
        return document.name.replace("\\", "/").rpartition("/")[2]
    stem = _NOT_IN_NAMES.sub("-", title).strip(" .-")[:_MAX_STEM_CHARS].strip(" .")
    return f"{stem or 'dokument'}.{document.extension.lower()}"


def _told_apart(attachments: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    """Returns the attachments with a number in front of every name that has been there before."""
    seen: set[str] = set()
    told = []
    for number, one in enumerate(attachments):
        name = f"{number}-{one.name}" if one.name.casefold() in seen else one.name
        seen.add(name.casefold())
        told.append(Attachment(name, one.media_type, one.data))
    return tuple(told)
