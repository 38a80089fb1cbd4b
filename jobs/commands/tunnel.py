"""The commands tunnel list, import and check: the list of domains, a new version of it, its word on a domain.

Relies on `routing.tunnel` and on the house's tunnel channel. Sends nothing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.ownership import only_one
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, EXIT_UNREACHED, Screen
from schemas.channels import Reach
from schemas.errors import ConfigurationError, ServiceDown, Transient
from schemas.mail_settings import TunnelChannel

if TYPE_CHECKING:
    from jobs.house import House
    from routing.tunnel.entries import TunnelEntry, TunnelList
    from routing.tunnel.list_file import TunnelListFile


def show_list(context: Context, channel: str | None) -> int:
    """Shows the list in force."""
    screen = context.screen
    with context.house() as house:
        listed = house.mail_room.tunnel_list(_channel(house, channel)).current()
        today = house.now().date()
    screen.say("tunnel_version", version=listed.version, n_domains=len(listed.entries))
    columns = ("domain", "subdomains", "until", "pins", "source")
    rows = [_row(screen, one, one.obstacle(today)) for one in listed.entries]
    screen.table("", [screen.text(f"tunnel_column_{name}") for name in columns], rows)
    entries = [_entry_data(one, one.obstacle(today)) for one in listed.entries]
    return screen.finish({"version": listed.version, "entries": entries}, EXIT_OK)


def import_list(context: Context, channel: str | None, file: Path | None, directory: bool) -> int:
    """Brings a new version in: a signed file as it is, or rows of a CSV file or a directory under our own
    signature."""
    from routing.tunnel.importing import differences

    if (file is None) != directory:
        raise ConfigurationError("usage.tunnel_source")
    screen = context.screen
    with context.house() as house:
        name = _channel(house, channel)
        target = house.mail_room.tunnel_list(name)
        # Two imports at once would make two versions of one number.
        with only_one(house.lock_path(f"tunnel-{name}"), "tunnel.busy"):
            before = target.current_or_empty()
            after = target.install(_signed(house, name, target, file))
    changed = differences(before, after)
    counts = {f"n_{what}": len(domains) for what, domains in changed.items()}
    screen.say("tunnel_imported", version=after.version, **counts)
    for what, mark in (("added", "+"), ("removed", "−"), ("changed", "~")):
        for domain in changed[what]:
            screen.line(f" {mark} {domain}")
    return screen.finish({"version": after.version, **changed}, EXIT_OK)


def check_domain(context: Context, channel: str | None, domain: str) -> int:
    """Says whether a domain can get tunnel mail, and why; the exit code is 1 when it can't, 4 when that can't
    be found out now."""
    from routing.mime.addresses import parse_domain

    asked = parse_domain(domain)
    screen = context.screen
    with context.house() as house:
        try:
            reach = asyncio.run(_reach(house, _channel(house, channel), asked))
        except Transient as error:
            return screen.fault(ServiceDown(error.code, **error.params), EXIT_UNREACHED)
    screen.say("tunnel_open" if reach.reached else "tunnel_closed", domain=asked)
    if reach.code:
        screen.line(f"   {screen.why(reach.code, reach.params)} [{reach.code}]")
    for about in reach.evidence:
        screen.line(f" · {', '.join(f'{key} {value}' for key, value in about.items())}")
    data = {"domain": asked, "open": reach.reached, "code": reach.code, "evidence": list(reach.evidence)}
    return screen.finish(data, EXIT_OK if reach.reached else EXIT_ERROR_LIST)


async def _reach(house: House, name: str, domain: str) -> Reach:
    try:
        return await house.mail_room.tunnel(name).reaches_domain(domain)
    finally:
        await house.close_channels()


def _channel(house: House, named: str | None) -> str:
    """Returns the tunnel channel meant; ConfigurationError `tunnel.no_channel`."""
    names = [name for name, one in house.settings.channels.items() if one.kind == "tunnel"]
    chosen = named or (names[0] if len(names) == 1 else "")
    if chosen not in names:
        raise ConfigurationError("tunnel.no_channel")
    return chosen


def _signed(house: House, name: str, target: TunnelListFile, file: Path | None) -> bytes:
    """Returns the signed file to take in."""
    from routing.tunnel.importing import read_csv, read_directory, with_import
    from routing.tunnel.list_file import is_signed_file

    if file is not None and is_signed_file(content := _read(file)):
        return content
    if file is not None:
        return _by_us(house, with_import(target.current_or_empty(), f"csv:{file.name}", read_csv(file)))
    channel = house.settings.channels[name]
    if not isinstance(channel, TunnelChannel) or channel.directory is None:
        raise ConfigurationError("tunnel.no_directory")
    try:
        found = read_directory(name, channel.directory)
    except Transient as error:
        raise ServiceDown(error.code, **error.params) from None
    return _by_us(house, with_import(target.current_or_empty(), f"ldap:{name}", found))


def _by_us(house: House, made: TunnelList) -> bytes:
    from routing.smime.own_keys import load_own
    from routing.tunnel.list_file import signed_list

    mail = house.settings.mail
    if mail is None:
        raise ConfigurationError("mail.not_set_up")
    return signed_list(made, load_own(mail.certificate, mail.key), house.now())


def _read(file: Path) -> bytes:
    from routing.tunnel.list_file import MAX_BYTES

    try:
        if file.stat().st_size > MAX_BYTES:
            raise ConfigurationError("tunnel.list_unreadable")
        return file.read_bytes()
    except OSError:
        raise ConfigurationError("tunnel.list_unreadable") from None


def _row(screen: Screen, entry: TunnelEntry, obstacle: str) -> list[str]:
    mark = "✗ " if obstacle else ""
    until = entry.valid_to.isoformat() if entry.valid_to else "–"
    pins = " ".join(pin[:16] for pin in entry.pins)
    return [f"{mark}{entry.domain}", "✓" if entry.subdomains else "–", until, pins, entry.source or "–"]


def _entry_data(entry: TunnelEntry, obstacle: str) -> dict[str, object]:
    return {
        "domain": entry.domain,
        "subdomains": entry.subdomains,
        "pins": list(entry.pins),
        "certificates": len(entry.certificates),
        "valid_from": entry.valid_from,
        "valid_to": entry.valid_to,
        "source": entry.source,
        "code": obstacle,
    }
