"""Runs a simulator as a process of its own: `python -m eboks.simulator --config FILE`.

The file is JSON: `{"settings": {…}, "tls": {"certificate", "key", "client_ca"}, "host", "port"}`. Prints
one JSON line with the port once it listens, and ends on SIGTERM, SIGINT or, with `--until-stdin-closes`,
when its parent has gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eboks.simulator.server import serve
from eboks.simulator.settings import ServerTls, SimulatorSettings
from schemas.errors import ConfigurationError


class _TlsFiles(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path
    key: Path
    client_ca: Path


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    settings: SimulatorSettings = SimulatorSettings()
    tls: _TlsFiles
    host: str = "127.0.0.1"
    port: int = 0


def main() -> int:
    """Runs until it is told to end; returns the exit code (2: the configuration is wrong)."""
    parser = argparse.ArgumentParser(prog="python -m eboks.simulator")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--until-stdin-closes", action="store_true")
    given = parser.parse_args()
    try:
        return asyncio.run(_run(_read(given.config), until_stdin_closes=given.until_stdin_closes))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


def _read(path: Path) -> _Config:
    try:
        return _Config.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError("simulator.bad_config") from error


async def _run(config: _Config, *, until_stdin_closes: bool) -> int:
    tls = ServerTls(config.tls.certificate, config.tls.key, config.tls.client_ca)
    running = await serve(config.settings, tls, config.host, config.port)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, told.set)
    if until_stdin_closes:
        await loop.connect_read_pipe(lambda: _Watch(told), sys.stdin)
    line: dict[str, Any] = {"simulator": True, "port": running.port, "url": running.url, "pid": os.getpid()}
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
