"""The verb collect: fetches later word about what the channels accepted.

Relies on the house's channels and ledger. Asks in slices, so that memory stays flat; replays are harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

from jobs.house import House
from jobs.lane import ACTOR
from schemas.channels import Channel, Cursor, Tended
from schemas.consignments import ReceiptEvent, ReceiptKind
from schemas.errors import ConfigurationError, Transient
from schemas.mail_settings import MailChannelSettings

SLICE = 500


@dataclass(frozen=True, slots=True)
class CollectResult:
    """What one pass brought: how many were asked for, how many moved, and which channels did not answer."""

    n_asked: int
    n_moved: int
    unreached: tuple[tuple[str, str], ...] = ()


def collect(house: House, *, stop: Callable[[], bool] = lambda: False) -> CollectResult:
    """Makes one pass over every channel of the settings; a channel that fails doesn't stop the others."""
    return asyncio.run(_collect(house, stop))


async def _collect(house: House, stop: Callable[[], bool]) -> CollectResult:
    n_asked = n_moved = 0
    unreached: list[tuple[str, str]] = []
    _ = house.ledger  # without it no channel is asked: that is not the channels' fault
    try:
        for name in house.settings.channels:
            try:
                asked, moved = await _collect_channel(house, house.channel(name), stop)
            except (Transient, ConfigurationError) as error:
                unreached.append((name, error.code))
                continue
            n_asked, n_moved = n_asked + asked, n_moved + moved
    finally:
        await house.close_channels()
    return CollectResult(n_asked, n_moved, tuple(unreached))


async def _collect_channel(house: House, channel: Channel, stop: Callable[[], bool]) -> tuple[int, int]:
    n_asked = n_moved = 0
    after = ""
    if isinstance(channel, Tended):
        await channel.tend()
    while not stop():
        awaiting = house.ledger.awaiting(channel.name, SLICE, after)
        if not awaiting:
            break
        events = [event async for event in channel.receipts(Cursor(awaiting=tuple(awaiting)))]
        n_moved += house.ledger.record_receipts(events, actor=ACTOR)
        n_asked += len(awaiting)
        after = awaiting[-1]
    n_moved += await _read_log(house, channel, stop)
    return n_asked, n_moved + _settle_silent(house, channel.name, stop)


async def _read_log(house: House, channel: Channel, stop: Callable[[], bool]) -> int:
    """Reads on in the log of a channel that keeps one; returns how many consignments that moved.

    A channel without a log tells nothing when it is asked for no message. The messages that are waited for
    were asked about first: a word that stood in the log before its receipt was recorded moves nothing here.
    """
    n_moved = 0
    position = house.ledger.log_position(channel.name)
    while not stop() and (words := await _some(channel.receipts(Cursor(position)))):
        moved = house.ledger.record_log(channel.name, words, after=position, actor=ACTOR)
        if moved is None:
            break
        n_moved, position = n_moved + moved, words[-1].position
    return n_moved


async def _some(words: AsyncIterator[ReceiptEvent]) -> list[ReceiptEvent]:
    """Returns the first words of a stream, one slice at most."""
    some: list[ReceiptEvent] = []
    async for word in words:
        some.append(word)
        if len(some) == SLICE:
            break
    return some


def _settle_silent(house: House, name: str, stop: Callable[[], bool]) -> int:
    """Counts as delivered the mails that nobody has returned in time; returns how many.

    Comes after the reports have been read, and not at all when they can't be.
    """
    mail = house.settings.mail
    if (
        mail is None
        or mail.reports is None
        or not isinstance(house.settings.channels[name], MailChannelSettings)
    ):
        return 0
    n_moved = 0
    before = house.now() - timedelta(hours=mail.report_hours)
    while not stop():
        at, silent = house.now(), house.ledger.awaiting(name, SLICE, before=before)
        events = [ReceiptEvent(name, one, ReceiptKind.CONFIRMED, at, code="mail.no_report") for one in silent]
        n_now = house.ledger.record_receipts(events, actor=ACTOR)
        n_moved += n_now
        if not n_now:
            break
    return n_moved
