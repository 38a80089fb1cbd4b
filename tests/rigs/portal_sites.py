"""The portal's web application for tests: in the process, or served by TLS on loopback for a real browser.

Relies on the real application. A visitor here does what a browser does: follows forms by their hidden fields,
keeps cookies, and sees only what is on the page.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import trustme

from routing.portal.identity import AnyMethod
from routing.portal.keys import read_keys
from routing.portal.mail_code import MailCode
from routing.portal.proving import Door
from routing.portal.rates import Rates
from routing.portal.shared_secret import SharedSecret
from routing.portal.web.application import make_application
from routing.portal.web.clamd import Scanner
from routing.portal.web.connections import Patience
from routing.portal.web.serving import make_server
from routing.portal.web.website import Site
from schemas.portal_settings import PortalChannel, PortalRates, PortalServer
from tests.rigs.portals import PortalBench, code_in
from tests.rigs.ports import free_port

HOST = "portal.example"
WIDE = PortalRates(**dict.fromkeys(PortalRates.model_fields, "100000/minute"))
"""Rates that no test runs into by accident."""
LOOP = asyncio.new_event_loop()


class Log:
    """What the portal told its log."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def __call__(self, event: str, **fields: object) -> None:
        self.lines.append({"event": event} | fields)


def site_of(
    bench: PortalBench,
    *,
    settings: PortalChannel | None = None,
    methods: Mapping[str, AnyMethod] | None = None,
    rates: PortalRates = WIDE,
    log: Log | None = None,
) -> Site:
    """Returns the web side of a bench, as its own process would build it."""
    settings = settings or bench.settings
    keys = read_keys(settings.key, settings.former_keys)
    mail_code = MailCode(bench.carries, bench.channel().packer.stationery, bench.clock)
    built_in: dict[str, AnyMethod] = {"shared_secret": SharedSecret(), "mail_code": mail_code}
    return Site(
        settings=settings,
        store=bench.store,
        door=Door(
            bench.store,
            keys,
            timedelta(minutes=settings.session_minutes),
            timedelta(minutes=settings.max_session_minutes),
        ),
        rates=Rates(rates, bench.store.database, keys.current, bench.clock),
        methods=built_in | dict(methods or {}),
        scanner=Scanner(settings.scanner, settings.scanner_seconds) if settings.scanner else None,
        now=bench.clock,
        tell=log or Log(),
    )


@dataclass
class Visitor:
    """A browser without script; `page` is the last answer. Without a bench its mails are read elsewhere."""

    bench: PortalBench | None
    site: Site
    address: str = "192.0.2.7"

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(make_application(self.site), client=(self.address, 4711))
        self.client = httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}")
        self.page: Any = None

    def get(self, path: str, **headers: str) -> Any:
        return self.request("GET", path, headers=headers)

    def request(self, method: str, path: str, **more: Any) -> Any:
        self.page = LOOP.run_until_complete(self.client.request(method, path, **more))
        return self.page

    def post(self, path: str, data: Mapping[str, str], **more: Any) -> Any:
        return self.request("POST", path, data=data, **more)

    def follow(self) -> Any:
        """Goes where the last answer points."""
        return self.get(self.page.headers["location"])

    def submit(self, action_end: str, *, files: Any = None, **typed: str) -> Any:
        """Sends the form whose address ends so, with its hidden fields and what is typed."""
        action, hidden = form_in(self.page.text, action_end)
        return self.post(action, hidden | typed, **({"files": files} if files else {}))

    def submit_with(self, action_end: str, headers: Mapping[str, str], **typed: str) -> Any:
        """Sends a form with headers of its own; the page stays, so that it can be sent again."""
        page = self.page
        action, hidden = form_in(page.text, action_end)
        answer = self.post(action, hidden | typed, headers=dict(headers))
        self.page = page
        return answer

    def ask_code(self, token: str) -> str:
        """Opens a link, asks for a code by mail and returns it from the mail."""
        assert self.bench is not None
        self.get(f"/b/{token}")
        assert self.submit("/send").status_code == 303
        self.follow()
        return code_in(self.bench.mail()[-1])

    def enter(self, token: str) -> str:
        """Goes all the way in by a code; returns the parcel's path."""
        code = self.ask_code(token)
        assert self.submit("/bevis", answer=code).status_code == 303
        path = self.page.headers["location"]
        assert self.follow().status_code == 200
        return path


def form_in(page: str, action_end: str) -> tuple[str, dict[str, str]]:
    """Returns the address and the hidden fields of a form of a page."""
    for form in re.findall(r"<form.*?</form>", page, re.DOTALL):
        action = re.search(r'action="([^"]*)"', form)
        if action and action[1].endswith(action_end):
            hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
            return unescape(action[1]), {name: unescape(value) for name, value in hidden}
    raise AssertionError(f"no form to …{action_end}")


@contextmanager
def served(
    bench: PortalBench, patience: Patience | None = None, proxies: Sequence[str] = (), **more: Any
) -> Iterator[str]:
    """Serves a bench by TLS on loopback for the block, or behind proxies without; gives the address."""
    port = free_port()
    certificate, key = bench.folder / "tls.pem", bench.folder / "tls.key"
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(key))
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    url = f"https://localhost:{port}"
    bench.settings = bench.settings.model_copy(update={"url": url})
    site = replace(site_of(bench, settings=bench.settings, **more))
    place = PortalServer(port=port, certificate=certificate, key=key)
    if proxies:
        place = PortalServer(port=port, trusted_proxies=tuple(proxies))
    server = make_server(make_application(site), place, patience)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline and thread.is_alive(), "the portal did not start"
            time.sleep(0.02)
        yield url
    finally:
        server.should_exit = True
        thread.join(60)
