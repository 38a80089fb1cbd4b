"""Runs the simulator for tests, in a process of its own or in a thread, and talks to it by plain HTTPS.

The client here shares no code with the product's own wire, so it can judge it.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape

import pytest

from eboks.simulator import Running, ServerTls, SimulatorSettings, serve
from eboks.simulator.certificates import CertificateFolder, ClientKind, ServerKind
from tests.rigs.certificates import OTHER_SYSTEM_ID, SYSTEM_ID

ROOT = Path(__file__).resolve().parents[2]
MANDATORY, VOLUNTARY = 179343, 179344
"""The content type ids of the simulator's default materials."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)


class SimulatorClient:
    """One HTTPS client over one kept connection; `kind` is the certificate it shows (None: none at all)."""

    def __init__(self, url: str, certificates: CertificateFolder, kind: ClientKind | None = "good") -> None:
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=str(certificates.server_ca))
        if kind is not None:
            pair = certificates.client(kind)
            context.load_cert_chain(pair.certificate, pair.key)
        self._connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, context=context, timeout=60
        )

    def __enter__(self) -> SimulatorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Makes a call; after a broken one the connection is closed, and the next call opens a new one."""
        try:
            self._connection.request(method, path, body, headers or {})
            answer = self._connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def put(self, message_id: str, body: bytes | None = None, *, system_id: int = SYSTEM_ID) -> Reply:
        return self.call(
            "PUT",
            dispatch_path(message_id, system_id),
            dispatch_xml() if body is None else body,
            {"Content-Type": "application/xml"},
        )

    def look_up(self, *, material: int = MANDATORY, system_id: int = SYSTEM_ID, **query: str) -> Reply:
        path = f"/oio/rest/srv.svc/1/afsendersystem/{system_id}/tilmeldinger/{material}"
        return self.call("GET", f"{path}?{urlencode(query)}")

    def poll(self, *message_ids: str, client_id: str = "01") -> Reply:
        query = urlencode([("message_id", one) for one in message_ids])
        return self.call("GET", f"/rest/messages/{client_id}/?{query}")

    def messages(self, since: str | None = None) -> list[dict[str, Any]]:
        """Returns what the simulator holds, oldest first."""
        query = f"?{urlencode({'since': since})}" if since else ""
        return list(self._control("GET", f"/_sim/messages{query}")["messages"])

    def counts(self) -> dict[str, int]:
        return dict(self._control("GET", "/_sim/counts"))

    def clear_messages(self) -> int:
        return int(self._control("DELETE", "/_sim/messages")["n_dropped"])

    def add_fault(self, kind: str, **rule: Any) -> int:
        """Puts a fault in force and returns its id; the fields are those of `FaultRule`."""
        return int(self._control("POST", "/_sim/faults", {"kind": kind, **rule})["ids"][0])

    def faults(self) -> list[dict[str, Any]]:
        return list(self._control("GET", "/_sim/faults")["faults"])

    def clear_faults(self, rule_id: int | None = None) -> int:
        query = "" if rule_id is None else f"?id={rule_id}"
        return int(self._control("DELETE", f"/_sim/faults{query}")["n_removed"])

    def flip_person(self, word: str, **change: Any) -> None:
        """Changes a listed person from now on: `status=…`, `groups=[…]` or `all_groups=True`."""
        self._control("POST", "/_sim/persons", {"person": word, **change})

    def _control(self, method: str, path: str, value: Any = None) -> Any:
        body = None if value is None else json.dumps(value).encode()
        reply = self.call(method, path, body, {"Content-Type": "application/json"})
        assert reply.status == 200, f"{method} under /_sim/ answered {reply.status}"
        return reply.json()


@dataclass(slots=True)
class RunningSimulator:
    """A simulator that runs for a test, however it runs; `pid` is 0 for one in a thread."""

    url: str
    port: int
    certificates: CertificateFolder
    pid: int = 0
    running: Running | None = None

    def client(self, kind: ClientKind | None = "good") -> SimulatorClient:
        return SimulatorClient(self.url, self.certificates, kind)


StartSimulator = Callable[..., RunningSimulator]
"""`start(server="good", port=0, **settings)`; the settings are those of `SimulatorSettings`."""


@pytest.fixture
def start_simulator(certificates: CertificateFolder) -> Iterator[StartSimulator]:
    """Starts simulators in threads of this process: quick, and their state can be looked into."""
    with ExitStack() as stack:

        def start(server: ServerKind = "good", port: int = 0, **settings: Any) -> RunningSimulator:
            return stack.enter_context(
                _in_thread(certificates, server, port, _settings(certificates, settings))
            )

        yield start


@pytest.fixture
def start_simulator_process(certificates: CertificateFolder, tmp_path: Path) -> Iterator[StartSimulator]:
    """Starts simulators in processes of their own, which end with the test, also when pytest is killed."""
    with ExitStack() as stack:

        def start(server: ServerKind = "good", port: int = 0, **settings: Any) -> RunningSimulator:
            return stack.enter_context(
                running_process(certificates, tmp_path, server=server, port=port, **settings)
            )

        yield start


@pytest.fixture
def simulator(start_simulator: StartSimulator) -> RunningSimulator:
    """A simulator with the defaults, in a thread."""
    return start_simulator()


@pytest.fixture
def simulator_process(start_simulator_process: StartSimulator) -> RunningSimulator:
    """A simulator with the defaults, in a process of its own."""
    return start_simulator_process()


def message_id(number: int, system_id: int = SYSTEM_ID) -> str:
    """Returns a message id after the rule: the padded system id and 32 hexadecimal digits."""
    return f"{system_id:06d}{number:032x}"


def dispatch_path(message: str, system_id: int = SYSTEM_ID) -> str:
    return f"/int/rest/srv.svc/3/dispatchsystem/{system_id}/dispatches/{message}"


def dispatch_xml(
    recipient: str = "1408683994",
    kind: str = "P",
    material: int | str = MANDATORY,
    title: str = "Lønseddel",
    document: bytes = b"%PDF-1.7 a document",
    extension: str = "pdf",
    extra: str = "",
    data: str | None = None,
) -> bytes:
    """Returns the body of a v3 dispatch as the public clients write it."""
    content = base64.b64encode(document).decode() if data is None else data
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Dispatch xmlns="urn:eboks:en:3.0.0"><DispatchRecipient>'
        f"<Id>{recipient}</Id><Type>{kind}</Type><Nationality>DK</Nationality></DispatchRecipient>"
        f"<ContentTypeId>{material}</ContentTypeId><Title>{escape(title)}</Title>"
        f"<Content><Data>{content}</Data><FileExtension>{extension}</FileExtension></Content>{extra}</Dispatch>"
    ).encode()


def _settings(certificates: CertificateFolder, given: dict[str, Any]) -> SimulatorSettings:
    allowed = certificates.allowed(SYSTEM_ID, OTHER_SYSTEM_ID)
    return SimulatorSettings.model_validate({"certificates": allowed, **given})


def _config(tls: ServerTls, port: int, settings: SimulatorSettings) -> str:
    files = {"certificate": str(tls.certificate), "key": str(tls.key), "client_ca": str(tls.client_ca)}
    return json.dumps({"settings": settings.model_dump(mode="json"), "tls": files, "port": port})


@contextmanager
def running_process(
    certificates: CertificateFolder,
    folder: Path,
    *,
    server: ServerKind = "good",
    port: int = 0,
    **settings: Any,
) -> Iterator[RunningSimulator]:
    """Runs a simulator in a process of its own for the block; its configuration is written into `folder`."""
    config = folder / f"simulator-{len(list(folder.glob('simulator-*')))}.json"
    filled = _settings(certificates, settings)
    config.write_text(_config(certificates.server(server), port, filled), encoding="utf-8")
    with _in_process(certificates, config) as running:
        yield running


@contextmanager
def _in_process(certificates: CertificateFolder, config: Path) -> Iterator[RunningSimulator]:
    command = [sys.executable, "-m", "eboks.simulator", "--config", str(config), "--until-stdin-closes"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the simulator did not start"
        told = json.loads(line)
        yield RunningSimulator(told["url"], told["port"], certificates, pid=process.pid)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def _in_thread(
    certificates: CertificateFolder, server: ServerKind, port: int, settings: SimulatorSettings
) -> Iterator[RunningSimulator]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        starting = asyncio.run_coroutine_threadsafe(
            serve(settings, certificates.server(server), port=port), loop
        )
        running = starting.result(timeout=60)
        try:
            yield RunningSimulator(running.url, running.port, certificates, running=running)
        finally:
            asyncio.run_coroutine_threadsafe(running.stop(), loop).result(timeout=60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()
