"""The values of a mail: its heading, its texts and what is attached; nothing in them is bytes on a wire yet.

Relies on `addresses` and `headers` for their parts. Checks only what no later stage can: forms and names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from routing.mime.headers import Mailbox
from schemas.errors import Refused

_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+=-]{1,120}@[A-Za-z0-9.-]{1,120}>")


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands at the top of a mail. `at` is aware and stays the same on every retry, as the id does."""

    message_id: str
    at: datetime
    sender: Mailbox
    to: tuple[Mailbox, ...]
    subject: str = field(repr=False)
    reply_to: Mailbox | None = None

    def __post_init__(self) -> None:
        if not _MESSAGE_ID.fullmatch(self.message_id):
            raise Refused("mail.message_id_unfit")
        if self.at.tzinfo is None:
            raise ValueError("a heading's time must be aware")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a mail: what the recipient sees as its name, its media type, its plain bytes."""

    name: str = field(repr=False)
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """A whole mail. `texts` are language tag and text, the recipient's own language first."""

    heading: Heading
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
