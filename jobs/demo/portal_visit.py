"""The portal in the demo: its settings, and a day on which one recipient reads and another does not.

Relies on `jobs.demo.portal_process`, which serves the pages by TLS of its own, and on `jobs.demo.reader`, who
has the mail and what the employer told, and nothing else. Both are processes of their own and end with the
demo.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.demo.reader import link_in
from jobs.initiate import simulator_folder
from jobs.mail_simulation import mail_folder
from jobs.portal import first_portal
from schemas.errors import ConfigurationError
from schemas.settings import Settings

PUBLIC, PRIVATE = "loen-svar.pem", "loen-svar.key"
"""The pair of keys for replies; in a real house the private half is with the source and nowhere else."""
START_SECONDS = 20.0
READ_SECONDS = 30.0
_SETTINGS = """
[materials.loenseddel.portal]
identity = ["shared_secret"]
secret_column = "kode"
secret_hint_da = "Koden står i dit ansættelsesbrev."
secret_hint_en = "The code stands in your letter of employment."

[channels.portal]
kind = "portal"
url = "https://127.0.0.1:{port}"
reply_keys = {{ loen = "{public}" }}

[channels.portal.brands.default]
name = "Havnens Bageri A/S"

[channels.portal.server]
port = {port}
certificate = "data/simulator/server-good.pem"
key = "data/simulator/server-good.key"
"""


@dataclass(frozen=True, slots=True)
class Unread:
    """A letter that waits in the portal: the link of its notice, and the code its recipient was told."""

    link: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visited:
    """Who read, with the SHA-256 of what they got, by address; and what waits."""

    read: Mapping[str, str] = field(default_factory=dict, repr=False)
    unread: Sequence[Unread] = ()


def portal_settings(port: int) -> str:
    """Returns the sections of the settings that make a portal on this machine."""
    return _SETTINGS.format(port=port, public=PUBLIC)


def is_notice(mail: Mapping[str, Any]) -> bool:
    """Says whether a mail of the simulator's record is the notice of a letter in the portal."""
    return str(mail.get("message_id", "")).startswith("<portal-")


def visit(
    settings_path: Path, settings: Settings, mails: Sequence[Mapping[str, Any]], codes: Mapping[str, str]
) -> Visited:
    """Serves the portal while the first one who was told reads, by address; the others do nothing.

    Raises ConfigurationError `demo.no_portal` when it does not start or can't be read.
    """
    received = mail_folder(settings) / "received"
    notices = {one["recipients"][0]: received / one["file"] for one in mails if is_notice(one)}
    if not notices:
        return Visited()
    reader, *others = sorted(notices)
    with serving(settings_path, settings):
        digest = _read(notices[reader], simulator_folder(settings) / "server-ca.pem", codes[reader])
    return Visited(
        {reader: digest}, tuple(Unread(link_in(notices[one].read_bytes()), codes[one]) for one in others)
    )


@contextmanager
def serving(settings_path: Path, settings: Settings) -> Iterator[None]:
    """Runs the portal for the block; it ends when its input does, so at the latest with this process."""
    command = [sys.executable, "-m", "jobs.demo.portal_process", str(settings_path)]
    with (settings.house.data / "portal" / "demo.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    assert process.stdin is not None
    try:
        _wait_until_it_listens(process, settings)
        yield
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], settings: Settings) -> None:
    _, channel = first_portal(settings)
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection((channel.server.host, channel.server.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ConfigurationError("demo.no_portal")


def _read(mail: Path, ca: Path, code: str) -> str:
    """Lets a reader open the letter of a notice; returns the SHA-256 of what came."""
    command = [sys.executable, "-m", "jobs.demo.reader", str(mail), str(ca)]
    try:
        done = subprocess.run(command, input=code, text=True, capture_output=True, timeout=READ_SECONDS)
        if done.returncode == 0:
            return str(json.loads(done.stdout)["sha256"])
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        pass
    raise ConfigurationError("demo.no_portal")
