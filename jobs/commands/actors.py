"""Says who did something, as a person reads it: our own workers have names without meaning.

Relies on the form of a worker's name. Knows no ledger.
"""

from __future__ import annotations

import re

_WORKER = re.compile(r"[0-9a-f]{32}")


def who(actor: str) -> str:
    """Returns the person who acted; nothing for ourselves."""
    return "" if actor == "brevdue" or _WORKER.fullmatch(actor) else actor
