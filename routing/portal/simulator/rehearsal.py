"""Starts both simulators together and writes the portal's settings for them: for a demo and a rehearsal.

Relies on the simulators beside it. The secrets are fresh, in files of mode 0600. Reaches nothing off this
machine.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from routing.portal.simulator.broker import SimulatedBroker, SimulatedPerson, wall_clock
from routing.portal.simulator.gateway import SimulatedGateway
from routing.portal.simulator.serving import Running, serve
from schemas.portal_proof_settings import PortalMitId, PortalSms

CLIENT_ID = "brevdue-simulator"


@dataclass(frozen=True, slots=True)
class Outsiders:
    """Both simulators, listening, and the settings with which a simulated portal uses them."""

    broker: SimulatedBroker
    gateway: SimulatedGateway
    mitid: PortalMitId
    sms: PortalSms
    phone_url: str
    """The page on which the messages can be read."""
    _running: tuple[Running, ...]

    async def stop(self) -> None:
        """Stops both."""
        for one in self._running:
            await one.stop()


async def start(
    folder: Path, persons: Sequence[SimulatedPerson], now: Callable[[], datetime] = wall_clock
) -> Outsiders:
    """Starts both on free ports of loopback; the secrets are written into `folder`."""
    broker = SimulatedBroker(CLIENT_ID, secrets.token_urlsafe(24), tuple(persons), now=now)
    gateway = SimulatedGateway(secrets.token_urlsafe(24))
    running = (await serve(broker.app()), await serve(gateway.app()))
    broker.issuer, phone_url = running[0].url, running[1].url
    mitid = PortalMitId(
        issuer=broker.issuer,
        client_id=CLIENT_ID,
        client_secret=_kept(folder / "mitid.secret", broker.client_secret),
        levels=(broker.level,),
    )
    token = _kept(folder / "sms.token", gateway.token)
    sms = PortalSms(url=f"{phone_url}/rest/mtsms", token=token, sender="Brevdue")
    return Outsiders(broker, gateway, mitid, sms, phone_url, running)


def _kept(path: Path, secret: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
    return path
