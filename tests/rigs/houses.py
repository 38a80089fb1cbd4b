"""Founds real houses for tests, with a simulator behind them, and runs `brevdue` on them as a person would.

A house here is a folder with a `brevdue.toml`, keys, a database and a source `loen`; the commands run in
processes of their own, so that they can be killed.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import run
from jobs.house import open_house, utc_now
from jobs.initiate import init_house
from jobs.settings_file import read_settings
from schemas.settings import Settings
from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.channels import OUR_UUIDS
from tests.rigs.simulator import MANDATORY, VOLUNTARY, RunningSimulator, StartSimulator

ROOT = Path(__file__).resolve().parents[2]
REST_SECONDS = 90.0
"""Bounds a batch that never comes to rest; no test waits for it unless something is wrong."""

SETTINGS = """
[house]
data = "data"
database_url = "{database_url}"
tenant = "testhus"
{house}

[sources.loen]
folder = "loen"
material = "loenseddel"
{source}

[materials.loenseddel]
title = "Lønseddel"
channels = ["eboks"]
{material}
[materials.loenseddel.eboks]
content_type_id = {mandatory}
delivery = "mandatory"

[materials.brev]
title = "Brev"
channels = ["eboks"]
extensions = ["pdf", "txt"]
[materials.brev.eboks]
content_type_id = {voluntary}
delivery = "voluntary"

[channels.eboks]
{kind}
url = "{url}"
system_id = {system_id}
certificate = "{certificate}"
key = "{key}"
ca = "{ca}"
backoff_seconds = 0.05
backoff_max_seconds = 0.2
breaker_pause_seconds = 0.2
deadline_seconds = 10
max_attempts = 50
{channel}
"""


# What one kind of channel to e-Boks has and the other has not.
KINDS = {
    "rest": 'kind = "eboks"\nprofile = "{profile}"\nclient_id = "01"',
    "soap": "\n".join(['kind = "eboks_soap"', *(f'{name} = "{uuid}"' for name, uuid in OUR_UUIDS.items())]),
}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str = field(repr=False)
    err: str = field(repr=False)

    @property
    def data(self) -> dict[str, Any]:
        """The last line of its JSON."""
        return json.loads(self.out.splitlines()[-1])


@dataclass(frozen=True, slots=True)
class HouseOnDisk:
    """A founded house; `brevdue` runs a command on it."""

    path: Path
    settings: Settings
    simulator: RunningSimulator

    @property
    def source(self) -> Path:
        return self.settings.sources["loen"].folder

    @property
    def inbox(self) -> Path:
        return self.source / "ind"

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts a command and returns its process; the caller ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.cli", "--json", "--settings", str(self.path), *arguments],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def brevdue(self, *arguments: str) -> Ran:
        """Runs a command to its end in this process: the code of `start`, without the start of Python."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["--json", "--settings", str(self.path), *arguments])
        return Ran(code, out.getvalue(), err.getvalue())

    def brevdue_process(self, *arguments: str, env: dict[str, str] | None = None) -> Ran:
        """Runs a command to its end in a process of its own."""
        process = self.start(*arguments, env=env)
        try:
            out, err = process.communicate(timeout=100)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return Ran(process.returncode, out, err)

    def day(self) -> dict[str, Any]:
        """Pulls, dispatches and collects until nothing is on the way, closes; returns `status`."""
        self.brevdue("pull")
        self.dispatch_to_rest("collect")
        self.brevdue("close")
        return self.status()

    def dispatch_to_rest(self, *then: str) -> None:
        """Dispatches until nothing moves by itself any more; fails when that lasts far too long.

        A pass that finds everything in a pause moves nothing, so passes are not counted: the next one comes
        when something is due. After each pass the commands in `then` run; with `collect` among them, what
        a channel has accepted is waited for as well.
        """
        deadline = time.monotonic() + REST_SECONDS
        while True:
            for verb in ("dispatch", *then):
                self.brevdue(verb)
            due_at = self.next_move_at()
            if due_at is None and not ("collect" in then and self.states().get("accepted")):
                return
            assert time.monotonic() < deadline, f"no rest after {REST_SECONDS:.0f} s: {self.states()}"
            if due_at is not None:
                time.sleep(min(max((due_at - utc_now()).total_seconds(), 0.0), 1.0))

    def next_move_at(self) -> datetime | None:
        """Returns when a worker has something to do next; None when all is final or waits for somebody.

        What is being sent, or lies with a dead worker, is due at once.
        """
        if self.states().get("sending"):
            return utc_now()
        with open_house(self.settings) as house:
            due = [house.ledger.next_due_at(name) for name in house.ledger.channels_in_use()]
        return min((at for at in due if at is not None), default=None)

    def status(self) -> dict[str, Any]:
        return self.brevdue("status").data

    def on_the_way(self) -> int:
        """Returns how many consignments are neither final, held, nor waiting for a person."""
        states = ("ready", "sending", "in_doubt", "accepted")
        return sum(batch["states"].get(state, 0) for batch in self.status()["batches"] for state in states)

    def states(self) -> dict[str, int]:
        """Returns how many consignments of all batches stand in each state, zeros left out."""
        total: dict[str, int] = {}
        for batch in self.status()["batches"]:
            for state, n in batch["states"].items():
                total[state] = total.get(state, 0) + n
        return {state: n for state, n in total.items() if n}

    def answers(self, name: str) -> list[Path]:
        """Returns the answer files of that name, over all batches."""
        return sorted((self.source / "kvittering").glob(f"*/{name}"))


FoundHouse = Callable[..., HouseOnDisk]
"""`found(simulator, database_url=, service=, profile=, house=, source=, …)`; the last: lines of settings."""


def write_house(
    folder: Path,
    simulator: RunningSimulator,
    *,
    database_url: str = "",
    service: str = "rest",
    profile: str = "direct",
    house: str = "",
    source: str = "",
    material: str = "",
    channel: str = "",
) -> HouseOnDisk:
    """Writes the settings of a house into a new folder and founds it."""
    folder.mkdir()
    pair = simulator.certificates.client("good")
    path = folder / "brevdue.toml"
    path.write_text(
        SETTINGS.format(
            database_url=database_url,
            url=simulator.url,
            system_id=SYSTEM_ID,
            kind=KINDS[service].format(profile=profile),
            certificate=pair.certificate,
            key=pair.key,
            ca=simulator.certificates.server_ca,
            mandatory=MANDATORY,
            voluntary=VOLUNTARY,
            house=house,
            source=source,
            material=material,
            channel=channel,
        ),
        encoding="utf-8",
    )
    settings = read_settings(path)
    init_house(settings)
    return HouseOnDisk(path, settings, simulator)


@pytest.fixture
def found_house(tmp_path: Path, start_simulator_process: StartSimulator) -> FoundHouse:
    """Founds houses in the test's folder; each has a simulator of its own unless one is given."""
    number = 0

    def found(simulator: RunningSimulator | None = None, **lines: Any) -> HouseOnDisk:
        nonlocal number
        number += 1
        running = simulator or start_simulator_process(profile=lines.get("profile", "direct"))
        return write_house(tmp_path / f"house-{number}", running, **lines)

    return found


def kill_after(process: subprocess.Popen[str], seconds: float) -> bool:
    """Kills a process with SIGKILL after a while; returns False when it had ended by itself."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    finally:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return False
