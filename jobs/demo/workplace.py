"""A place for the demo: a folder with real settings, keys and database, and simulators as the other side.

Relies on `jobs.initiate` and `jobs.simulation` for what any house gets. The simulators, of e-Boks and of the
other end of mail, run as processes of their own on loopback and end with the demo, however that ends.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.demo.portal_visit import PRIVATE, PUBLIC, portal_settings
from jobs.initiate import init_house, simulator_folder, write_template
from jobs.mail_simulation import mail_folder, mail_simulator_settings
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


_ROUTE = (
    'channels = ["eboks"]\n',
    'channels = ["eboks", "smime", "tunnel", "tls", "portal"]\n',
)
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
    from routing.portal.reply_box import make_reply_keys

    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="brevdue-demo-"))
    elif folder.exists() and any(folder.iterdir()):
        raise ConfigurationError("demo.folder_not_empty")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "brevdue.toml"
    write_template(path)
    _adapt(path, soap=soap)
    make_reply_keys(folder / PRIVATE, folder / PUBLIC)
    settings = read_settings(path)
    init_house(settings)
    return Workplace(folder, path, settings)


def _adapt(path: Path, *, soap: bool) -> None:
    """Gives the template free ports, the channels by mail, a portal, the demo's short patience and, if asked,
    the other kind of channel to e-Boks."""
    text = path.read_text(encoding="utf-8").replace("#: ", "").replace("#:\n", "\n")
    for fixed in ("127.0.0.1:8443", "127.0.0.1:8053", "port = 8025"):
        start = fixed.removesuffix(fixed[-4:])
        text = text.replace(fixed, f"{start}{_free_port()}")
    text = text.replace(*_ROUTE)
    patience = "parallel = 8\nbackoff_seconds = 0.2\nbackoff_max_seconds = 1.0\n"
    text = text.replace("parallel = 8\n", patience)
    if soap:
        kind, profile = _REST
        text = text.replace(kind, _SOAP).replace(profile, "")
    path.write_text(text + portal_settings(_free_port()), encoding="utf-8")


def _free_port() -> int:
    """Returns a port that nobody uses, below those that the system hands out to whoever asks for any."""
    while True:
        port = random.randrange(25_000, 32_000)
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram, suppress(OSError):
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
            return port


@contextmanager
def simulators(place: Workplace) -> Iterator[None]:
    """Runs the simulators for the block; ConfigurationError `demo.no_simulator` when one won't start."""
    folder = place.settings.house.data / "simulator"
    configs = {"eboks.simulator": _config(place.settings), "routing.simulator": _mail_config(place.settings)}
    with ExitStack() as running:
        begun = []
        for module, config in configs.items():
            path = folder / f"{module}.json"
            path.write_text(config, encoding="utf-8")
            begun.append(running.enter_context(_process(module, path)))
        # Begun side by side: each takes its time to load.
        if not all(process.stdout is not None and process.stdout.readline() for process in begun):
            raise ConfigurationError("demo.no_simulator")
        yield


@contextmanager
def _process(module: str, config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, "--config", str(config), "--until-stdin-closes"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait(timeout=15)


def _mail_config(settings: Settings) -> str:
    return mail_simulator_settings(settings).model_dump_json()


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


def n_held_by_eboks(settings: Settings) -> int:
    """Asks the simulator how many messages it holds, by a plain call of its own."""
    return int(_ask(settings, "GET", "/_sim/counts")["n_messages"])


def exempt(settings: Settings, numbers: Iterable[str]) -> None:
    """Makes people exempt from digital mail at the simulator of e-Boks."""
    for number in numbers:
        _ask(settings, "POST", "/_sim/persons", {"kind": "P", "number": number, "status": "exempt"})


def received_by_mail(settings: Settings) -> list[dict[str, Any]]:
    """Returns what the simulator of mail has received, as its record tells it."""
    from routing.simulator.received import read_record

    return read_record(mail_folder(settings))


def _ask(settings: Settings, method: str, path: str, body: object = None) -> dict[str, Any]:
    channel = first_eboks(settings)
    context = ssl.create_default_context(cafile=str(simulator_folder(settings) / "server-ca.pem"))
    context.load_cert_chain(channel.certificate, channel.key)
    address = urlsplit(channel.url)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, context=context, timeout=10
    )
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()
