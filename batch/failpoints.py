"""Names the places where a crash test may end the process.

Relies on the environment variable BREVDUE_FAILPOINT, `name` or `name:n`: the process kills itself at the n-th
pass of that place (SIGKILL), as a power cut would. Without the variable it does nothing. Does not raise,
clean up or log: whatever must hold after a crash has to hold without a last word.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "BREVDUE_FAILPOINT"
_n_passes = 0


def failpoint(name: str) -> None:
    """Ends the process here when the environment says so; else does nothing."""
    global _n_passes
    wanted, _, number = os.environ.get(VARIABLE, "").partition(":")
    if name != wanted:
        return
    _n_passes += 1
    if _n_passes >= int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
