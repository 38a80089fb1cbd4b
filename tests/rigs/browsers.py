"""A real Chromium with pages, contexts and downloads, driven by Playwright; for walks of more than one page.

Relies on Debian's program `chromium`. It may reach nothing but this machine. What it saw is kept as pictures
in `test-artifacts/`, which git ignores.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.rigs.chromium import INSTALL
from tests.rigs.components import require_component

Scheme = Literal["light", "dark"]
PICTURES = Path(__file__).resolve().parents[2] / "test-artifacts" / "portal"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
# WCAG 2.0 to 2.2, A and AA, and what axe counts as good practice.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_CONTRAST = {"type": "rule", "values": ["color-contrast"]}
_ON_PURPOSE = ("Failed to load resource: the server responded with a status", "Clear-Site-Data header on")
_OWN = ("chrome-extension:", "chrome:")  # the parts of the PDF viewer
_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Gives a browser for the tests of one module."""
    program = shutil.which("chromium")
    require_component("Chromium", program is not None, INSTALL)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield made
        made.close()


@dataclass
class Walk:
    """One person's way through the pages. What a page breaks is collected; `done` demands that it is
    nothing."""

    browser: Browser
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    schemes: tuple[Scheme, ...] = ("light", "dark")

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(
            ignore_https_errors=True, accept_downloads=True, **self.options
        )
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("dialog", self._asked)
        self.requested: list[str] = []
        self.page.on("request", lambda request: self.requested.append(request.url))
        self._n_pictures = 0
        self._scripts = self.options.get("java_script_enabled", True)

    def _heard(self, message: Any) -> None:
        # A page that says 403 or 404 on purpose is told in the console too.
        if not message.text.startswith(_ON_PURPOSE):
            self.faults.append(f"console: {message.text}")

    def _asked(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def heading(self) -> str:
        """Returns what the page is about."""
        return self.page.get_by_role("heading", level=1).inner_text()

    def alert(self) -> str:
        """Returns what the page says is wrong."""
        return self.page.get_by_role("alert").inner_text()

    def look(self, what: str, *, axe: bool = True) -> None:
        """Takes pictures and looks for what a page of ours must not do; in the light and in the dark."""
        self._n_pictures += 1
        PICTURES.mkdir(parents=True, exist_ok=True)
        for scheme in self.schemes:
            self.page.emulate_media(color_scheme=scheme)
            name = f"{self.name}-{self._n_pictures:02}-{what}-{scheme}.png"
            self.page.screenshot(path=PICTURES / name, full_page=True)
            if not self._scripts:
                continue
            if self.page.evaluate(_WIDER):
                self.faults.append(f"{what}: wider than the screen")
            if axe:
                asked = _TAGS if scheme == self.schemes[0] else _CONTRAST
                self.faults += [f"{what}, {scheme}: {one}" for one in self._violations(asked)]
        self.page.emulate_media(color_scheme="light")

    def _violations(self, asked: object) -> list[str]:
        """Asks axe about this page, and not about what its frames show: those are looked at by themselves."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        options = json.dumps({"runOnly": asked, "resultTypes": ["violations"], "iframes": False})
        found = f"axe.run(document, {options}).then(found => found.violations)"
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in self.page.evaluate(found)]

    def button(self, name: str) -> None:
        self.page.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).first.click()

    def link(self, name: str) -> None:
        self.page.get_by_role("link", name=re.compile(f"^{re.escape(name)}")).first.click()

    def done(self, origin: str) -> None:
        """Closes the pages; fails on anything that was found, and on a request to another host."""
        strange = [url for url in self.requested if not url.startswith((origin, *_OWN))]
        self.context.close()
        assert (self.faults, strange) == ([], [])
