"""Serves the demo's portal as `brevdue portal` does, until its input ends: `-m jobs.demo.portal_process`.

Relies on that command and adds only the end: whoever started it may be gone without a word.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path


def main(settings_path: Path) -> int:
    """Serves the portal of the settings; returns the exit code of the command."""
    from jobs.commands.context import Context
    from jobs.commands.portal import serve
    from jobs.screen import Screen

    threading.Thread(target=_end_with_input, daemon=True).start()
    return serve(Context(Screen(quiet=True), settings_path))


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
