"""Takes mail addresses apart, strictly, and turns internationalised domains into what the wire carries.

Relies on idna. Asks no server. Addresses never show in errors.
"""

from __future__ import annotations

import re
from functools import lru_cache

import idna

from schemas.errors import Unreachable

MAX_LOCAL_BYTES = 64
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


@lru_cache(maxsize=10_000)
def ascii_domain(domain: str) -> str:
    """Returns a domain as the name system knows it: lower case, A-labels, no final dot.

    Raises Unreachable `mx.bad_domain`.
    """
    plain = domain.removesuffix(".").lower()
    try:
        named = plain if plain.isascii() else idna.encode(plain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise Unreachable("mx.bad_domain") from None
    labels = named.split(".")
    fits = len(named) <= 253 and len(labels) >= 2 and all(_LABEL.fullmatch(label) for label in labels)
    if not fits or labels[-1].isdigit():
        raise Unreachable("mx.bad_domain")
    return named


def wire_address(address: str) -> str:
    """Returns an address as it stands in an SMTP command, its domain in A-labels.

    Only the plain form: no quotes, comments, routes or address literals; so no line break and no bracket can
    get through. Raises Unreachable `smtp.bad_address` or `mx.bad_domain`.
    """
    local, at, domain = address.rpartition("@")
    if not at or len(local) > MAX_LOCAL_BYTES or not _LOCAL.fullmatch(local):
        raise Unreachable("smtp.bad_address")
    return f"{local}@{ascii_domain(domain)}"


def domain_of(address: str) -> str:
    """Returns the domain of an address in A-labels; raises what `wire_address` raises."""
    return wire_address(address).rpartition("@")[2]
