"""Keeps each channel's daily enrolment list; recipients only as keyed hashes.

A new list is read in beside the one in force, under a serial of its own and in short transactions, so that
letters go on; then one transaction puts it in force whole. What a killed import left is swept away by the
next one. Relies on the vault for the hash. Judges no line and no age: the callers do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from batch.ledger.engine import insert_many, insert_or_replace, insert_unless_there, refresh_statistics
from batch.ledger.moments import from_micros, to_micros
from batch.ledger.store import ACT, ENROLMENT_LIST, ENROLMENT_LISTED, Store, chunks
from batch.listed import ListCounts, ListedLine, ListFault, ListHead
from schemas.channels import Listed
from schemas.enrolment import Enrolment
from schemas.errors import ServiceDown

_HEAD, _LISTED = ENROLMENT_LIST, ENROLMENT_LISTED
_SWEEP_ROWS = 5_000
_SECOND = 1_000_000

_Said = tuple[str, str]  # answer and places, as they are stored


class EnrolmentLists:
    """The lists of all channels over the ledger's database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._grown: tuple[str, int] = "", 0  # the list whose first lines the database has looked at

    def head(self, channel: str) -> ListHead | None:
        """Returns the list in force, None when there never was one."""
        with self._store.database.reading() as connection:
            row = connection.execute(select(_HEAD).where(_HEAD.c.channel == channel)).first()
        if row is None or not row.serial:
            return None
        return ListHead(row.n_recipients, from_micros(row.dated_at), from_micros(row.taken_at), row.sha256)

    def staged(self, channel: str) -> int:
        """Returns how many recipients a list holds that is being read in."""
        here = _LISTED.join(
            _HEAD, and_(_HEAD.c.channel == _LISTED.c.channel, _HEAD.c.staged_serial == _LISTED.c.serial)
        )
        query = select(func.count()).select_from(here).where(_HEAD.c.channel == channel)
        with self._store.database.reading() as connection:
            return connection.scalar(query) or 0

    def listed(self, channel: str, recipient: str, max_age_seconds: float) -> Listed | None:
        """Returns what the list says about a recipient's digits, or None when no list is young enough."""
        here = and_(
            _LISTED.c.channel == _HEAD.c.channel,
            _LISTED.c.serial == _HEAD.c.serial,
            _LISTED.c.recipient_key == self._hash(recipient),
        )
        query = (
            select(_HEAD.c.dated_at, _LISTED.c.answer, _LISTED.c.places)
            .select_from(_HEAD.outerjoin(_LISTED, here))
            .where(_HEAD.c.channel == channel, _HEAD.c.serial > 0)
        )
        with self._store.database.reading() as connection:
            row = connection.execute(query).first()
        if row is None or not 0 <= self._store.micros() - row.dated_at <= max_age_seconds * _SECOND:
            return None
        at = from_micros(row.dated_at)
        if row.answer is None:
            return Listed(at, Enrolment.NOT_FOR_MATERIAL)
        return Listed(at, row.answer, frozenset(row.places.split()))

    def begin(self, channel: str) -> int:
        """Returns the serial under which a new list is read in; one that was being read in is given up."""
        with self._store.database.writing() as connection:
            insert_unless_there(connection, _HEAD, _no_list(channel))
            head = connection.execute(select(_HEAD).where(_HEAD.c.channel == channel).with_for_update()).one()
            staged = 1 + max(head.serial, head.staged_serial)
            connection.execute(update(_HEAD).where(_HEAD.c.channel == channel).values(staged_serial=staged))
        self._sweep(channel)
        return int(staged)

    def add(self, channel: str, serial: int, lines: Sequence[ListedLine]) -> list[ListFault]:
        """Adds lines to a list that is being read in; several lines about one recipient become one.

        Returns the lines that contradict an earlier one: about that recipient the list says nothing. Raises
        ServiceDown `enrolment_list.overtaken` when another import has begun.
        """
        keyed = [(self._hash(line.number), line) for line in lines]
        with self._store.database.writing() as connection:
            self._demand_staged(connection, channel, serial)
            before = _read_said(connection, channel, serial, sorted({key for key, _ in keyed}))
            said, faults = _joined(keyed, before)
            _write_said(connection, channel, serial, before, said)
            if self._grown != (channel, serial):
                self._grown = channel, serial
                refresh_statistics(connection, _LISTED)
        return faults

    def compare(self, channel: str, serial: int) -> ListCounts:
        """Returns how a list that was read in compares with the one in force."""
        new, old = _LISTED.alias("new"), _LISTED.alias("old")
        with self._store.database.reading() as connection:
            head = connection.execute(select(_HEAD).where(_HEAD.c.channel == channel)).one()
            n_new = _count(connection, new, channel, serial)
            n_old = _count(connection, old, channel, head.serial)
            both = and_(old.c.channel == channel, old.c.serial == head.serial)
            same = (
                select(func.count(), func.count().filter(_differ(new, old)))
                .select_from(new.join(old, new.c.recipient_key == old.c.recipient_key))
                .where(new.c.channel == channel, new.c.serial == serial, both)
            )
            n_both, n_changed = connection.execute(same).one()
        return ListCounts(n_new, n_new - n_both, n_old - n_both, n_changed)

    def put_in_force(
        self, channel: str, serial: int, *, counts: ListCounts, dated_at: datetime, sha256: str, actor: str
    ) -> None:
        """Puts a list that was read in where the former one was, in one transaction.

        Raises ServiceDown `enrolment_list.overtaken` when another import has begun: then nothing changed.
        """
        at = self._store.micros()
        values = {
            "serial": serial,
            "staged_serial": 0,
            "n_recipients": counts.n_recipients,
            "sha256": sha256,
            "dated_at": to_micros(dated_at),
            "taken_at": at,
        }
        with self._store.database.writing() as connection:
            self._demand_staged(connection, channel, serial)
            connection.execute(update(_HEAD).where(_HEAD.c.channel == channel).values(values))
            act = (at, actor, "enrolment import", channel, sha256, counts.n_recipients)
            insert_many(connection, ACT, [act])
            refresh_statistics(connection, _LISTED)
        with suppress(ServiceDown):  # the list is in force: the next import sweeps
            self._sweep(channel)

    def give_up(self, channel: str, serial: int) -> None:
        """Drops a list that was read in and may not replace the one in force."""
        with self._store.database.writing() as connection:
            staged = and_(_HEAD.c.channel == channel, _HEAD.c.staged_serial == serial)
            connection.execute(update(_HEAD).where(staged).values(staged_serial=0))
        self._sweep(channel)

    def _hash(self, recipient: str) -> str:
        return self._store.vault.recipient_key(self._store.tenant, recipient)

    def _demand_staged(self, connection: Connection, channel: str, serial: int) -> None:
        query = select(_HEAD.c.staged_serial).where(_HEAD.c.channel == channel).with_for_update()
        if connection.scalar(query) != serial:
            raise ServiceDown("enrolment_list.overtaken")

    def _sweep(self, channel: str) -> None:
        """Deletes the lines of lists that are neither in force nor being read in, in short transactions."""
        with self._store.database.reading() as connection:
            head = connection.execute(select(_HEAD).where(_HEAD.c.channel == channel)).one()
            mine = select(_LISTED.c.serial).where(_LISTED.c.channel == channel).distinct()
            serials = set(connection.scalars(mine)) - {head.serial, head.staged_serial}
        for serial in sorted(serials):
            while self._sweep_part(channel, serial):
                pass

    def _sweep_part(self, channel: str, serial: int) -> int:
        dead = and_(_LISTED.c.channel == channel, _LISTED.c.serial == serial)
        keys = select(_LISTED.c.recipient_key).where(dead).limit(_SWEEP_ROWS)
        with self._store.database.writing() as connection:
            return connection.execute(delete(_LISTED).where(dead, _LISTED.c.recipient_key.in_(keys))).rowcount


def doubt(connection: Connection, channel: str, recipient_keys: Iterable[str]) -> None:
    """Makes the list in force say nothing about recipients: a reject has shown it to be wrong or old."""
    serial = select(_HEAD.c.serial).where(_HEAD.c.channel == channel).scalar_subquery()
    for part in chunks(recipient_keys):
        here = and_(
            _LISTED.c.channel == channel, _LISTED.c.serial == serial, _LISTED.c.recipient_key.in_(part)
        )
        connection.execute(update(_LISTED).where(here).values(answer=Enrolment.UNKNOWN.value))


def _joined(
    keyed: Iterable[tuple[str, ListedLine]], before: dict[str, _Said]
) -> tuple[dict[str, _Said], list[ListFault]]:
    """Joins lines with what stands already: places add up, two answers about one recipient say nothing."""
    said, faults = dict(before), []
    for key, line in keyed:
        answer, places = said.get(key, (line.answer.value, ""))
        if answer == line.answer:
            joined = sorted({*places.split(), *line.places})
            said[key] = (answer, " ".join(joined))
        else:
            said[key] = (Enrolment.UNKNOWN.value, "")
            faults.append(ListFault(line.line, "enrolment_list.contradiction", "status"))
    return said, faults


def _read_said(connection: Connection, channel: str, serial: int, keys: Sequence[str]) -> dict[str, _Said]:
    found: dict[str, _Said] = {}
    for part in chunks(keys):
        query = select(_LISTED.c.recipient_key, _LISTED.c.answer, _LISTED.c.places).where(
            _LISTED.c.channel == channel, _LISTED.c.serial == serial, _LISTED.c.recipient_key.in_(part)
        )
        found.update((row.recipient_key, (row.answer, row.places)) for row in connection.execute(query))
    return found


def _write_said(
    connection: Connection, channel: str, serial: int, before: dict[str, _Said], said: dict[str, _Said]
) -> None:
    for part in chunks(sorted(said.keys() - before.keys())):
        insert_many(connection, _LISTED, [(channel, serial, key, *said[key]) for key in part])
    changed = [key for key, former in before.items() if said[key] != former]
    for part in chunks(changed):
        insert_or_replace(connection, _LISTED, [_row(channel, serial, key, said[key]) for key in part])


def _row(channel: str, serial: int, key: str, said: _Said) -> dict[str, object]:
    return {
        "channel": channel,
        "serial": serial,
        "recipient_key": key,
        "answer": said[0],
        "places": said[1],
    }


def _no_list(channel: str) -> dict[str, object]:
    return {"channel": channel, "serial": 0, "staged_serial": 0, "n_recipients": 0, "sha256": ""}


def _count(connection: Connection, table: Any, channel: str, serial: int) -> int:
    query = select(func.count()).select_from(table)
    return connection.scalar(query.where(table.c.channel == channel, table.c.serial == serial)) or 0


def _differ(new: Any, old: Any) -> Any:
    return (new.c.answer != old.c.answer) | (new.c.places != old.c.places)
