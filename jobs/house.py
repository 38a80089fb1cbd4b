"""The one place that wires real parts together: settings, keys, ledger, documents and channels.

Relies on every package of the house; each part is made when it is first asked for, so that a command pays
only for what it uses. Decides nothing about consignments: the verbs do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from jobs.ownership import Worker
from schemas.channels import Protection
from schemas.errors import ConfigurationError
from schemas.settings import Settings

if TYPE_CHECKING:
    from batch.document_store import DocumentStore
    from batch.inspection import Inspector
    from batch.intake import Intake
    from batch.ledger import Ledger
    from batch.vault import Vault
    from jobs.mail_room import MailRoom
    from schemas.channels import Channel
    from schemas.consignments import Route

Clock = Callable[[], datetime]
Builder = Callable[["House", str], "Channel"]
C = TypeVar("C")


def utc_now() -> datetime:
    """Returns the time now, aware, in UTC."""
    return datetime.now(UTC)


def _build_eboks(house: House, name: str) -> Channel:
    from eboks.rest import EboksRest

    return _mailbox(EboksRest, house, name)


def _build_eboks_soap(house: House, name: str) -> Channel:
    from eboks.soap.channel import EboksSoap

    return _mailbox(EboksSoap, house, name)


def _mailbox(make: Callable[..., C], house: House, name: str) -> C:
    """Returns a channel to e-Boks; each kind is made from the same parts."""
    return make(
        name,
        house.settings.channels[name],
        house.settings.materials,
        house.documents,
        house.ledger.enrolments,
        house.now,
        simulated=house.settings.house.mode == "simulated",
    )


def _build_portal(house: House, name: str) -> Channel:
    from jobs.portal import build_portal

    return build_portal(house, name)


class Kind(NamedTuple):
    """A kind of channel: how to build one of this house's, and how every one of them protects."""

    build: Builder
    protection: Protection


CHANNELS: dict[str, Kind] = {
    "eboks": Kind(_build_eboks, Protection.MAILBOX),
    "eboks_soap": Kind(_build_eboks_soap, Protection.MAILBOX),
    "smime": Kind(lambda house, name: house.mail_room.smime(name), Protection.END_TO_END),
    "tunnel": Kind(lambda house, name: house.mail_room.tunnel(name), Protection.DOMAIN),
    "tls": Kind(lambda house, name: house.mail_room.tls(name), Protection.TRANSPORT),
    "portal": Kind(_build_portal, Protection.PORTAL),
}
"""The kinds of channel this release has, by the `kind` in the settings."""


class House:
    """An open house; `close` it, or use `open_house` as a context manager."""

    def __init__(
        self, settings: Settings, *, now: Clock = utc_now, randomness: random.Random | None = None
    ) -> None:
        self.settings = settings
        self.now = now
        self.randomness = randomness or random.Random()
        self._channels: dict[str, Channel] = {}

    @cached_property
    def vault(self) -> Vault:
        from batch.vault import Vault

        return Vault.open(self.settings.house.keys_folder)

    @cached_property
    def ledger(self) -> Ledger:
        from batch.ledger import Ledger

        house = self.settings.house
        return Ledger.open(
            house.database, vault=self.vault, tenant=house.tenant, mode=house.mode, now=self.now
        )

    @cached_property
    def documents(self) -> DocumentStore:
        from batch.document_store import DocumentStore

        folders = {name: source.folder / "arkiv" for name, source in self.settings.sources.items()}
        return DocumentStore(self.vault, self.settings.house.tenant, folders)

    @cached_property
    def inspector(self) -> Inspector:
        from batch.inspection import Inspector

        return Inspector(self.settings.house.pdf_workers)

    @cached_property
    def intake(self) -> Intake:
        from batch.intake import Intake

        return Intake(
            settings=self.settings,
            ledger=self.ledger,
            vault=self.vault,
            inspector=self.inspector,
            now=self.now,
            routes=self.routes(),
        )

    @cached_property
    def mail_room(self) -> MailRoom:
        from jobs.mail_room import MailRoom

        return MailRoom(self)

    @cached_property
    def worker(self) -> Worker:
        return Worker(self.settings.house.data / "workers")

    @property
    def simulated(self) -> bool:
        return self.settings.house.mode == "simulated"

    def lock_path(self, name: str) -> Path:
        """Returns the file whose lock keeps two of `name` apart."""
        return self.settings.house.data / "locks" / f"{name}.lock"

    def channel(self, name: str) -> Channel:
        """Returns an open channel by its name in the settings; raises ConfigurationError."""
        if name not in self.settings.channels:
            raise ConfigurationError("settings.no_channel", channel=name)
        if name not in self._channels:
            self._channels[name] = CHANNELS[self.settings.channels[name].kind].build(self, name)
        return self._channels[name]

    def protections(self) -> Mapping[str, Protection]:
        """Returns every channel of the settings with its protection."""
        return {name: CHANNELS[channel.kind].protection for name, channel in self.settings.channels.items()}

    def routes(self) -> Mapping[str, tuple[str, ...]]:
        """Returns each material's channels in order, as they are open now."""
        return {name: self.standing_route(name).channels for name in self.settings.materials}

    def standing_route(self, material: str) -> Route:
        """Returns the route that a material's consignments start with, and what is left out of it."""
        from routing.planning import standing_route

        return standing_route(self.settings.materials[material], self.settings.policy, self.protections())

    async def close_channels(self) -> None:
        """Closes the channels; belongs to the event loop that used them."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()
        if "mail_room" in self.__dict__:
            await self.mail_room.rest()

    def close(self) -> None:
        """Ends child processes, the database connection and the ownership of leases."""
        for name in ("mail_room", "inspector", "ledger", "worker"):
            part = self.__dict__.pop(name, None)
            if part is not None:
                part.close()


@contextmanager
def open_house(settings: Settings, *, now: Clock = utc_now) -> Iterator[House]:
    """Opens a house for the block; its parts appear when they are first used."""
    house = House(settings, now=now)
    try:
        yield house
    finally:
        house.close()
