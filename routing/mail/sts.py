"""Knows the MTA-STS policy of each domain: announced in the name system, fetched, kept as long as it says.

Relies on `resolver`, `sts_fetch`, `sts_policy` and `sts_shelf`; RFC 8461 3 and 5. A policy that is kept still
counts when the announcement is gone or the fetch fails: otherwise whoever can cut those could switch it off.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from routing.mail.dialling import may_connect
from routing.mail.memory import Clock, Memory
from routing.mail.sts_fetch import NotServed, fetch_policy
from routing.mail.sts_policy import Policy, policy_id, read_policy
from routing.mail.sts_shelf import PolicyShelf

if TYPE_CHECKING:
    from routing.mail.resolver import Resolver

MAX_ENTRIES = 10_000
FETCH_SECONDS = 20.0
_PAUSE_SECONDS = 60.0
"""After a fetch that failed, the next one waits so long."""


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """A domain's policy, or the code of why there is none; `lasting` when asking again gives the same."""

    policy: Policy | None = None
    code: str = ""
    lasting: bool = False


class Policies:
    """Policies by domain; belongs to one event loop. `n_fetched` counts fetches, for tests and figures."""

    def __init__(
        self,
        resolver: Resolver,
        context: Callable[[], ssl.SSLContext],
        *,
        port: int,
        simulated: bool,
        now: Clock,
        kept: dict[str, tuple[Policy, datetime]] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._resolver = resolver
        self._context = context
        self._port = port
        self._simulated = simulated
        self._kept: Memory[str, Policy] = Memory(now, MAX_ENTRIES, kept)
        self._shelf = PolicyShelf(folder, now)
        self._fetches: Memory[tuple[str, str], PolicyAnswer] = Memory(now, MAX_ENTRIES)
        self.n_fetched = 0

    async def policy(self, domain: str) -> PolicyAnswer:
        """Returns the policy that holds for a domain in A-labels."""
        kept = self._kept.peek(domain) or self._recalled(domain)
        announced = await self._announced(domain)
        if isinstance(announced, PolicyAnswer):
            return PolicyAnswer(kept) if kept else announced
        if kept is not None and kept.id == announced:
            return PolicyAnswer(kept)
        return await self._fetched(domain, announced, kept)

    async def refreshed(self, domain: str, held: Policy) -> PolicyAnswer:
        """Fetches anew before a policy closes a domain for good, whatever its id says (RFC 8461 5.1)."""
        return await self._fetched(domain, held.id, held)

    async def close(self) -> None:
        await self._kept.close()
        await self._fetches.close()

    async def _announced(self, domain: str) -> str | PolicyAnswer:
        answer = await self._resolver.ask(f"_mta-sts.{domain}", "TXT")
        if answer.fault:
            return PolicyAnswer(code=answer.fault)
        announced = policy_id(answer.records)
        return announced or PolicyAnswer(code="sts.no_policy", lasting=True)

    async def _fetched(self, domain: str, announced: str, kept: Policy | None) -> PolicyAnswer:
        answer = await self._fetches.get((domain, announced), lambda: self._fetch(domain, announced))
        if answer.policy is None and kept is not None:
            return PolicyAnswer(kept)
        return answer

    async def _fetch(self, domain: str, announced: str) -> tuple[PolicyAnswer, float]:
        self.n_fetched += 1
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                policy = read_policy(await self._text(domain), announced)
        except NotServed as fault:
            return PolicyAnswer(code=fault.code, lasting=fault.lasting), _PAUSE_SECONDS
        except TimeoutError:
            return PolicyAnswer(code="sts.host_not_reached"), _PAUSE_SECONDS
        except ValueError:
            return PolicyAnswer(code="sts.policy_unreadable", lasting=True), _PAUSE_SECONDS
        self._kept.put(domain, policy, policy.max_age_seconds)
        self._shelf.put(domain, policy)
        return PolicyAnswer(policy), _PAUSE_SECONDS

    def _recalled(self, domain: str) -> Policy | None:
        """Returns the policy that an earlier process kept, while it holds."""
        found = self._shelf.find(domain)
        if found is None:
            return None
        policy, seconds_left = found
        self._kept.put(domain, policy, seconds_left)
        return policy

    async def _text(self, domain: str) -> bytes:
        host = f"mta-sts.{domain}"
        v4, v6 = await asyncio.gather(self._resolver.ask(host, "A"), self._resolver.ask(host, "AAAA"))
        found = (*v4.records, *v6.records)
        addresses = [one for one in found if may_connect(one, simulated=self._simulated)]
        return await fetch_policy(host, addresses, self._port, self._context())
