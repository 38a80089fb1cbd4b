"""What stands on the tunnel list, and which entry speaks for a domain.

Pure values. A domain is matched exactly; its parent speaks for it only where the parent's entry says so
(facts/secure-mail 3.4). An entry of its own always decides: when that has run out, no parent opens it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from cryptography import x509

from schemas.errors import BadInput


@dataclass(frozen=True, slots=True)
class TunnelEntry:
    """One domain in A-labels. `pins` are the SHA-256 of the certificates that may be used for it, and
    `certificates` those of them that came along. Both days are included, and count in UTC."""

    domain: str
    pins: tuple[str, ...]
    certificates: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    subdomains: bool = False
    valid_from: date | None = None
    valid_to: date | None = None
    source: str = ""

    def obstacle(self, today: date) -> str:
        """Returns why the entry does not hold today: `tunnel.entry_not_yet`, `tunnel.entry_expired`, or
        nothing."""
        if self.valid_from is not None and today < self.valid_from:
            return "tunnel.entry_not_yet"
        if self.valid_to is not None and today > self.valid_to:
            return "tunnel.entry_expired"
        return ""


@dataclass(frozen=True)
class TunnelList:
    """A version of the list. Raises BadInput `tunnel.domain_twice` with the domain."""

    version: int
    entries: tuple[TunnelEntry, ...]

    def __post_init__(self) -> None:
        if len(self._by_domain) < len(self.entries):
            domains = [one.domain for one in self.entries]
            twice = next(one for one in domains if domains.count(one) > 1)
            raise BadInput("tunnel.domain_twice", domain=twice)

    def entry_for(self, domain: str) -> TunnelEntry | None:
        """Returns the entry that speaks for a domain in A-labels, in force or not; None without one."""
        own = self._by_domain.get(domain)
        if own is not None:
            return own
        parents = (self._by_domain.get(parent) for parent in _parents(domain))
        return next((one for one in parents if one is not None and one.subdomains), None)

    @cached_property
    def _by_domain(self) -> dict[str, TunnelEntry]:
        return {one.domain: one for one in self.entries}


EMPTY = TunnelList(0, ())


def _parents(domain: str) -> Iterator[str]:
    """Yields the domains above one, the nearest first, down to two labels."""
    labels = domain.split(".")
    for start in range(1, len(labels) - 1):
        yield ".".join(labels[start:])
