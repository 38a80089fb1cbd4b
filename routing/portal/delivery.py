"""How a finished mail leaves: what the portal needs of the mail channels, and a folder in their place.

Whoever implements `Carrier` forces and checks TLS, or refuses: a notice carries a link. Makes no mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from schemas.errors import Transient


class Carrier(Protocol):
    """Hands a mail over to the recipient's mail system."""

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        """Returns evidence (TLS version, exchanger) once the other side has taken responsibility.

        `message_id` is the mail's Message-ID without brackets: the same one again is the same mail again.
        Raises the SendErrors, and ConfigurationError with nothing sent.
        """

    async def close(self) -> None:
        """Ends what is open; belongs to the event loop that used it."""


class MailFolder:
    """A maildir that takes the mails of the demo and of a rehearsal; nothing leaves the machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        """Puts the mail there under its id; the same id again replaces it."""
        await asyncio.to_thread(self._put, mail, message_id)
        return {"carrier": "folder"}

    async def close(self) -> None:
        """Nothing is open between two mails."""

    def _put(self, mail: bytes, message_id: str) -> None:
        try:
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            name = "".join(sign if sign.isalnum() or sign in "-." else "_" for sign in message_id)
            made = self._folder / "tmp" / name
            made.write_bytes(mail)
            made.replace(self._folder / "new" / name)
        except OSError:
            raise Transient("portal.mail_folder", reached=False) from None
