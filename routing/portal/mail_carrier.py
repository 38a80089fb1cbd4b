"""Carries the portal's mails by the house's own courier, over forced TLS and not otherwise.

Relies on `routing.mail`, opened in the event loop that first sends. Makes no mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from routing.mail.courier import Courier
from routing.mail.opening import open_courier
from schemas.mail_settings import MailSettings
from schemas.portal_settings import PortalChannel


class MailCarrier:
    """A `routing.portal.delivery.Carrier` over the mail servers of the recipients."""

    def __init__(
        self,
        channel: PortalChannel,
        mail: MailSettings,
        from_address: str,
        now: Callable[[], datetime],
        *,
        simulated: bool,
    ) -> None:
        self._channel, self._mail = channel, mail
        self._sender = mail.return_path or from_address
        self._now, self._simulated = now, simulated
        self._loop: asyncio.AbstractEventLoop | None = None
        self._courier: Courier | None = None

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        """Returns the evidence of the delivery; `message_id` stands in the mail already."""
        delivered = await self._open().deliver(
            self._sender, recipient, mail, self._channel.level, self._channel.deadline_seconds
        )
        return delivered.proof()

    async def close(self) -> None:
        """Ends the connections."""
        if self._courier is not None:
            await self._courier.close()
            self._courier = self._loop = None

    def _open(self) -> Courier:
        """Returns the courier of the loop that runs; one of a loop that has ended is of no use."""
        loop = asyncio.get_running_loop()
        if self._courier is None or self._loop is not loop:
            self._courier = open_courier(self._mail, simulated=self._simulated, now=self._now)
            self._loop = loop
        return self._courier
