"""Carries the portal's mails no faster than its channel may: notices, reminders and word of replies alike.

Relies on a carrier and on `pace`. Belongs to one event loop.
"""

from __future__ import annotations

from collections.abc import Mapping

from routing.channels.pace import Pace
from routing.portal.delivery import Carrier


class PacedCarrier:
    """A `routing.portal.delivery.Carrier` that waits for its turn; errors as the one inside."""

    def __init__(self, carrier: Carrier, per_second: float | None) -> None:
        self._carrier = carrier
        self._pace = Pace(per_second)

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        """Waits until one more mail may leave, and hands it over."""
        async with self._pace.turn():
            return await self._carrier.deliver(recipient, mail, message_id)

    async def close(self) -> None:
        """Closes the carrier."""
        await self._carrier.close()
