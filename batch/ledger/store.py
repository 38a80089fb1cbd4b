"""What every part of the ledger works with: the database, keys, tenant and clock, and the Core tables.

Relies on `schemas.tables` for the columns. Holds no statements.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Table, literal_column
from sqlmodel import SQLModel

import schemas.tables as _tables
from batch.ledger.engine import CHUNK, Database
from batch.ledger.moments import to_micros
from schemas.states import State

if TYPE_CHECKING:
    from batch.vault import Vault

METADATA = SQLModel.metadata
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
T = TypeVar("T")


def _table(row: type[SQLModel]) -> Table:
    return METADATA.tables[str(row.__tablename__)]


HOUSE = _table(_tables.HouseRow)
BATCH = _table(_tables.BatchRow)
CONSIGNMENT = _table(_tables.ConsignmentRow)
DOCUMENT = _table(_tables.DocumentRow)
KEPT_FILE = _table(_tables.KeptFileRow)
REJECTION = _table(_tables.RejectionRow)
EVENT = _table(_tables.EventRow)
RECEIPT = _table(_tables.ReceiptRow)
LATER_WORD = _table(_tables.LaterWordRow)
CHANNEL_LOG = _table(_tables.ChannelLogRow)
ENROLMENT = _table(_tables.EnrolmentRow)
ENROLMENT_LIST = _table(_tables.EnrolmentListRow)
ENROLMENT_LISTED = _table(_tables.EnrolmentListedRow)
SLOT = _table(_tables.SlotRow)
PAUSE = _table(_tables.PauseRow)
ACT = _table(_tables.ActRow)
RATION_USE = _table(_tables.RationUseRow)

LEASED: ColumnElement[bool] = CONSIGNMENT.c.lease_owner != literal_column("''")


@dataclass(frozen=True, slots=True)
class Store:
    """What a ledger was opened with."""

    database: Database
    vault: Vault
    tenant: str
    now: Callable[[], datetime]

    def micros(self) -> int:
        """The time now, as it is stored."""
        return to_micros(self.now())


def in_state(state: State) -> ColumnElement[bool]:
    """The condition that a consignment is in a state; a literal, because SQLite uses an index on a part of
    the table only when it sees the value while it plans."""
    return CONSIGNMENT.c.state == literal_column(f"'{state.value}'")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cuts any stream into lists of at most `size`."""
    stream = iter(items)
    while chunk := list(islice(stream, size)):
        yield chunk


def dump(params: Mapping[str, object]) -> str:
    """Returns safe parameters as they are stored."""
    return _ENCODER.encode(dict(params)) if params else "{}"


def load(params: str) -> Mapping[str, Any]:
    """Returns stored parameters."""
    loaded: dict[str, Any] = json.loads(params) if params != "{}" else {}
    return loaded


def ids_of(items: Sequence[Any]) -> list[str]:
    """The ids of rows or moves, in order."""
    return [item.id for item in items]
