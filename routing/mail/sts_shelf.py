"""Keeps MTA-STS policies on disk for as long as they hold, which is longer than a process lives (RFC 8461 5).

Relies on `sts_policy` for reading one back. A domain's name is not in a file's name. What is damaged counts
as not there, and a disk that takes nothing costs a question more next time. Fetches nothing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from routing.mail.memory import Clock
from routing.mail.sts_policy import Policy, policy_text, read_policy
from routing.private_files import write_private


class PolicyShelf:
    """Policies in a folder, a file each; without a folder there are never any."""

    def __init__(self, folder: Path | None, now: Clock) -> None:
        self._folder = folder
        self._now = now

    def find(self, domain: str) -> tuple[Policy, float] | None:
        """Returns the policy kept of a domain and for how many seconds it still holds."""
        if self._folder is None:
            return None
        try:
            kept = json.loads(self._path(self._folder, domain).read_bytes())
            policy = read_policy(kept["policy"].encode(), kept["id"])
            age = (self._now() - datetime.fromisoformat(kept["at"])).total_seconds()
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        # A clock that was set back must not make it hold for longer.
        left = policy.max_age_seconds - age
        return (policy, left) if age >= 0 and left > 0 else None

    def put(self, domain: str, policy: Policy) -> None:
        """Keeps a policy that was fetched just now, in place of an older one."""
        if self._folder is None:
            return
        at = self._now().astimezone(UTC).isoformat()
        kept = {"id": policy.id, "at": at, "policy": policy_text(policy)}
        with suppress(OSError):
            write_private(self._path(self._folder, domain), json.dumps(kept).encode())

    def _path(self, folder: Path, domain: str) -> Path:
        return folder / f"{sha256(domain.encode()).hexdigest()}.json"
