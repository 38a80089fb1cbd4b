"""Builds consignments, as channels take them, from the ledger's rows and their sealed values.

Relies on `batch.sealing` and the vault. Writes nothing, and hands no row out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from batch.ledger.engine import among
from batch.ledger.moves import MOVE_COLUMNS, Move
from batch.ledger.store import CONSIGNMENT, DOCUMENT, Store
from batch.sealing import SealedValues, unseal_consignment, unseal_name
from schemas.consignments import Consignment, ContentRef, Document, Recipient, RecipientKind
from schemas.errors import BadInput, ConfigurationError
from schemas.identity import Cpr, Cvr

_BESIDE = ("source", "line", "material", "recipient_kind", "sealed", "seed")
LOAD_COLUMNS = [*MOVE_COLUMNS, *(CONSIGNMENT.c[name] for name in _BESIDE)]
"""What a query must select for `split_row`."""

DOCUMENT_COLUMNS = [
    DOCUMENT.c[name]
    for name in (
        "consignment_id",
        "ordinal",
        "sealed_name",
        "media_type",
        "extension",
        "n_bytes",
        "sha256",
        "pack",
        "pack_offset",
        "pack_length",
        "key_id",
        "wrapped_key",
    )
]

_DOCUMENTS = select(*DOCUMENT_COLUMNS).order_by(DOCUMENT.c.consignment_id, DOCUMENT.c.ordinal)

Documents = Mapping[str, list[Any]]


def split_row(row: Any) -> tuple[Move, Any]:
    """Returns a row of `LOAD_COLUMNS` as a move and the rest of it, for `build_consignment`."""
    return Move(*row[: len(MOVE_COLUMNS)]), row[len(MOVE_COLUMNS) :]


def read_documents(connection: Connection, ids: Sequence[str]) -> Documents:
    """Returns the documents' rows of many consignments, each list in order, by one query for a slice."""
    found: dict[str, list[Any]] = defaultdict(list)
    query = _DOCUMENTS.where(among(connection, DOCUMENT.c.consignment_id, ids))
    for row in connection.execute(query):
        found[row[0]].append(row)
    return found


def try_to_build(store: Store, move: Move, beside: Any, documents: Documents) -> Consignment | None:
    """Returns the consignment as its next attempt sees it, or None when what is sealed can't be opened."""
    try:
        return build_consignment(store, move, beside, documents, attempts=move.attempts + 1)
    except (ConfigurationError, BadInput, ValueError, TypeError):
        return None


def build_consignment(
    store: Store, move: Move, beside: Any, documents: Documents, *, attempts: int
) -> Consignment:
    """Returns the consignment of a row.

    Raises ConfigurationError, BadInput, ValueError or TypeError when a sealed value is gone or damaged; none
    of them shows a value.
    """
    source, line, material, kind, sealed, seed = beside  # by position: names cost a microsecond a row
    values = unseal_consignment(store.vault, store.tenant, move.id, sealed)
    return Consignment(
        id=move.id,
        batch_id=move.batch_id,
        source=source,
        line=line,
        material=material,
        recipient=_recipient(kind, values),
        title=values.title,
        documents=tuple(_document(store, document) for document in documents.get(move.id, ())),
        seed=seed,
        route=tuple(move.route.split()),
        step=move.step,
        attempts=attempts,
        earlier_unknown=move.unknown_attempts > 0,
        reference=values.reference,
        extra=values.extra,
    )


def _recipient(kind: str, values: SealedValues) -> Recipient:
    number = Cpr(values.number) if kind == RecipientKind.CPR else Cvr(values.number)
    return Recipient(number, values.name, values.email, values.mobile)


def _document(store: Store, row: Any) -> Document:
    owner, ordinal, sealed_name, media_type, extension, n_bytes, sha256, *place = row
    pack, offset, length, key_id, wrapped_key = place
    if sealed_name is None or wrapped_key is None:
        raise ValueError("erased")
    name = unseal_name(store.vault, store.tenant, owner, ordinal, sealed_name)
    content = ContentRef(pack, offset, length, key_id, wrapped_key)
    return Document(ordinal, name, media_type, extension, n_bytes, sha256, content)
