"""Turns reports in the mailbox into the later word of a channel.

Relies on `report_box`. Every mail channel asks with the message ids it waits on. Records nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from routing.mail.memory import Clock
from routing.mail.report_box import ReportBox
from schemas.channels import Cursor
from schemas.consignments import ReceiptEvent


async def later_word(
    box: ReportBox | None, channel: str, cursor: Cursor, now: Clock
) -> AsyncIterator[ReceiptEvent]:
    """Yields what came back about the ids the ledger waits on; without a mailbox there is never any word.

    Raises ConfigurationError `report.box_unreadable`.
    """
    if box is None or not cursor.awaiting:
        return
    for report in await asyncio.to_thread(box.reports, cursor.awaiting, now()):
        if report.kind is not None:
            yield ReceiptEvent(
                channel, report.message_id, report.kind, now(), code=report.code, proof=report.proof()
            )
