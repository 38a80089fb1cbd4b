"""Opens pages in a real Chromium and asks it what a reader would see.

Relies on Debian's program `chromium`, spoken to over its own pipe (the DevTools protocol, one JSON text after
another, each ended by a zero byte). Needs no driver and no port; the browser may reach nothing but the files.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.components import require_component

INSTALL = "apt-get install chromium"

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)


class Chromium:
    """One browser with one page. `events` holds everything the page has reported since it was opened."""

    def __init__(self, program: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="brevdue-chromium-")
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # The browser reads its commands from descriptor 3 and answers on 4, and so the shell opens them.
        high = [os.dup(to_read), os.dup(to_write)]
        redirect = f'exec 3</dev/fd/{high[0]} 4>/dev/fd/{high[1]}; exec "$@"'
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", redirect, "chromium", program, *_FLAGS, f"--user-data-dir={self._folder}"],
            pass_fds=high,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for handle in (to_read, to_write, *high):
            os.close(handle)
        self._n_calls = 0
        self._rest = b""
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Sends one command and returns its result; raises RuntimeError when the browser refuses it."""
        self._n_calls += 1
        message: dict[str, object] = {"id": self._n_calls, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._n_calls:
                break
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def show(self, page: Path, *, width: int, dark: bool = False, paper: bool = False) -> None:
        """Opens a file at a width in CSS pixels and returns when it has been drawn."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "screen", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def ask(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def photograph(self, target: Path) -> None:
        """Saves a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        target.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Ends the browser and removes its folder."""
        os.close(self._to)
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self._from, 1 << 16)
            if not chunk:
                raise RuntimeError("Chromium has ended")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Gives a browser for the tests of one module."""
    program = shutil.which("chromium")
    require_component("Chromium", program is not None, INSTALL)
    assert program is not None
    browser = Chromium(program)
    try:
        yield browser
    finally:
        browser.close()
