"""Runs the simulator as a process of its own: `python -m routing.simulator --config FILE`.

The file is JSON, as `MailSimulatorSettings`. Prints one JSON line once it listens, and ends on SIGTERM,
SIGINT or, with `--until-stdin-closes`, when its parent has gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from pydantic import ValidationError

from routing.simulator.server import serve
from routing.simulator.settings import MailSimulatorSettings
from schemas.errors import ConfigurationError


def main() -> int:
    """Runs until it is told to end; returns the exit code (2: the configuration is wrong)."""
    parser = argparse.ArgumentParser(prog="python -m routing.simulator")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--until-stdin-closes", action="store_true")
    given = parser.parse_args()
    try:
        return asyncio.run(_run(_read(given.config), until_stdin_closes=given.until_stdin_closes))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


def _read(path: Path) -> MailSimulatorSettings:
    try:
        return MailSimulatorSettings.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError("simulator.bad_config") from error


async def _run(settings: MailSimulatorSettings, *, until_stdin_closes: bool) -> int:
    running = await serve(settings)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, told.set)
    if until_stdin_closes:
        await loop.connect_read_pipe(lambda: _Watch(told), sys.stdin)
    line = {"simulator": True, "dns": running.dns, "smtp_port": running.smtp_port, "pid": os.getpid()}
    print(json.dumps(line), flush=True)
    await told.wait()
    await running.stop()
    return 0


class _Watch(asyncio.Protocol):
    """Sets an event when the other end of a pipe has gone."""

    def __init__(self, told: asyncio.Event) -> None:
        self._told = told

    def connection_lost(self, exc: Exception | None) -> None:
        self._told.set()


if __name__ == "__main__":
    sys.exit(main())
