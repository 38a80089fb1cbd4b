"""Proof of identity by something the sender told the recipient before: hashed with Argon2id, compared slowly.

Relies on argon2-cffi. Letter case and outer blanks don't count, for people type on telephones. Keeps nothing.
Parameters: OWASP's second choice (19 MiB, 2 passes, 1 lane), so that fifty at once need one gigabyte.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from routing.portal.sealing import Person

MIN_CHARS = 6
MAX_CHARS = 128

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_DUMMY = _HASHER.hash("brevdue: nobody was told a secret")


def normal_secret(text: str) -> str:
    """Returns what counts of a secret: one way of writing each letter, no case, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fit_secret(text: str) -> bool:
    """Says whether a text can be a secret at all."""
    return MIN_CHARS <= len(normal_secret(text)) <= MAX_CHARS


def hash_secret(text: str) -> str:
    """Returns the Argon2id hash of a secret, with a salt of its own."""
    return _HASHER.hash(normal_secret(text))


class SharedSecret:
    """The method `shared_secret`."""

    name = "shared_secret"

    def possible(self, person: Person, data_class: str) -> bool:
        return bool(person.secret_hash)

    def plausible(self, typed: str) -> bool:
        return len(typed) <= MAX_CHARS * 4 and fit_secret(typed)

    def matches(self, person: Person, typed: str) -> bool:
        """Takes the same time for a person without a secret."""
        try:
            _HASHER.verify(person.secret_hash or _DUMMY, normal_secret(typed))
        except (Argon2Error, InvalidHashError):
            return False
        return bool(person.secret_hash)
