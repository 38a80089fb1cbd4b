"""Wires the portal: its store, the channel of the dispatching side, and the site that is served.

Relies on `routing.portal` and on the house for settings, documents and clock. The served site gets the
portal's key and database and nothing of the ledger. Decides nothing about parcels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError
from schemas.portal_settings import PROVE_A_COMPANY, PortalChannel

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from jobs.house import House
    from routing.channels.portal import PortalDispatch
    from routing.portal.delivery import Carrier
    from routing.portal.identity import AnyMethod
    from routing.portal.packing import Packer, PortalRules
    from routing.portal.store import PortalStore
    from routing.portal.upkeep import Upkeep
    from routing.portal.web.website import Site, Tell
    from schemas.channels import Channel
    from schemas.settings import Settings

ANSWERS = "svar"
"""The folder of a source in which replies land, encrypted."""


def first_portal(settings: Settings) -> tuple[str, PortalChannel]:
    """Returns the portal of the settings and its name; raises ConfigurationError `portal.no_channel`."""
    channels: Iterable[tuple[str, object]] = settings.channels.items()
    for name, channel in channels:
        if isinstance(channel, PortalChannel):
            return name, channel
    raise ConfigurationError("portal.no_channel")


def from_address(settings: Settings, channel: PortalChannel) -> str:
    """Returns the sender's address of all mails: the channel's own, else that of `[mail]`."""
    return channel.from_address or (settings.mail.from_address if settings.mail else "")


def rules(settings: Settings, channel: PortalChannel) -> Mapping[str, PortalRules]:
    """Returns what the settings say of each material in this portal."""
    from routing.portal.packing import PortalRules

    return {
        name: PortalRules(material.data_class, channel.narrowed(material.portal, material.data_class))
        for name, material in settings.materials.items()
    }


def carrier(settings: Settings, channel: PortalChannel, now: Callable[[], datetime]) -> Carrier:
    """Returns what carries notices and codes: the courier of `[mail]`.

    A simulated house without `[mail]` puts them into a folder, from which nothing leaves; a live one raises
    ConfigurationError `portal.no_carrier`.
    """
    simulated = settings.house.mode == "simulated"
    if settings.mail is not None:
        from routing.portal.mail_carrier import MailCarrier

        sender = from_address(settings, channel)
        return MailCarrier(channel, settings.mail, sender, now, simulated=simulated)
    from routing.portal.delivery import MailFolder

    if not simulated:
        raise ConfigurationError("portal.no_carrier")
    return MailFolder(settings.house.data / "portal" / "mails")


def available(channel: PortalChannel) -> frozenset[str]:
    """Returns the identity methods that are set up: what a recipient could use now."""
    from routing.portal.packing import BUILT_IN

    set_up = {"mitid": channel.mitid, "sms": channel.sms}
    return BUILT_IN | {name for name, table in set_up.items() if table is not None}


def unproved_companies(settings: Settings, channel: PortalChannel) -> Iterator[tuple[str, str]]:
    """Yields each material that may go to companies by the portal while nothing there proves one, and what
    proves them instead. A source whose numbers are CPR numbers unless a row says otherwise has none."""
    sources = [one for one in settings.sources.values() if one.recipient_type != "cpr"]
    may_go = {one.material for one in sources}
    for name, material in settings.materials.items():
        methods = channel.narrowed(material.portal, material.data_class).identity
        identity = [one for one in methods if one in available(channel)]
        meant = "portal" in material.channels and (name in may_go or None in may_go)
        if meant and identity and PROVE_A_COMPANY.isdisjoint(identity):
            yield name, ", ".join(identity)


def closed_materials(settings: Settings, channel: PortalChannel) -> Iterator[str]:
    """Yields each material of the portal's whose class of data leaves none of its identity methods."""
    for name, material in settings.materials.items():
        narrowed = channel.narrowed(material.portal, material.data_class)
        if "portal" in material.channels and not narrowed.identity:
            yield name


def open_store(
    settings: Settings, channel: PortalChannel, now: Callable[[], datetime], *, create: bool = False
) -> PortalStore:
    """Opens the portal's own database."""
    from routing.portal.store import PortalStore

    house = settings.house
    return PortalStore.open(channel.database(house.data), mode=house.mode, now=now, create=create)


def build_portal(house: House, name: str) -> Channel:
    """Returns the channel of one `[channels.<name>]` of kind `portal`, as `jobs.house.CHANNELS` wants it."""
    channel: object = house.settings.channels[name]
    if not isinstance(channel, PortalChannel):
        raise ConfigurationError("portal.no_channel")
    return build_channel(house, name, channel)


def build_channel(house: House, name: str, channel: PortalChannel) -> PortalDispatch:
    """Returns the dispatching side of a portal of the settings."""
    from routing.channels.portal import PortalDispatch, PortalParts
    from routing.portal.upkeep import AnswerPlaces, Upkeep

    settings = house.settings
    folders = {source: one.folder / ANSWERS for source, one in settings.sources.items()}
    places = AnswerPlaces(folders, channel.reply_addresses)

    def upkeep(store: PortalStore, packer: Packer, paced: Carrier) -> Upkeep:
        return Upkeep(store, packer, channel, paced, places)

    parts = PortalParts(
        rules=rules(settings, channel),
        documents=house.documents,
        carrier=carrier(settings, channel, house.now),
        open_store=lambda: open_store(settings, channel, house.now),
        from_address=from_address(settings, channel),
        now=house.now,
        upkeep=upkeep,
        available=available(channel),
        returned=house.mail_room.returned if settings.mail and settings.mail.reports else None,
        simulated=house.simulated,
    )
    return PortalDispatch(name, channel, parts)


def build_site(
    settings: Settings,
    channel: PortalChannel,
    store: PortalStore,
    tell: Tell,
    more: Mapping[str, AnyMethod] | None = None,
) -> Site:
    """Returns the site that is served; `more` are identity methods beside those of the settings."""
    from routing.portal.keys import read_keys
    from routing.portal.mail_code import MailCode
    from routing.portal.notices import Stationery
    from routing.portal.proofs_by_others import proofs_by_others
    from routing.portal.proving import Door
    from routing.portal.rates import Rates
    from routing.portal.shared_secret import SharedSecret
    from routing.portal.web.clamd import Scanner
    from routing.portal.web.website import Site

    keys = read_keys(channel.key, channel.former_keys)
    address = from_address(settings, channel)
    mail_code = MailCode(
        carrier(settings, channel, store.now),
        lambda source: Stationery(address, channel.brand(source)),
        store.now,
    )
    built_in: dict[str, AnyMethod] = {"shared_secret": SharedSecret(), "mail_code": mail_code}
    simulated = settings.house.mode == "simulated"
    by_others = proofs_by_others(channel, store, keys.current, simulated=simulated)
    idle, longest = (timedelta(minutes=n) for n in (channel.session_minutes, channel.max_session_minutes))
    return Site(
        settings=channel,
        store=store,
        door=Door(store, keys, idle, longest),
        rates=Rates(channel.rates, store.database, keys.current, store.now),
        methods=built_in | by_others | dict(more or {}),
        scanner=Scanner(channel.scanner, channel.scanner_seconds) if channel.scanner else None,
        now=store.now,
        simulated=simulated,
        tell=tell,
    )


def found_portal(settings: Settings, now: Callable[[], datetime]) -> list[Path]:
    """Makes what is missing of the portals' keys and databases; returns the keys that were made."""
    from routing.portal.keys import make_key

    made: list[Path] = []
    channels: Iterable[object] = settings.channels.values()
    for channel in channels:
        if isinstance(channel, PortalChannel):
            made += [path for path in (channel.key, channel.link_key) if make_key(path)]
            open_store(settings, channel, now, create=True).close()
    return made
