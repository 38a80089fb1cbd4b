"""Runs both simulators as a process of their own: `python -m routing.portal.simulator --folder DIR`.

`--persons` names a JSON list of `{"label", "claims", "number"}`. Prints one JSON line with the tables `mitid`
and `sms` of a portal's settings and the page of the telephone, and ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from routing.portal.simulator.broker import SimulatedPerson
from routing.portal.simulator.rehearsal import start
from schemas.errors import ConfigurationError


def main() -> int:
    """Runs until it is told to end; returns the exit code (2: the persons can't be read)."""
    parser = argparse.ArgumentParser(prog="python -m routing.portal.simulator")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--persons", type=Path)
    given = parser.parse_args()
    try:
        persons = _read(given.persons) if given.persons else []
        return asyncio.run(_run(given.folder, persons))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


def _read(path: Path) -> list[SimulatedPerson]:
    try:
        return TypeAdapter(list[SimulatedPerson]).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise ConfigurationError("simulator.bad_config") from None


async def _run(folder: Path, persons: Sequence[SimulatedPerson]) -> int:
    told = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, told.set)
    outside = await start(folder, persons)
    tables = {
        name: table.model_dump(mode="json", exclude_unset=True)
        for name, table in (("mitid", outside.mitid), ("sms", outside.sms))
    }
    print(json.dumps({"simulator": True, "phone": outside.phone_url, **tables}), flush=True)
    await told.wait()
    await outside.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
