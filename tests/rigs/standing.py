"""Keeps a house with its simulator standing outside of pytest, for the bench and the torture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eboks.simulator.certificates import make_certificates
from tests.rigs.houses import HouseOnDisk, write_house
from tests.rigs.simulator import running_process


@contextmanager
def standing_house(folder: Path, profile: str = "direct", **lines: Any) -> Iterator[HouseOnDisk]:
    """Founds a house in `folder` with a simulator in a process of its own; ends the simulator at the end."""
    certificates = make_certificates(folder / "certificates", datetime.now(UTC))
    with running_process(certificates, folder, profile=profile) as simulator:
        yield write_house(folder / "house", simulator, profile=profile, **lines)
