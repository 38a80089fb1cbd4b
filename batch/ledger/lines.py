"""Streams where every input line of a batch stands, in line order and with constant memory.

Relies on short reads of a few hundred lines each: no transaction stays open while an answer is written.
Changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from batch.ledger.engine import CHUNK
from batch.ledger.moments import from_micros
from batch.ledger.store import BATCH, CONSIGNMENT, RECEIPT, REJECTION, Store, load
from batch.records import LineResult, WarningLine
from batch.sealing import unseal_consignment, unseal_echo
from schemas.consignments import NOTHING
from schemas.errors import ConfigurationError
from schemas.states import State

REJECTED = "rejected"
_ECHO: tuple[str, Mapping[str, str]] = ("", NOTHING)

_LINE_COLUMNS = [
    CONSIGNMENT.c[name]
    for name in (
        "id",
        "line",
        "sealed",
        "state",
        "channel",
        "code",
        "params",
        "column",
        "changed_at",
        "material",
    )
]


def read_lines(store: Store, batch_id: str) -> Iterator[LineResult]:
    """Yields one result for every input line of a batch, by line."""
    placed = _with_remarks(_consignments(store, batch_id), read_warnings(store, batch_id))
    return merge(placed, _rejected(store, batch_id), key=lambda result: result.line)


def read_warnings(store: Store, batch_id: str, line: int | None = None) -> Iterator[WarningLine]:
    """Yields the warnings of a batch, or of one line, by line."""
    return map(_finding, _remarks(store, batch_id, warning=True, line=line))


def _finding(row: Any) -> WarningLine:
    return WarningLine(row.line, row.code, load(row.params), row.column)


def _with_remarks(results: Iterable[LineResult], remarks: Iterable[WarningLine]) -> Iterator[LineResult]:
    """Gives each line that waits for a person the remarks about it; both come by line."""
    both: Iterator[LineResult | WarningLine] = merge(remarks, results, key=lambda one: one.line)
    for _, found in groupby(both, key=lambda one: one.line):
        said: list[WarningLine] = []
        for one in found:
            if isinstance(one, WarningLine):
                said.append(one)
            else:
                yield replace(one, further=tuple(said)) if one.status == State.HELD else one


def _consignments(store: Store, batch_id: str) -> Iterator[LineResult]:
    """The receipt shown is that of the current step."""
    joined = CONSIGNMENT.outerjoin(
        RECEIPT,
        and_(RECEIPT.c.consignment_id == CONSIGNMENT.c.id, RECEIPT.c.step == CONSIGNMENT.c.step),
    )
    query = select(*_LINE_COLUMNS, RECEIPT.c.external_id, RECEIPT.c.simulated).select_from(joined)
    query = query.where(CONSIGNMENT.c.batch_id == batch_id).order_by(CONSIGNMENT.c.line)
    for row in _paged(store, query, lambda last: CONSIGNMENT.c.line > last.line):
        yield _line(store, row)


def _rejected(store: Store, batch_id: str) -> Iterator[LineResult]:
    """Yields one result for each rejected line, with all its faults in the order they were found."""
    with store.database.reading() as connection:
        taken_at = connection.scalar(select(BATCH.c.taken_at).where(BATCH.c.id == batch_id)) or 0
    for _, rows in groupby(_remarks(store, batch_id, warning=False), key=lambda row: row.line):
        row, *more = rows
        reference, extra = _open_echo(store, batch_id, row)
        yield LineResult(
            line=row.line,
            reference=reference,
            status=REJECTED,
            channel="",
            receipt_id="",
            at=from_micros(taken_at),
            code=row.code,
            params=load(row.params),
            column=row.column,
            consignment_id="",
            material="",
            simulated=False,
            extra=extra,
            further=tuple(map(_finding, more)),
        )


def _remarks(store: Store, batch_id: str, *, warning: bool, line: int | None = None) -> Iterator[Any]:
    query = select(REJECTION).where(REJECTION.c.batch_id == batch_id, REJECTION.c.warning.is_(warning))
    if line is not None:
        query = query.where(REJECTION.c.line == line)
    query = query.order_by(REJECTION.c.line, REJECTION.c.id)
    return _paged(store, query, _behind_remark)


def _behind_remark(last: Any) -> ColumnElement[bool]:
    same_line = and_(REJECTION.c.line == last.line, REJECTION.c.id > last.id)
    return or_(REJECTION.c.line > last.line, same_line)


def _paged(store: Store, query: Select[Any], behind: Callable[[Any], ColumnElement[bool]]) -> Iterator[Any]:
    """Yields a query's rows page by page; `behind` says what comes after a page's last row."""
    page: Sequence[Any] = ()
    while True:
        limited = query.where(behind(page[-1])) if page else query
        with store.database.reading() as connection:
            page = connection.execute(limited.limit(CHUNK)).all()
        yield from page
        if len(page) < CHUNK:
            return


def _line(store: Store, row: Any) -> LineResult:
    reference, extra = _open_values(store, row)
    return LineResult(
        line=row.line,
        reference=reference,
        status=row.state,
        channel=row.channel,
        receipt_id=row.external_id or "",
        at=from_micros(row.changed_at),
        code=row.code,
        params=load(row.params),
        column=row.column,
        consignment_id=row.id,
        material=row.material,
        simulated=bool(row.simulated),
        extra=extra,
    )


def _open_values(store: Store, row: Any) -> tuple[str, Mapping[str, str]]:
    """Empty once erased; one damaged row must not keep the others from their answer."""
    if row.sealed is None:
        return _ECHO
    try:
        values = unseal_consignment(store.vault, store.tenant, row.id, row.sealed)
    except (ConfigurationError, ValueError):
        return _ECHO
    return values.reference, values.extra


def _open_echo(store: Store, batch_id: str, row: Any) -> tuple[str, Mapping[str, str]]:
    if not row.sealed:
        return _ECHO
    try:
        return unseal_echo(store.vault, store.tenant, batch_id, row.line, row.sealed)
    except (ConfigurationError, ValueError):
        return _ECHO
