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
        "import routing.portal.proofs_by_others, routing.portal.mitid, routing.portal.sms_code\n"
        f"print(*[name for name in {FOREIGN!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_what_speaks_to_brokers_and_gateways_is_loaded_only_when_it_is_used():
    script = (
        "import sys, routing.portal.proofs_by_others, routing.portal.mitid, routing.portal.sms_code\n"
        "print(*[name for name in ('authlib', 'joserfc', 'httpx', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
