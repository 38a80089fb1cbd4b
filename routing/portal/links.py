"""Makes links and takes them apart: one token of 256 bits, and from it, one way, a locator and a secret.

Relies on HMAC-SHA-256. The locator is what the database keeps: it finds a parcel and tells nothing of the
token. The secret opens the parcel together with the portal's key and is kept nowhere. Asks no database.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from routing.portal.keys import Secret

TOKEN_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkToken:
    """What stands in a link. Never printed: its repr is empty."""

    __slots__ = ("_token",)

    def __init__(self, token: bytes) -> None:
        self._token = token

    @property
    def text(self) -> str:
        """The token as it stands in the link."""
        return urlsafe_b64encode(self._token).decode().rstrip("=")

    @property
    def locator(self) -> bytes:
        """What the database knows it by."""
        return hmac.digest(self._token, b"brevdue portal locator", sha256)

    @property
    def secret(self) -> bytes:
        """What opens the parcel, with the portal's key."""
        return hmac.digest(self._token, b"brevdue portal secret", sha256)

    def raw(self) -> bytes:
        """The token's bytes, to be sealed into a session."""
        return self._token

    def __repr__(self) -> str:
        return "LinkToken()"


def make_token(link_key: Secret, message_id: str, generation: int) -> LinkToken:
    """Returns the token of a message; a notice sent anew with a new link has the next generation."""
    return LinkToken(link_key.derive("link", message_id.encode(), str(generation).encode()))


def parse_token(text: str) -> LinkToken | None:
    """Returns the token that a text is, None for anything else; there is one way of writing each."""
    if not _FORM.fullmatch(text):
        return None
    token = LinkToken(urlsafe_b64decode(text + "="))
    return token if token.text == text else None
