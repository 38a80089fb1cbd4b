"""Starts the simulators that this house's channels need: of e-Boks, and of the other end of mail.

Relies on `eboks.simulator` and on `jobs.mail_simulation`. Refused for a live house: a simulator must never be
mistaken for the real thing.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobs.initiate import simulator_folder
from jobs.mail_simulation import mail_simulator_settings, rehearses_mail
from schemas.eboks_settings import EboksChannel, EboksSettings, EboksSoapChannel
from schemas.errors import ConfigurationError
from schemas.settings import Settings

if TYPE_CHECKING:
    from eboks.simulator import ServerTls, SimulatorSettings
    from routing.simulator.settings import MailSimulatorSettings


def simulator_parts(
    settings: Settings, channel: EboksSettings, record: Path | None
) -> tuple[SimulatorSettings, ServerTls]:
    """Returns what the simulator is started with, so that it answers as this channel expects, and any other
    channel at the same address with it.

    Raises ConfigurationError `simulator.live_house`, or `simulator.no_certificates` before `brevdue init`.
    """
    if settings.house.mode == "live":
        raise ConfigurationError("simulator.live_house")
    from eboks.simulator import Material, ServerTls, SimulatorSettings

    folder = simulator_folder(settings)
    tls = ServerTls(folder / "server-good.pem", folder / "server-good.key", folder / "client-ca.pem")
    if not all(path.exists() for path in (tls.certificate, tls.key, tls.client_ca, channel.certificate)):
        raise ConfigurationError("simulator.no_certificates")
    materials = {
        material.eboks.content_type_id: Material(delivery=material.eboks.delivery)
        for material in settings.materials.values()
        if material.eboks is not None
    }
    together = [one for one in _eboks(settings) if one.url == channel.url]
    switches: dict[str, object] = {}
    for one in reversed(together):  # of two of a kind, the first counts
        switches |= _rest_switches(one) if isinstance(one, EboksChannel) else _soap_switches(one, folder)
    return SimulatorSettings.model_validate(
        {
            "certificates": _allowed(together),
            "materials": materials,
            "record_path": record or folder / "received.jsonl",
            **switches,
        }
    ), tls


def _rest_switches(channel: EboksChannel) -> dict[str, object]:
    return {
        "profile": channel.profile,
        "client_id": channel.client_id or "01",
        "lookup_absent": channel.enrolment_absent,
    }


def _soap_switches(channel: EboksSoapChannel, folder: Path) -> dict[str, object]:
    """Returns what makes the service know this caller, and sign as its partner where that is wanted."""
    uuids = ("service_agreement_uuid", "user_system_uuid", "user_uuid")
    switches: dict[str, object] = {name: getattr(channel, name) or None for name in uuids}
    if channel.security == "signed":
        partner = {"certificate": folder / "partner-good.pem", "key": folder / "partner-good.key"}
        switches |= {"soap_security": "signed", "soap_partner": partner}
    return switches


def _allowed(channels: Sequence[EboksSettings]) -> dict[str, tuple[int, ...]]:
    """Returns which certificate may use which sender systems."""
    allowed: dict[str, tuple[int, ...]] = {}
    for one in channels:
        name = _fingerprint(one.certificate)
        allowed[name] = tuple(sorted({*allowed.get(name, ()), one.system_id}))
    return allowed


def _fingerprint(certificate: Path) -> str:
    from cryptography import x509

    from eboks.simulator.certificates import fingerprint

    return fingerprint(x509.load_pem_x509_certificate(certificate.read_bytes()))


def first_eboks(settings: Settings) -> EboksSettings:
    """Returns the first e-Boks channel of the settings; raises ConfigurationError when there is none."""
    for channel in _eboks(settings):
        return channel
    raise ConfigurationError("simulator.no_channel")


def _eboks(settings: Settings) -> list[EboksChannel | EboksSoapChannel]:
    return list(settings.mailboxes.values())


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the simulators listen: e-Boks' address, and name server and port of mail; empty where none is."""

    url: str = ""
    dns: str = ""
    smtp_port: int = 0


def run_simulators(
    settings: Settings, port: int | None, record: Path | None, started: Callable[[Listening], None]
) -> None:
    """Serves until SIGINT or SIGTERM whatever the channels of the settings need; `started` hears where.

    Raises ConfigurationError as `simulator_parts` and `mail_simulator_settings`.
    """
    mail = mail_simulator_settings(settings) if rehearses_mail(settings) else None
    eboks = None
    if mail is None or _eboks(settings):
        channel = first_eboks(settings)
        at = port if port is not None else urlsplit(channel.url).port or 443
        eboks = (simulator_parts(settings, channel, record), at)
    asyncio.run(_serve(eboks, mail, started))


async def _serve(
    eboks: tuple[tuple[SimulatorSettings, ServerTls], int] | None,
    mail: MailSimulatorSettings | None,
    started: Callable[[Listening], None],
) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with AsyncExitStack() as running:
        listening = Listening()
        if eboks is not None:
            from eboks.simulator import serve

            parts, port = eboks
            server = await serve(*parts, "127.0.0.1", port)
            running.push_async_callback(server.stop)
            listening = replace(listening, url=server.url)
        if mail is not None:
            from routing.simulator.server import serve as serve_mail

            sink = await serve_mail(mail)
            running.push_async_callback(sink.stop)
            listening = replace(listening, dns=sink.dns, smtp_port=sink.smtp_port)
        started(listening)
        await told.wait()
