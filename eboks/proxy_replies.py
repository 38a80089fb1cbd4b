"""Reads what a proxy before e-Boks says about a recipient, at once and in later polls (facts/eboks a.1, a.2).

Relies on `replies` for the JSON. Only what is readable and about our own recipient counts; everything else is
doubt. Asks nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eboks.replies import parse_json
from schemas.consignments import ReceiptKind
from schemas.errors import InDoubt, Refused, Transient, Unreachable

_MESSAGE_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}", re.ASCII)
_PRINTED = frozenset({"address resolved", "remote printed"})
_NOT_REACHED = {"exempt": "eboks.exempt", "invalid": "eboks.not_found", "minor": "eboks.minor"}


@dataclass(frozen=True, slots=True)
class Taken:
    """The proxy took a message: the id it goes by there, whether word is still to come, and how it went."""

    external_id: str
    final: bool
    code: str = ""


@dataclass(frozen=True, slots=True)
class LaterWord:
    """What a poll says about one message."""

    external_id: str
    kind: ReceiptKind
    code: str = ""


class Unreadable(Exception):
    """A status that is not one of those we know."""


def read_taken(body: bytes, message_id: str, digits: str) -> Taken:
    """Returns how the proxy took the message `message_id` to the recipient of these digits.

    Raises Refused `eboks.dead`; Unreachable `eboks.exempt`, `eboks.not_found` or `eboks.minor`; InDoubt
    `eboks.unreadable_reply` or `eboks.wrong_recipient_in_reply` when the answer says nothing about ours.
    """
    value = parse_json(body)
    if not isinstance(value, dict) or not isinstance(value.get("recipients"), list):
        raise InDoubt("eboks.unreadable_reply")
    external_id = value.get("message_id") or message_id
    if not isinstance(external_id, str) or not _MESSAGE_ID.fullmatch(external_id):
        raise InDoubt("eboks.unreadable_reply")
    ours = [one for one in value["recipients"] if isinstance(one, dict) and _is_ours(one, digits)]
    if len(ours) != 1:
        raise InDoubt("eboks.wrong_recipient_in_reply")
    try:
        final, code = _outcome(ours[0])
    except Unreadable:
        raise InDoubt("eboks.unreadable_reply") from None
    return Taken(external_id, final, code)


def read_later_word(body: bytes, asked: frozenset[str]) -> list[LaterWord]:
    """Returns what a poll says about the messages `asked` for; pending and unreadable ones are left out.

    Raises Transient `eboks.unreadable_status` when the whole answer is not a list.
    """
    value = parse_json(body)
    if not isinstance(value, list):
        raise Transient("eboks.unreadable_status")
    words: dict[str, LaterWord] = {}
    for entry in value:
        word = _word(entry, asked) if isinstance(entry, dict) else None
        if word is not None:
            words.setdefault(word.external_id, word)
    return list(words.values())


def _word(entry: Mapping[str, Any], asked: frozenset[str]) -> LaterWord | None:
    external_id, recipients = entry.get("message_id"), entry.get("recipients")
    if not isinstance(external_id, str) or external_id not in asked or not _went_well(entry):
        return None
    if not isinstance(recipients, list) or len(recipients) != 1 or not isinstance(recipients[0], dict):
        return None
    try:
        final, code = _outcome(recipients[0])
    except Unreadable:
        return None
    except Unreachable as error:
        return LaterWord(external_id, ReceiptKind.RETURNED, error.code)
    except Refused as error:
        return LaterWord(external_id, ReceiptKind.REFUSED, error.code)
    return LaterWord(external_id, ReceiptKind.CONFIRMED, code) if final else None


def _went_well(entry: Mapping[str, Any]) -> bool:
    """Says whether the proxy itself had success; its code comes as number or text, or not at all."""
    code = entry.get("proxy_response_code")
    if code is None or code == "":
        return True
    text = str(code).strip() if isinstance(code, int | str) else ""
    return len(text) == 3 and text.startswith("2") and text.isascii() and text.isdigit()


def _is_ours(recipient: Mapping[str, Any], digits: str) -> bool:
    """Compares the number; a JSON number has lost its leading zeros."""
    number = recipient.get("nr")
    if isinstance(number, int) and not isinstance(number, bool):
        number = f"{number:0{len(digits)}d}"
    return number == digits


def _outcome(recipient: Mapping[str, Any]) -> tuple[bool, str]:
    """Returns (final, code) of one that was taken; raises Refused, Unreachable or Unreadable (facts a.2)."""
    status, later = _word_of(recipient, "status"), _word_of(recipient, "post_processing_status")
    if status == "dead":
        raise Refused("eboks.dead")
    if status and status not in _NOT_REACHED:
        raise Unreadable
    if later == "pending":
        return False, ""
    if later in _PRINTED:
        return True, "eboks.remote_printed"
    if status and later in ("", "address not found"):
        raise Unreachable(_NOT_REACHED[status])
    if status == "" and later == "":
        return True, ""
    raise Unreadable


def _word_of(recipient: Mapping[str, Any], key: str) -> str:
    """Returns a status word. Only a text counts: a missing one is not the same as an empty one."""
    value = recipient.get(key)
    if not isinstance(value, str):
        raise Unreadable
    return value.strip().lower()
