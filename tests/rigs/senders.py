"""Houses that a sender is set up in: with a simulator behind them that trusts an OCES authority.

A sender's answers here are right unless a test changes them. Relies on `tests.rigs.oces_simulator`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import run
from jobs.initiate import init_house
from jobs.settings_file import read_settings
from schemas.settings import Settings
from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.houses import Ran
from tests.rigs.oces import CVR, PASSWORD, Issued, Oces
from tests.rigs.oces_simulator import OcesSimulator, StartOcesSimulator
from tests.rigs.simulator import MANDATORY

QUICK = tuple(f"--step={step}" for step in ("sender", "certificate", "connection", "settings"))
"""All steps but the rehearsal, which costs a few seconds; what is left open makes the exit code 3."""

SETTINGS = """# Husets egne ord, som ingen må røre.
[house]
data = "data"   # alt vort
tenant = "testhus"

[retention]
document_days = 30  # efter aftale
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A house without senders, the files of one who is to come, and the simulator that knows it."""

    folder: Path
    oces: Oces
    issued: Issued = field(repr=False)
    simulator: OcesSimulator

    @property
    def path(self) -> Path:
        return self.folder / "brevdue.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sender_folder(self) -> Path:
        return self.data / "onboarding" / "loen"

    @property
    def settings(self) -> Settings:
        return read_settings(self.path)

    @property
    def p12(self) -> Path:
        return self.file("sender.p12", self.issued.p12())

    @property
    def password(self) -> Path:
        return self.file("password.txt", PASSWORD.encode() + b"\n")

    @property
    def roots(self) -> Path:
        return self.file("roots.pem", self.oces.roots_pem)

    def file(self, name: str, content: bytes) -> Path:
        """Writes a file beside the house and returns its path."""
        path = self.folder.parent / name
        path.write_bytes(content)
        return path

    def flags(self, **change: Any) -> list[str]:
        """Returns the flags of a whole, right onboarding; None leaves one out, True is a bare flag."""
        said: dict[str, Any] = {
            "cvr": CVR,
            "name": "Testvirksomhed ApS",
            "material": "loenseddel",
            "title": "Lønseddel",
            "content-type": MANDATORY,
            "channels": "eboks",
            "delivery": "mandatory",
            "url": self.simulator.url,
            "system-id": SYSTEM_ID,
            "ca": self.simulator.server_ca,
            "public-address": "203.0.113.7",
            "p12": self.p12,
            "password-file": self.password,
            "roots": self.roots,
            "write": True,
        }
        said |= {name.replace("_", "-"): value for name, value in change.items()}
        words: list[str] = []
        for name, value in said.items():
            if value is not None and value is not False:
                words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        return words

    def onboard(self, *words: str) -> Ran:
        """Runs `onboard loen` with flags."""
        return self.brevdue("onboard", "loen", *words)

    def brevdue(self, *words: str) -> Ran:
        """Runs a command in this process, speaking JSON."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["--json", "--settings", str(self.path), *words])
        return Ran(code, out.getvalue(), err.getvalue())

    def state(self) -> dict[str, Any]:
        """Returns what was kept about the sender."""
        return json.loads((self.sender_folder / "state.json").read_text(encoding="utf-8"))


OpenDesk = Callable[..., Desk]
"""`open_desk(issued=…, oces=…)`: the sender's certificate, right unless given."""


@pytest.fixture
def open_desk(tmp_path: Path, oces: Oces, start_oces_simulator: StartOcesSimulator) -> OpenDesk:
    """Founds houses for senders to come."""
    number = 0

    def opened(issued: Issued | None = None, authority: Oces | None = None, **settings: Any) -> Desk:
        nonlocal number
        number += 1
        own = issued or oces.issue()
        simulator = start_oces_simulator(authority or oces, own, **settings)
        folder = tmp_path / f"house-{number}" / "house"
        folder.mkdir(parents=True)
        (folder / "brevdue.toml").write_text(SETTINGS, encoding="utf-8")
        init_house(read_settings(folder / "brevdue.toml"))
        return Desk(folder, oces, own, simulator)

    return opened


def codes(data: dict[str, Any], step: str) -> dict[str, str]:
    """Returns what → code of a step's verdicts that are not in order, out of the command's JSON."""
    return {check["what"]: check["code"] for check in data["steps"][step]["checks"] if check["code"]}


def bad_codes(data: dict[str, Any], step: str) -> list[str]:
    """Returns the codes of a step's bad verdicts."""
    return [check["code"] for check in data["steps"][step]["checks"] if check["level"] == "bad"]
