"""What every mail channel shares: its limits, the address, the way of a letter, the receipt, and doubt.

Relies on a composer for what the mail says, on a courier for its delivery, and on a reader of later word, all
passed in. How a mail is protected is for the subclass. Never tries another channel and never makes a new id.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from routing.channels.pace import Pace
from routing.letters.composing import Composer
from routing.mime.addresses import MailAddress, parse_address
from schemas.channels import Cursor, Limits, Protection, Reach
from schemas.consignments import Consignment, Receipt, ReceiptEvent
from schemas.errors import BadInput, CannotTell, Refused, Unreachable
from schemas.mail_settings import MailChannelSettings, MailSettings, TlsLevel

S = TypeVar("S", bound=MailChannelSettings)


class Handed(Protocol):
    """What a courier says of a mail that a server took."""

    def proof(self) -> Mapping[str, str]: ...


class Courier(Protocol):
    """Delivers a finished mail to one recipient; what raises is one of the four SendErrors."""

    async def deliver(
        self,
        envelope_from: str,
        recipient: str,
        mail: bytes,
        level: TlsLevel | None,
        deadline_seconds: float,
    ) -> Handed: ...

    def check(self) -> None: ...

    async def close(self) -> None: ...


LaterWord = Callable[[str, Cursor], AsyncIterator[ReceiptEvent]]
"""Reads what came back to a channel, by its name, since a cursor."""


@dataclass(frozen=True, slots=True)
class MailParts:
    """What a mail channel is made of. `later_word` is None where no reports are read: then a mail that a
    server took is the last we hear of it."""

    mail: MailSettings
    composer: Composer
    courier: Courier
    now: Callable[[], datetime]
    simulated: bool
    later_word: LaterWord | None = None


@dataclass(frozen=True, slots=True)
class Protected:
    """A mail ready for the courier: its bytes, whom the envelope names, what the receipt keeps of it."""

    message: bytes = field(repr=False)
    recipient: MailAddress
    proof: Mapping[str, str]


class MailChannel(ABC, Generic[S]):
    """The common part of a `schemas.channels.Channel` by mail; belongs to one event loop."""

    protection: Protection
    idempotent = False
    one_side = False

    def __init__(self, name: str, channel: S, parts: MailParts) -> None:
        self.name = name
        self.limits = Limits(
            channel.max_bytes,
            frozenset(extension.lower() for extension in channel.extensions),
            channel.parallel,
            channel.per_second,
        )
        self._channel = channel
        self._parts = parts
        self._room = asyncio.Semaphore(channel.parallel)
        self._pace = Pace(channel.per_second)

    @abstractmethod
    def _level(self) -> TlsLevel | None:
        """Returns the least that the connection must offer."""

    @abstractmethod
    async def _protect(self, consignment: Consignment, message_id: str, to: MailAddress) -> Protected:
        """Returns the consignment's mail, protected as this channel does.

        Raises Unreachable, Transient, Refused or ConfigurationError; nothing has been sent.
        """

    @abstractmethod
    async def _reach(self, to: MailAddress) -> Reach:
        """Says whether this way to an address is open, with what that rests on; never sends.

        Raises Transient when it can't be found out now, ConfigurationError when our set-up is wrong.
        """

    async def _reach_told(self, to: MailAddress) -> Reach:
        """The same for a person who asks: as much as is known, also where a sender would wait."""
        return await self._reach(to)

    async def reaches(self, consignment: Consignment) -> Reach:
        """Says whether this way to the recipient is open; never sends. Raises as `_reach`."""
        code = self._obstacle(consignment)
        return Reach(False, code) if code else await self._reach(self._address(consignment))

    async def reaches_address(self, address: str) -> Reach:
        """Says whether this way to a bare address is open, for a person who asks; never sends.

        Raises BadInput `mail.address_…` for what is no address, else as `_reach`.
        """
        return await self._reach_told(parse_address(address.strip()))

    def message_id(self, seed: str) -> str:
        """Returns the Message-ID, which every try bears."""
        return f"<{seed}.{self.name}@{self._parts.composer.sender.domain}>"

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        """Hands a letter over; raises the four SendErrors, or ConfigurationError with nothing taken."""
        code = self._obstacle(consignment)
        if code:
            raise Unreachable(code)
        to = self._address(consignment)
        # A letter is read and built only when its turn has come, so that few lie in memory at once.
        async with self._room, self._pace.turn():
            ready = await self._built(consignment, message_id, to)
            handed = await self._parts.courier.deliver(
                self._parts.composer.return_path.spec,
                ready.recipient.spec,
                ready.message,
                self._level(),
                self._channel.deadline_seconds,
            )
        return Receipt(
            channel=self.name,
            external_id=message_id,
            at=self._parts.now(),
            final=self._parts.later_word is None,
            proof={"protection": self.protection.value, **handed.proof(), **ready.proof},
            simulated=self._parts.simulated,
        )

    async def find(self, message_id: str) -> Receipt | None:
        """Raises CannotTell: nobody can be asked what became of a mail. The settings say whether the same
        one may go once more."""
        once_more = self._channel.when_in_doubt == "resend_once"
        raise CannotTell("mail.no_read_back", send_once_more=once_more)

    async def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        """Yields what came back; raises Transient or ConfigurationError."""
        if self._parts.later_word is not None:
            async for event in self._parts.later_word(self.name, cursor):
                yield event

    async def close(self) -> None:
        """Takes leave of the servers."""
        await self._parts.courier.close()

    # --- for the subclass

    def _obstacle(self, consignment: Consignment) -> str:
        """Returns why no mail can carry this consignment, empty when one can."""
        if not consignment.recipient.email.strip():
            return "mail.no_address"
        if any(one.extension.lower() not in self.limits.extensions for one in consignment.documents):
            return "mail.extension_not_carried"
        if consignment.n_bytes > self.limits.max_bytes:
            return "mail.documents_too_large"
        try:
            parse_address(consignment.recipient.email.strip())
        except BadInput as error:
            return error.code
        return ""

    def _address(self, consignment: Consignment) -> MailAddress:
        """Returns the recipient's address; the caller has looked at `_obstacle`."""
        return parse_address(consignment.recipient.email.strip())

    async def _built(self, consignment: Consignment, message_id: str, to: MailAddress) -> Protected:
        try:
            return await self._protect(consignment, message_id, to)
        except Refused as error:
            if error.code == "mail.too_large":
                # Too large for a mail is not too large for every channel.
                raise Unreachable(error.code, **error.params) from None
            raise
