"""Counts what went by a channel that may carry limited amounts only, in the transaction that claims it.

Relies on the vault's keyed hashes: neither a number nor an address is stored. A consignment counts once,
however often it is tried, from its claim on; it counts no longer once the channel clearly did not take it.
Says nothing about what is too much: see `Ration.allows`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, or_, select

from batch.ledger.engine import insert_or_replace
from batch.ledger.store import RATION_USE, Store, chunks
from batch.records import Ration
from schemas.consignments import Consignment

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class _Use:
    """One consignment as it counts: whose data to which address, both by keyed hash."""

    consignment_id: str
    person: str
    address: str


class _Tally:
    """Who got what: addresses by person and persons by address."""

    def __init__(self) -> None:
        self.addresses: defaultdict[str, set[str]] = defaultdict(set)
        self.persons: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, person: str, address: str) -> None:
        self.addresses[person].add(address)
        self.persons[address].add(person)

    def with_it(self, use: _Use) -> tuple[int, int]:
        """Returns the recipients of the person and the persons of the recipient, `use` included."""
        return (
            len(self.addresses[use.person] | {use.address}),
            len(self.persons[use.address] | {use.person}),
        )


def allot(
    store: Store,
    connection: Connection,
    channel: str,
    consignments: Iterable[Consignment],
    ration: Ration,
    at: int,
) -> frozenset[str]:
    """Counts what may go and returns the ids of what may not; what has no address is not counted."""
    counted = (one for one in consignments if one.material in ration.materials and one.recipient.email)
    uses = [_use(store, one, ration) for one in counted]
    if not uses:
        return frozenset()
    store.database.lock_rations(connection)  # two workers that count at once would both find room
    tally = _read(connection, {channel, *ration.beside}, uses, at - int(ration.hours * _HOUR))
    over: set[str] = set()
    rows: list[dict[str, object]] = []
    for use in uses:
        if ration.allows(*tally.with_it(use)):
            tally.add(use.person, use.address)
            rows.append(_row(channel, use, at))
        else:
            over.add(use.consignment_id)
    if rows:
        insert_or_replace(connection, RATION_USE, rows)
    return frozenset(over)


def amount(store: Store, channel: str, consignment: Consignment, ration: Ration) -> tuple[int, int]:
    """Returns the counts that `Ration.allows` would be asked about if this consignment were due now."""
    use = _use(store, consignment, ration)
    with store.database.reading() as connection:
        since = store.micros() - int(ration.hours * _HOUR)
        return _read(connection, {channel, *ration.beside}, [use], since).with_it(use)


def forget(connection: Connection, channel_ids: Sequence[tuple[str, str]]) -> None:
    """Takes out of the count what a channel clearly did not take; pairs of channel and consignment id."""
    by_channel: defaultdict[str, list[str]] = defaultdict(list)
    for channel, consignment_id in channel_ids:
        by_channel[channel].append(consignment_id)
    for channel, ids in by_channel.items():
        for part in chunks(ids):
            gone = RATION_USE.c.channel == channel, RATION_USE.c.consignment_id.in_(part)
            connection.execute(delete(RATION_USE).where(*gone))


def _use(store: Store, consignment: Consignment, ration: Ration) -> _Use:
    recipient, vault = consignment.recipient, store.vault
    return _Use(
        consignment.id,
        vault.recipient_key(store.tenant, recipient.number.digits),
        vault.address_key(store.tenant, ration.mailbox(recipient.email)),
    )


def _read(connection: Connection, channels: Collection[str], uses: Sequence[_Use], since: int) -> _Tally:
    tally = _Tally()
    columns = RATION_USE.c.person_key, RATION_USE.c.address_key
    for part in chunks(uses):
        met = or_(
            RATION_USE.c.person_key.in_({use.person for use in part}),
            RATION_USE.c.address_key.in_({use.address for use in part}),
        )
        query = select(*columns).where(RATION_USE.c.channel.in_(channels), RATION_USE.c.at > since, met)
        for person, address in connection.execute(query):
            tally.add(person, address)
    return tally


def _row(channel: str, use: _Use, at: int) -> dict[str, object]:
    return {
        "channel": channel,
        "consignment_id": use.consignment_id,
        "person_key": use.person,
        "address_key": use.address,
        "at": at,
    }
