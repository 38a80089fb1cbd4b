"""Reads a report about a mail of ours (RFC 3464): what became of it, and which mail it was.

Pure; relies on the standard library's parser of mails. Executes nothing. Liberal about form, strict about
sense: what does not say clearly what happened to which mail is no report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32

from schemas.consignments import ReceiptKind

MAX_BYTES = 512 * 1024
"""A report is read this far: the returned content, which comes last, may be as long as it likes."""
_ID = re.compile(r"<[!-;=?-~]{3,250}>")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_ACTIONS = {
    "failed": ReceiptKind.RETURNED,
    "delivered": ReceiptKind.CONFIRMED,
    "relayed": ReceiptKind.CONFIRMED,
    "delayed": None,
    "expanded": None,
}
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one mail; `kind` is None while it is still under way. `reporter` is a host's name."""

    message_id: str
    kind: ReceiptKind | None
    action: str
    status: str
    reporter: str

    @property
    def code(self) -> str:
        """The stable code of a return; empty for anything else."""
        return return_code(self.status) if self.kind is ReceiptKind.RETURNED else ""

    def proof(self) -> dict[str, str]:
        """Returns what a receipt keeps of it."""
        told = {"action": self.action, "status": self.status, "from": self.reporter}
        return {f"report_{key}": text for key, text in told.items() if text}


def read_report(raw: bytes) -> Report:
    """Returns the report a mail is; raises ValueError when it is none, or not a clear one."""
    mail = BytesParser(policy=compat32).parsebytes(raw[:MAX_BYTES])
    if mail.get_content_type() != "multipart/report":
        raise ValueError("no report")
    parts = list(mail.get_payload()) if mail.is_multipart() else []
    told = [part for part in parts if _kind(part) == "message/delivery-status"]
    if len(told) != 1:
        raise ValueError("no delivery status, or more than one")
    about, *recipients = _blocks(told[0])
    action, status = _outcome(recipients)
    reporter = _HOST.search(_field(about, "Reporting-MTA").rpartition(";")[2].strip())
    message_id = _message_id(about, parts)
    return Report(message_id, _ACTIONS[action], action, status, reporter[0] if reporter else "")


def return_code(status: str) -> str:
    """Returns the stable code for the status of a mail that came back (RFC 3463)."""
    if status.startswith("4."):
        return "report.gave_up"
    if status.startswith("5.1."):
        return "report.no_such_mailbox"
    if status in ("5.2.2", "5.2.3", "5.3.4"):
        return "report.too_full"
    return "report.refused" if status.startswith("5.7.") else "report.returned"


def _outcome(recipients: list[Message]) -> tuple[str, str]:
    """Returns the action and the status: our mails have one recipient each, so one failure is all."""
    found = [(_field(one, "Action").partition("(")[0].strip().lower(), one) for one in recipients]
    known = [(action, one) for action, one in found if action in _ACTIONS]
    if not known:
        raise ValueError("nothing is said of any recipient")
    order = list(_ACTIONS)
    action, one = min(known, key=lambda pair: order.index(pair[0]))
    status = _STATUS.search(_field(one, "Status"))
    return action, status[0] if status else ""


def _message_id(about: Message, parts: list[Message]) -> str:
    """Returns the id of the mail that is spoken of; named in two ways, it must be the same in both."""
    named = _ID.search(_field(about, "Original-Envelope-Id"))
    ids = {named[0]} if named else set()
    for headers in _returned(parts):
        found = [_ID.search(text) for text in headers.get_all("Message-ID", [])]
        ids |= {one[0] for one in found if one}
    if len(ids) != 1:
        raise ValueError("it does not say of which mail it speaks")
    return ids.pop()


def _returned(parts: list[Message]) -> Iterator[Message]:
    """Yields the headers of the mail that was returned, whole or not."""
    for part in parts:
        payload = part.get_payload()
        if _kind(part) == "message/rfc822" and isinstance(payload, list):
            yield from (one for one in payload[:1] if isinstance(one, Message))
        elif _kind(part) == "text/rfc822-headers":
            decoded = part.get_payload(decode=True)
            yield BytesHeaderParser(policy=compat32).parsebytes(
                decoded if isinstance(decoded, bytes) else b""
            )


def _blocks(status: Message) -> list[Message]:
    payload = status.get_payload()
    blocks = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []
    filled = [one for one in blocks if one.keys()]
    if len(filled) < 2:
        raise ValueError("a delivery status without a recipient")
    return filled


def _kind(part: Message) -> str:
    kind = part.get_content_type()
    return {"message/global-delivery-status": "message/delivery-status"}.get(kind, kind)


def _field(block: Message, name: str) -> str:
    return str(block.get(name, ""))
