"""A place for the demo: a folder with real settings, keys and database, and the simulator as its e-Boks.

Relies on `jobs.initiate` and `jobs.simulation` for what any house gets. The simulator runs as a process of
its own on loopback and ends with the demo, however that ends.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jobs.initiate import init_house, simulator_folder, write_template
from jobs.settings_file import read_settings
from jobs.simulation import first_eboks, simulator_parts
from schemas.errors import ConfigurationError
from schemas.settings import Settings

TROUBLE = tuple(
    {"on": call, **fault}
    for call in ("put", "soap_send")
    for fault in (
        {"kind": "accept_then_drop", "count": 1, "after": 30},
        {"kind": "status", "status": 503, "retry_after": 0, "count": 2, "after": 60},
    )
)
"""What goes wrong on the way: an answer that never comes, and a service that is busy for a moment."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A founded house and the settings file a user can go on with."""

    folder: Path
    settings_path: Path
    settings: Settings

    @property
    def inbox(self) -> Path:
        return self.settings.sources["loen"].folder / "ind"


_REST = 'kind = "eboks"\n', 'profile = "direct"\n'
# The three UUIDs are invented, and 9020 is the simulator's own number for an id that was used already.
_SOAP = """kind = "eboks_soap"
service_agreement_uuid = "11111111-1111-4111-8111-111111111111"
user_system_uuid = "22222222-2222-4222-8222-222222222222"
user_uuid = "33333333-3333-4333-8333-333333333333"
duplicate_fault_codes = ["9020"]
"""


def found(folder: Path | None, *, soap: bool = False) -> Workplace:
    """Founds a house in an empty folder, or in a new temporary one; with `soap` its e-Boks speaks SOAP.

    Raises ConfigurationError `demo.folder_not_empty` when something lies there already.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="brevdue-demo-"))
    elif folder.exists() and any(folder.iterdir()):
        raise ConfigurationError("demo.folder_not_empty")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "brevdue.toml"
    write_template(path)
    _adapt(path, _free_port(), soap=soap)
    settings = read_settings(path)
    init_house(settings)
    return Workplace(folder, path, settings)


def _adapt(path: Path, port: int, *, soap: bool) -> None:
    """Gives the template a free port, the demo's short patience and, if asked, the other kind of channel."""
    text = path.read_text(encoding="utf-8").replace("127.0.0.1:8443", f"127.0.0.1:{port}")
    patience = "parallel = 8\nbackoff_seconds = 0.2\nbackoff_max_seconds = 1.0\n"
    text = text.replace("parallel = 8\n", patience)
    if soap:
        kind, profile = _REST
        text = text.replace(kind, _SOAP).replace(profile, "")
    path.write_text(text, encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def simulator(place: Workplace) -> Iterator[None]:
    """Runs the simulator for the block; raises ConfigurationError `demo.no_simulator` when it won't start."""
    config = place.settings.house.data / "simulator" / "demo.json"
    config.write_text(_config(place.settings), encoding="utf-8")
    command = [sys.executable, "-m", "eboks.simulator", "--config", str(config), "--until-stdin-closes"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        if not process.stdout.readline():
            raise ConfigurationError("demo.no_simulator")
        yield
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait(timeout=15)


def _config(settings: Settings) -> str:
    channel = first_eboks(settings)
    parts, tls = simulator_parts(settings, channel, None)
    return json.dumps(
        {
            "settings": {**parts.model_dump(mode="json"), "faults": TROUBLE},
            "tls": {
                "certificate": str(tls.certificate),
                "key": str(tls.key),
                "client_ca": str(tls.client_ca),
            },
            "port": urlsplit(channel.url).port,
        }
    )


def n_held_by_simulator(settings: Settings) -> int:
    """Asks the simulator how many messages it holds, by a plain call of its own."""
    channel = first_eboks(settings)
    context = ssl.create_default_context(cafile=str(simulator_folder(settings) / "server-ca.pem"))
    context.load_cert_chain(channel.certificate, channel.key)
    address = urlsplit(channel.url)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, context=context, timeout=10
    )
    try:
        connection.request("GET", "/_sim/counts")
        return int(json.loads(connection.getresponse().read())["n_messages"])
    finally:
        connection.close()
