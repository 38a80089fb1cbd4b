"""What a way of proving who one is must be able to do; the portal's core does all the rest.

Three kinds. A *typed* method compares what was agreed before (a shared secret). A *sent* method carries a
code that the core has made (mail, SMS). A *redirect* method sends the browser to a provider and judges what
it brings back (OpenID Connect). The core counts tries, locks, binds to the browser, lets nothing be used
twice and opens the session: a method keeps no state and writes nothing down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from routing.portal.sealing import Person

Language = str
"""`da` or `en`."""


@dataclass(frozen=True, slots=True)
class CodeErrand:
    """A code on its way to a person. `errand_id` is the same for the same code, for a gateway's
    duplicates."""

    code: str = field(repr=False)
    language: Language
    source: str
    errand_id: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser is sent, and what must be known when it comes back (nonce, PKCE verifier): sealed."""

    url: str = field(repr=False)
    kept: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Return:
    """What the browser brought back: the query, what was kept, and the address it came back to."""

    query: Mapping[str, str] = field(repr=False)
    kept: bytes = field(repr=False)
    url: str


class IdentityMethod(Protocol):
    """What all three have. The names of `schemas.portal_settings.IdentityName` are their names."""

    @property
    def name(self) -> str: ...

    def possible(self, person: Person, data_class: str) -> bool:
        """Says whether this person can use it: a number to match, an address to send to, a secret told."""


class TypedMethod(IdentityMethod, Protocol):
    """Compares what the person types with what was agreed before."""

    def plausible(self, typed: str) -> bool:
        """Says whether this can be an answer at all; what can't be is no try (a scanner's form post)."""

    def matches(self, person: Person, typed: str) -> bool:
        """Says whether it is the right one, in a time that tells nothing; runs in a thread."""


class SentMethod(IdentityMethod, Protocol):
    """Carries a code of six digits to the person."""

    def shown(self, person: Person) -> str:
        """Returns a masked form of where the code goes, such as `••••••12`; empty shows nothing."""

    async def carry(self, person: Person, errand: CodeErrand) -> None:
        """Hands the code over; raises a SendError when it did not leave."""

    async def close(self) -> None:
        """Ends what is open, at the end of the process; in the event loop that carried."""


class RedirectMethod(IdentityMethod, Protocol):
    """Sends the browser away and judges what comes back."""

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins (`https://host`) that a form of ours may lead to, for the page's policy (CSP)."""

    async def depart(self, person: Person, state: str, return_url: str, language: Language) -> Departure:
        """Returns where to go; `state` comes back in the query and was bound to the browser by the core."""

    async def judge(self, person: Person, back: Return) -> bool:
        """Says whether it is this person; raises a SendError when the provider gave no usable answer."""


AnyMethod = TypedMethod | SentMethod | RedirectMethod
