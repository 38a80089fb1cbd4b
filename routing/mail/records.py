"""What the domain name system says: an answer with its records, and how far it can be believed.

Values only. Relies on nothing; see `resolver` for who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Kind = Literal["A", "AAAA", "MX", "TXT", "TLSA", "SMIMEA", "CNAME"]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class MxRecord:
    """A mail exchanger; the lower `preference` is tried first. An empty `host` is the root (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """What a certificate must be (RFC 6698): usage, selector, matching type and the value compared with.

    SMIMEA records have the same form (RFC 8162 2).
    """

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """The answer to one question.

    `fault` is empty, or the code of why there is no answer: then nothing is known, which is never the same
    as "no such record". `secure` says that a resolver we trust has checked the signatures: of the records, or
    of the proof that there are none. `canonical` is the name after CNAMEs. `exists` is False when the name
    has no records of any kind.
    """

    name: str
    records: tuple[R, ...] = ()
    secure: bool = False
    exists: bool = True
    canonical: str = ""
    fault: str = ""
