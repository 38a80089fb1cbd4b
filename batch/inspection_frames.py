"""The words that pass between the house and the child process that opens documents.

Relies on the standard library alone, because the child must start fast and stay small. Does not open sockets.
A frame is a length of four bytes and as many bytes; a request is a frame of JSON and one with the document, a
reply one frame of JSON. What comes from the child is parsed like input from outside: a document may have
taken it over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

LENGTH_BYTES = 4
MAX_REPLY_BYTES = 4096
READY = b"ready"
"""The first frame of a child: its libraries are loaded, its limits are set."""

EXIT_OUT_OF_MEMORY = 81
"""The child could not open the document within its memory."""
EXIT_TIRED = 82
"""The child has answered, holds much memory and wants to be replaced."""

_CODE = re.compile(r"document\.[a-z0-9_]{1,40}")
_WORD = re.compile(r"[A-Za-z0-9_ ]{1,40}")


@dataclass(frozen=True, slots=True)
class InspectionRequest:
    """One document to look at.

    `extension` is in the form of `batch.media_types`; `recipient` the digits of the row's CPR or CVR number;
    `guard` says whether the text is read for other people's numbers; `token` comes back as it is.
    """

    data: bytes = field(repr=False)
    extension: str
    recipient: str = field(repr=False)
    guard: bool
    today: date
    token: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: an empty `code` means good.

    `hold` True: the row waits for a person; False with a code: it is rejected. `capped` True: the document is
    so long that the guard did not read it to its end.
    """

    code: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    n_pages: int = 0
    hold: bool = False
    capped: bool = False


def frame(content: bytes) -> bytes:
    """Returns a content with its length before it."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def encode_head(request: InspectionRequest) -> bytes:
    """Returns what goes before a document's bytes: the first frame and the second one's length.

    The token stays at home.
    """
    head = json.dumps([request.extension, request.recipient, request.guard, request.today.isoformat()])
    return frame(head.encode()) + len(request.data).to_bytes(LENGTH_BYTES, "big")


def decode_request(head: bytes, data: bytes) -> InspectionRequest:
    """Returns the request in the contents of two frames."""
    extension, recipient, guard, today = json.loads(head)
    return InspectionRequest(data, extension, recipient, guard, date.fromisoformat(today))


def encode_reply(found: Inspection) -> bytes:
    """Returns the frame of an answer."""
    said = [found.code, dict(found.params), found.n_pages, found.hold, found.capped]
    return frame(json.dumps(said).encode())


def decode_reply(content: bytes) -> Inspection:
    """Returns the answer in a frame's content; ValueError unless it is one of ours.

    Only codes of the family `document` and parameters that are numbers or short plain words come through, so
    that nothing a document says can reach a log or a report.
    """
    code, params, n_pages, hold, capped = json.loads(content)
    known = isinstance(code, str) and (not code or _CODE.fullmatch(code))
    flags = type(hold) is bool and type(capped) is bool
    if not known or not flags or type(n_pages) is not int or not isinstance(params, dict):
        raise ValueError("not an answer")
    for key, value in params.items():
        if not _WORD.fullmatch(key) or not (type(value) is int or _is_word(value)):
            raise ValueError("not an answer")
    return Inspection(code, params, n_pages, hold, capped)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(_WORD.fullmatch(value))
