"""The web application stands alone: it loads nothing that seals, makes links, sends letters or knows the
ledger."""

from __future__ import annotations

import subprocess
import sys

from tests.rigs.source import ROOT

FOREIGN = (
    *("batch", "eboks", "jobs", "sqlmodel"),
    *("routing.channels", "routing.portal.packing", "routing.portal.upkeep", "routing.cms"),
)


def test_the_web_application_loads_nothing_of_the_dispatching_side():
    script = (
        "import sys, routing.portal.web.application, routing.portal.web.serving, routing.portal.mail_code\n"
        f"print(*[name for name in {FOREIGN!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
