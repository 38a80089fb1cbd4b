"""What stands outside the portal, as real servers on loopback: a broker of MitID and SMS gateways.

The simulators that ship, served by TLS under an authority of the test's own, each in a thread with a loop of
its own. A person's way through the broker is what a browser would do.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import trustme
from aiohttp import web

from routing.portal.simulator import SimulatedBroker, SimulatedGateway, SimulatedPerson, serve
from schemas.portal_proof_settings import PortalMitId, PortalSms

CLIENT_ID = "portal"
SECRET = "client secret: %&+/="
TOKEN = "gateway-token-1"


def secret_file(folder: Path, name: str, text: str) -> Path:
    """Returns a file with a secret, for its owner alone."""
    path = folder / name
    path.touch(0o600)
    path.write_text(text, "utf-8")
    os.chmod(path, 0o600)
    return path


@dataclass
class Authority:
    """An authority of the test's own, and what it issued."""

    folder: Path

    def __post_init__(self) -> None:
        self._ca = trustme.CA()
        self.file = self.folder / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def context(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name).configure_cert(context)
        return context


@contextmanager
def listening(app: web.Application, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serves an application in a thread for the block; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    running = run(serve(app, tls=tls))
    try:
        yield running.url
    finally:
        run(running.stop())
        run(_ended())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


async def _ended() -> None:
    """Ends what a cut connection has left behind."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def broker_of(
    folder: Path, persons: tuple[SimulatedPerson, ...], now: Callable[[], datetime], **change: Any
) -> Iterator[tuple[SimulatedBroker, PortalMitId]]:
    """Runs a broker by TLS for the block; gives it and the portal's settings for it."""
    authority = Authority(folder)
    broker = SimulatedBroker(CLIENT_ID, SECRET, persons, now=now)
    with listening(broker.app(), authority.context()) as url:
        broker.issuer = url
        given: dict[str, Any] = {
            "issuer": url,
            "client_id": CLIENT_ID,
            "client_secret": secret_file(folder, "mitid.secret", SECRET),
            "levels": ("substantial",),
            "ca": authority.file,
        }
        if change.get("match") == "broker":
            given["match_url"] = f"{url}/match"
        yield broker, PortalMitId.model_validate(given | change)


@dataclass
class GatewayBench:
    """A gateway that is listening, and what it should do next in place of its work."""

    gateway: SimulatedGateway
    settings: PortalSms
    faults: list[int | str] = field(default_factory=list)
    n_calls: int = 0


@contextmanager
def gateway_of(folder: Path, **change: Any) -> Iterator[GatewayBench]:
    """Runs an SMS gateway by TLS for the block. A fault is a status, or what follows a message
    that was taken: `hang`, `drop`, `nonsense`."""
    authority = Authority(folder)
    gateway = SimulatedGateway(TOKEN)
    app = gateway.app()
    bench: list[GatewayBench] = []

    @web.middleware
    async def faulty(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "POST":
            bench[0].n_calls += 1
            fault = bench[0].faults.pop(0) if bench[0].faults else None
            if isinstance(fault, int):
                return web.json_response({"code": "0x0000"}, status=fault)
            if fault is not None:
                await handler(request)
                if fault == "nonsense":
                    return web.Response(body=b"?", headers={"Content-Encoding": "gzip"})
                if fault == "hang":
                    await asyncio.sleep(30)
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
        answer: web.StreamResponse = await handler(request)
        return answer

    app.middlewares.append(faulty)
    with listening(app, authority.context()) as url:
        given: dict[str, Any] = {
            "url": f"{url}/rest/mtsms",
            "token": secret_file(folder, "sms.token", f"{TOKEN}\n"),
            "sender": "Eksempel",
            "ca": authority.file,
        }
        bench.append(GatewayBench(gateway, PortalSms.model_validate(given | change)))
        yield bench[0]


def sign_in(away: str, ca: Path | None, person: int | None = 0) -> str:
    """Goes where the portal sent the browser, chooses a person, and returns the way back (path and query)."""
    with httpx.Client(verify=ssl.create_default_context(cafile=ca), trust_env=False) as browser:
        page = browser.get(away)
        assert page.status_code == 200 and page.headers["x-brevdue-simulator"] == "1", page.text
        choice = "" if person is None else str(person)
        answer = browser.post(away, data={"person": choice})
    assert answer.status_code == 303, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"
