"""The simulator of the other end of mail, as this house's settings describe it: its certificates, its start.

Relies on `routing.simulator`. Refused for a live house: a simulator must never be mistaken for the real
thing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError
from schemas.mail_settings import MailChannelSettings, MailSettings, TunnelChannel
from schemas.settings import Settings

if TYPE_CHECKING:
    from routing.simulator.settings import MailSimulatorSettings


def mail_folder(settings: Settings) -> Path:
    """Returns where the simulator's certificates lie, and what it received."""
    return settings.house.data / "simulator" / "mail"


def rehearses_mail(settings: Settings) -> bool:
    """Says whether this house has channels by mail and none of it is real."""
    by_mail = any(isinstance(one, MailChannelSettings) for one in settings.channels.values())
    return by_mail and settings.mail is not None and settings.house.mode == "simulated"


def prepare_mail(settings: Settings) -> list[Path]:
    """Makes what the simulator needs and the settings point to, where it is missing; returns the places."""
    folder, mail = mail_folder(settings), settings.mail
    if mail is None or not rehearses_mail(settings):
        return []
    if not any(folder in place.parents for place in _places(mail)):
        return []
    made = [] if (folder / "roots.pem").exists() else [_make_certificates(folder, mail)]
    if mail.certificate == folder / "ours.pem":
        made += [_make_list(folder, mail, path) for path in _lists(settings) if not path.exists()]
    return made


def _make_certificates(folder: Path, mail: MailSettings) -> Path:
    from jobs.house import utc_now
    from routing.simulator.certificates import make_mail_certificates

    make_mail_certificates(folder, mail.from_address, utc_now())
    return folder


def _make_list(folder: Path, mail: MailSettings, path: Path) -> Path:
    from jobs.house import utc_now
    from routing.simulator.tunnel_list import make_tunnel_list

    make_tunnel_list(path, folder, mail.from_address, utc_now())
    return path


def _lists(settings: Settings) -> list[Path]:
    """Returns the tunnel lists that we sign ourselves."""
    tunnels = (one for one in settings.channels.values() if isinstance(one, TunnelChannel))
    return [one.list for one in tunnels if one.list_certificate is None]


def mail_simulator_settings(settings: Settings) -> MailSimulatorSettings:
    """Returns what the simulator is started with, so that this house finds it.

    Raises ConfigurationError `simulator.live_house`, `simulator.no_certificates` before `brevdue init`, or
    `dns.simulated_needs_loopback` when the settings name no name server on this machine.
    """
    if settings.house.mode == "live":
        raise ConfigurationError("simulator.live_house")
    from routing.simulator.settings import MailSimulatorSettings

    mail, folder = settings.mail, mail_folder(settings)
    if not (folder / "roots.pem").exists():
        raise ConfigurationError("simulator.no_certificates")
    if mail is None or not mail.dns:
        raise ConfigurationError("dns.simulated_needs_loopback")
    address, _, port = mail.dns[0].rpartition(":")
    if not port.isdigit() or not address:
        raise ConfigurationError("dns.simulated_needs_loopback")
    return MailSimulatorSettings(
        folder=folder, smtp_port=mail.port, dns_address=address.strip("[]"), dns_port=int(port)
    )


def _places(mail: MailSettings) -> list[Path]:
    return [one for one in (mail.certificate, mail.roots, mail.server_roots) if one is not None]
