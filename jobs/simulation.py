"""Starts the simulator of e-Boks as this house's settings describe e-Boks.

Relies on `eboks.simulator`. Refused for a live house: a simulator must never be mistaken for the real thing.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobs.initiate import simulator_folder
from schemas.eboks_settings import EboksChannel, EboksSettings, EboksSoapChannel
from schemas.errors import ConfigurationError
from schemas.settings import Settings

if TYPE_CHECKING:
    from eboks.simulator import ServerTls, SimulatorSettings


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
    return list(settings.channels.values())


def run_simulator(
    settings: Settings, port: int | None, record: Path | None, started: Callable[[str], None]
) -> None:
    """Serves until SIGINT or SIGTERM; `started` hears the address."""
    channel = first_eboks(settings)
    parts = simulator_parts(settings, channel, record)
    asyncio.run(_serve(parts, port if port is not None else urlsplit(channel.url).port or 443, started))


async def _serve(
    parts: tuple[SimulatorSettings, ServerTls], port: int, started: Callable[[str], None]
) -> None:
    from eboks.simulator import serve

    running = await serve(*parts, "127.0.0.1", port)
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    started(running.url)
    await told.wait()
    await running.stop()
