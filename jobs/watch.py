"""Looks at the inboxes and says soon when something was laid there: a hint, never the truth.

Relies on watchfiles. A network mount gives no events and a system may refuse more watches: then only the
timetable's own rescan finds the drops, and the log says so. Reads no drop and logs no file name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from jobs.logs import Log

DEBOUNCE_MILLISECONDS = 500
QUIET_MILLISECONDS = 200
LOOK_MILLISECONDS = 5_000
AGAIN_SECONDS = 60.0
# What a sender is still writing, and hidden files, are no drops (design 8.1).
_UNFINISHED = (".tmp", ".part")


class Watch:
    """Watches one inbox per source in a thread of its own; `hint` hears the source's name."""

    def __init__(
        self,
        inboxes: Mapping[str, Path],
        hint: Callable[[str], object],
        log: Log,
        *,
        again_seconds: float = AGAIN_SECONDS,
        look_milliseconds: int = LOOK_MILLISECONDS,
    ) -> None:
        self._inboxes = dict(inboxes)
        self._hint = hint
        self._log = log
        self._again_seconds = again_seconds
        self._look_milliseconds = look_milliseconds
        self._ending = threading.Event()
        self._fault = ""
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        self.watching = threading.Event()
        """Set once the present inboxes are looked at."""

    def start(self) -> None:
        """Begins to look; with no inbox there is nothing to do."""
        if self._inboxes:
            self._thread.start()

    def close(self) -> None:
        """Stops looking."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._ending.is_set():
            present = self._present()
            try:
                if present:
                    self._watch(present)
                else:
                    self._failed("NoInbox")
            except Exception as error:  # whatever the system says: the rescan goes on without us
                self._failed(type(error).__name__)
            if self._present() == present:
                self._ending.wait(self._again_seconds)

    def _watch(self, present: Mapping[Path, tuple[int, int]]) -> None:
        """Looks until the end, or until an inbox came, went, or was replaced by another folder."""
        from watchfiles import watch

        sources = {path: name for name, path in self._inboxes.items()}
        looks = watch(
            *present,
            watch_filter=lambda change, path: _is_finished(Path(path).name),
            debounce=DEBOUNCE_MILLISECONDS,
            step=QUIET_MILLISECONDS,
            stop_event=self._ending,
            rust_timeout=self._look_milliseconds,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
        before = {path: _changed_at(path) for path in present}
        self._begun(len(present))
        # The system begins to look only with the first round: what was laid there just before has no event.
        for changes in looks:
            laid = {path for path, moment in before.items() if _changed_at(path) != moment}
            before = {}
            for path in laid | ({Path(changed).parent for _, changed in changes} & set(sources)):
                self._hint(sources[path])
            if self._present() != present:
                return

    def _begun(self, n_inboxes: int) -> None:
        self._fault = ""
        self._log.info("watch.started", n_inboxes=n_inboxes, n_sources=len(self._inboxes))
        self.watching.set()

    def _failed(self, kind: str) -> None:
        if kind != self._fault:
            self._log.warning("watch.failed", kind=kind)
        self._fault = kind

    def _present(self) -> dict[Path, tuple[int, int]]:
        """Returns the inboxes that are there, with what tells one folder from another of the same name."""
        found = {}
        for path in self._inboxes.values():
            try:
                known = path.stat()
            except OSError:
                continue
            found[path] = (known.st_dev, known.st_ino)
        return found


def _changed_at(inbox: Path) -> int:
    """Returns when something last came into or left a folder; 0 for one that is gone."""
    try:
        return inbox.stat().st_mtime_ns
    except OSError:
        return 0


def _is_finished(name: str) -> bool:
    return not name.startswith(".") and not name.lower().endswith(_UNFINISHED)
