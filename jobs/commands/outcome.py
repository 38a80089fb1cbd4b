"""Works out exit codes (design 8.4) from how batches stand, and ends a command that was interrupted.

Relies on the batches' counts. 4 comes before 3, 3 before 1: what nobody could do comes before what waits for
a person, and that before what a person may read at leisure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.screen import EXIT_ERROR_LIST, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREACHED, EXIT_USAGE, EXIT_WAITING
from schemas.errors import Coded, ConfigurationError
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import BatchSummary


def code_of(batches: Iterable[BatchSummary]) -> int:
    """Returns 3 when something is held or in doubt, 1 when something is on an error list, else 0."""
    code = EXIT_OK
    for batch in batches:
        if batch.counts.get(State.HELD, 0) or batch.counts.get(State.IN_DOUBT, 0):
            return EXIT_WAITING
        if batch.n_rejected or batch.counts.get(State.FAILED, 0):
            code = EXIT_ERROR_LIST
    return code


def fault_code(context: Context, fault: Exception | None, code: int) -> int:
    """Says what a pass met on its way and could not do; returns the exit code, `code` without a fault.

    Raises a fault that is none of ours.
    """
    if fault is None:
        return code
    if not isinstance(fault, Coded):
        raise fault
    return context.screen.fault(
        fault, EXIT_USAGE if isinstance(fault, ConfigurationError) else EXIT_UNREACHED
    )


def finish_pass(context: Context, verb: str, data: Mapping[str, object], code: int, *, stopped: bool) -> int:
    """Ends the command of a verb; one that was interrupted says how to go on, and its code is 130."""
    command = f"brevdue {verb}"
    if stopped:
        context.screen.say("stopped_resume", command=command)
    resume = {"resume": command} if stopped else {}
    return context.screen.finish(
        {**data, "stopped": stopped, **resume}, EXIT_INTERRUPTED if stopped else code
    )
