"""Our own certificate and key of one channel as a TLS context, and a new context after they were swapped.

Relies on `tls`. Looks at the files again at most once a second, so that a certificate can be renewed while
letters are on their way: what is open ends on the old one, what is opened from then on shows the new one.
Writes no file.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from eboks.tls import make_context, standing_pair
from schemas.errors import ConfigurationError

LOOK_SECONDS = 1.0

_Mark = tuple[tuple[str, int, int, int], ...]


class OwnIdentity:
    """Gives a channel's TLS context; `demand_fit` raises ConfigurationError when there must be none."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        authority: Path | None,
        demand_fit: Callable[[], object],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._certificate, self._key, self._authority = certificate, key, authority
        self._demand_fit = demand_fit
        self._ticks = ticks
        self._context: ssl.SSLContext | None = None
        self._mark: _Mark = ()
        self._looked = 0.0

    def context(self) -> ssl.SSLContext:
        """Returns the context for a connection that is opened now; raises ConfigurationError at the first."""
        if self._context is None:
            self._context = self._make()
        elif self._ticks() - self._looked >= LOOK_SECONDS:
            self._looked = self._ticks()
            if _mark(self._certificate, self._key) != self._mark:
                # A pair that is no good is no reason to stop in the middle: the one in use still holds, and
                # the next pass, which begins with a look at the set-up, says what is wrong.
                with suppress(ConfigurationError):
                    self._context = self._make()
        return self._context

    def _make(self) -> ssl.SSLContext:
        self._demand_fit()
        self._looked, mark = self._ticks(), _mark(self._certificate, self._key)
        context = make_context(self._certificate, self._key, self._authority)
        self._mark = mark
        return context


def _mark(certificate: Path, key: Path) -> _Mark:
    """Returns what tells the two files from any others; empty when they can't be looked at."""
    try:
        pair = [(path, path.stat()) for path in standing_pair(certificate, key)]
    except OSError:
        return ()
    return tuple((str(path), one.st_ino, one.st_mtime_ns, one.st_size) for path, one in pair)
