"""The command that takes a daily enrolment list in, for one channel or for all that ask one.

Relies on `jobs.enrolment_import`. Numbers are shown masked alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.commands.outcome import finish_pass
from jobs.commands.people import actor
from jobs.row_files import AddRow, writing_rows
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, Screen

if TYPE_CHECKING:
    from batch.listed import ListFault
    from jobs.enrolment_import import ImportResult
    from jobs.house import House

SHOWN_FAULTS = 10
LISTED_FAULTS = 1_000
FAULT_COLUMNS = ("linje", "kolonne", "modtager", "kode", "tekst", "kanal")


@dataclass(slots=True)
class _Faults:
    """Hears the bad lines: the first ones are kept for the screen, all go into the file."""

    screen: Screen
    add: AddRow
    channel: str = ""
    first: list[ListFault] = field(default_factory=list)

    def __call__(self, fault: ListFault) -> None:
        if len(self.first) < LISTED_FAULTS:
            self.first.append(fault)
        why = self.screen.why(fault.code, fault.params)
        self.add((str(fault.line), fault.column, fault.masked, fault.code, why, self.channel))


def import_list(context: Context, path: Path, channel: str | None, force: bool, errors: Path | None) -> int:
    """Takes the list in; the exit code is 1 when a line was bad or the list was refused."""
    from jobs.enrolment_import import Stopped, channels_with_list

    results: list[ImportResult] = []
    stopped = False
    with context.house() as house, context.stopping() as stop, writing_rows(errors, FAULT_COLUMNS) as add:
        faults = _Faults(context.screen, add)
        for faults.channel in [channel] if channel else channels_with_list(house):
            try:
                results.append(_import_one(context, house, path, force, stop, faults))
            except Stopped:
                stopped = True
                break
    n_rejected = sum(result.n_rejected for result in results)
    for result in results:
        _tell_import(context.screen, result)
    _tell_faults(context.screen, faults.first, n_rejected, errors)
    data = {
        "lists": [_import_data(result) for result in results],
        "faults": [_fault_data(fault) for fault in faults.first],
    }
    bad = n_rejected or not all(result.in_force for result in results)
    code = EXIT_ERROR_LIST if bad else EXIT_OK
    return finish_pass(context, "enrolment import", data, code, stopped=stopped)


def _import_one(
    context: Context, house: House, path: Path, force: bool, stop: Callable[[], bool], faults: _Faults
) -> ImportResult:
    from jobs.enrolment_import import EnrolmentImport

    with context.screen.bar(context.screen.text("bar_enrolment_import")) as bar:
        work = EnrolmentImport(
            house, faults.channel, actor=actor(), force=force, stop=stop, progress=bar, on_fault=faults
        )
        return work.run(path)


def _tell_import(screen: Screen, result: ImportResult) -> None:
    counts = result.counts
    if counts is not None:
        screen.say(
            "import_counts",
            channel=result.channel,
            n_lines=result.n_lines,
            n_rejected=result.n_rejected,
            n_recipients=counts.n_recipients,
            n_new=counts.n_new,
            n_gone=counts.n_gone,
            n_changed=counts.n_changed,
        )
    if result.refusal is not None:
        why = screen.why(result.refusal.code, _params(result))
        screen.say("import_refused", channel=result.channel, why=why, code=result.refusal.code)
    else:
        screen.say("import_in_force", channel=result.channel, at=screen.moment(result.dated_at))


def _params(result: ImportResult) -> dict[str, object]:
    refusal = result.refusal
    if refusal is None:
        return {}
    return {**refusal.params, **({} if refusal.line is None else {"line": refusal.line})}


def _tell_faults(screen: Screen, faults: list[ListFault], n_rejected: int, errors: Path | None) -> None:
    rows = [
        [str(fault.line), fault.column or "–", fault.masked or "–", screen.why(fault.code, fault.params)]
        for fault in faults[:SHOWN_FAULTS]
    ]
    columns = [screen.text(f"col_{name}") for name in ("line", "column", "recipient", "why")]
    screen.table("", columns, rows)
    if n_rejected > len(rows):
        screen.say("import_more_faults", n_more=n_rejected - len(rows))
    if errors is not None:
        screen.say("see_file", file=errors)


def _import_data(result: ImportResult) -> dict[str, object]:
    counts = result.counts
    return {
        "channel": result.channel,
        "in_force": result.in_force,
        "code": result.refusal.code if result.refusal else "",
        "params": _params(result),
        "dated_at": result.dated_at.isoformat() if result.dated_at else None,
        "lines": result.n_lines,
        "rejected": result.n_rejected,
        "rejected_by_code": dict(result.rejected_by_code),
        "recipients": counts.n_recipients if counts else None,
        "new": counts.n_new if counts else None,
        "gone": counts.n_gone if counts else None,
        "changed": counts.n_changed if counts else None,
    }


def _fault_data(fault: ListFault) -> dict[str, object]:
    return {
        "line": fault.line,
        "column": fault.column,
        "recipient": fault.masked,
        "code": fault.code,
        "params": dict(fault.params),
    }
