"""Says what a mail server's refusal means for us: come again, go another way, or mend our own set-up.

Relies on `schemas.errors`. RFC 5321 4.2 and RFC 3463. The server's own words may name a person: they are read
here for hints, and never passed on.
"""

from __future__ import annotations

import re

from routing.mail.smtp_replies import Reply
from schemas.errors import Coded, Transient, Unreachable

GREYLISTED_SECONDS = 300.0
_KNOWN = frozenset(
    {421, 450, 451, 452, 454, 455, 500, 501, 502, 503, 504, 521, 530, 535, 550, 551, 552, 553, 554, 555, 556}
)
_GREY = re.compile(r"gr[ae]y.?list", re.I)


class Down(Exception):
    """This address can't be used now; another may. `status` is the enhanced code of a refusal."""

    def __init__(self, code: str, *, status: str = "-", step: str = "connect") -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.step = step


def reply_code(reply: Reply) -> str:
    """Returns the stable code of a refusal: `smtp.451`, or `smtp.4xx` for one that has no text of its own.

    A yes where a no or another yes is due is no reply at all: `smtp.reply_unreadable`.
    """
    if reply.code < 400:
        return "smtp.reply_unreadable"
    return f"smtp.{reply.code}" if reply.code in _KNOWN else f"smtp.{reply.code // 100}xx"


def refusal(reply: Reply, step: str) -> Coded:
    """Returns the error for a 4xx or 5xx at a step of the conversation; nothing was taken."""
    code = reply_code(reply)
    if reply.code >= 500:
        return Unreachable(code, status=reply.status, step=step)
    wish = GREYLISTED_SECONDS if _GREY.search(reply.text) else None
    return Transient(code, retry_after_seconds=wish, status=reply.status, step=step)
