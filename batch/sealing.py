"""Seals a consignment's personal values, file names and echoes into bytes, and opens them again.

Relies on `batch.vault` for the cryptography: every value is bound to its tenant, its owner and its place, so
that a blob moved to another row doesn't open. Stores nothing and judges no value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas.consignments import NOTHING

if TYPE_CHECKING:
    from batch.vault import Vault

_SHAPE = 1
DROP_NAME = -1
"""The ordinal under which a drop's own name is sealed; its files count from 0."""


@dataclass(frozen=True, slots=True)
class SealedValues:
    """What a consignment's row keeps sealed: who it is for, and what the sender called it."""

    number: str = field(repr=False)
    title: str = field(repr=False)
    name: str = field(repr=False)
    email: str = field(repr=False)
    mobile: str = field(repr=False)
    reference: str = field(repr=False)
    extra: Mapping[str, str] = field(default=NOTHING, repr=False)


def seal_consignment(
    vault: Vault,
    tenant: str,
    consignment_id: str,
    *,
    number: str,
    title: str,
    name: str,
    email: str,
    mobile: str,
    reference: str,
    extra: Mapping[str, str],
) -> bytes:
    """Returns a row's personal values as one sealed blob, bound to the tenant and the consignment."""
    values = (_SHAPE, number, title, name, email, mobile, reference, dict(extra))
    return vault.seal(_pack(values), tenant, consignment_id, "row")


def unseal_consignment(vault: Vault, tenant: str, consignment_id: str, sealed: bytes) -> SealedValues:
    """Returns what `seal_consignment` was given; raises ConfigurationError `keys.unreadable`.

    A blob of another shape (a newer program wrote it) raises ValueError, which never shows the content.
    """
    plain = vault.unseal(sealed, tenant, consignment_id, "row").decode()
    shape, *values = json.loads(plain)
    if shape != _SHAPE or len(values) != 7:
        raise ValueError("sealed values of an unknown shape")
    return SealedValues(*values)


def seal_name(vault: Vault, tenant: str, owner_id: str, ordinal: int, name: str) -> bytes:
    """Returns a file's name sealed for its place: `owner_id` is the consignment or the batch."""
    return vault.seal(name.encode(), tenant, owner_id, str(ordinal), "name")


def unseal_name(vault: Vault, tenant: str, owner_id: str, ordinal: int, sealed: bytes) -> str:
    """Returns what `seal_name` was given; raises ConfigurationError `keys.unreadable`."""
    return vault.unseal(sealed, tenant, owner_id, str(ordinal), "name").decode()


def seal_echo(
    vault: Vault, tenant: str, batch_id: str, line: int, reference: str, extra: Mapping[str, str]
) -> bytes:
    """Returns the sender's own key and unknown columns of a rejected line, sealed."""
    return vault.seal(_pack((_SHAPE, reference, dict(extra))), tenant, batch_id, str(line), "echo")


def unseal_echo(
    vault: Vault, tenant: str, batch_id: str, line: int, sealed: bytes
) -> tuple[str, Mapping[str, str]]:
    """Returns (reference, unknown columns) of a rejected line.

    Raises ConfigurationError `keys.unreadable`, and ValueError for a blob of another shape.
    """
    shape, *values = json.loads(vault.unseal(sealed, tenant, batch_id, str(line), "echo"))
    if shape != _SHAPE or len(values) != 2:
        raise ValueError("sealed echo of an unknown shape")
    reference, extra = values
    return reference, extra


def _pack(values: tuple[object, ...]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
