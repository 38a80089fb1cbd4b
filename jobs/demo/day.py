"""Runs one day of the demo from the drop to the answers, and tells what happened.

Relies on the five verbs as `brevdue` runs them. Ends with a comparison of both ends: what the ledger says and
what the simulator holds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.demo.drop import Row, make_rows, write_drop
from jobs.demo.workplace import Workplace, found, n_held_by_simulator, simulator
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, Screen
from schemas.catalogue import phrase
from schemas.states import State

if TYPE_CHECKING:
    from jobs.house import House

N_EMPLOYEES = 200
MAX_PASSES = 60
DROP = "loen-2026-11"


@dataclass(slots=True)
class Day:
    """What the day brought."""

    batch_id: str = ""
    n_lines: int = 0
    n_rejected: int = 0
    counts: dict[State, int] = field(default_factory=dict)
    n_at_eboks: int = 0
    refused_again: str = ""
    adds_up: bool = False
    seconds: float = 0.0

    @property
    def as_planned(self) -> bool:
        """True when both ends agree, nothing is left under way, and the second drop was refused."""
        under_way = (State.READY, State.SENDING, State.IN_DOUBT, State.ACCEPTED)
        return (
            self.adds_up
            and self.n_at_eboks == self.counts.get(State.DELIVERED, 0) > 0
            and not any(self.counts.get(state, 0) for state in under_way)
            and self.refused_again == "drop.already_taken"
        )


def run_demo(
    folder: Path | None, *, screen: Screen, n_employees: int = N_EMPLOYEES, soap: bool = False
) -> int:
    """Runs the demo in `folder` (empty or absent) or a temporary one; returns the exit code.

    With `soap` the payslips go to e-Boks over SOAP.

    Raises ConfigurationError when the folder is in use or the simulator can't be started.
    """
    started = time.monotonic()
    place = found(folder, soap=soap)
    screen.line(_say(screen, "welcome", folder=place.folder))
    with simulator(place):
        day = _run_day(place, screen, n_employees)
    day.seconds = time.monotonic() - started
    _tell(place, day, screen)
    return screen.finish(_data(place, day), EXIT_OK if day.as_planned else EXIT_ERROR_LIST)


def _say(screen: Screen, key: str, **params: object) -> str:
    from schemas.catalogue import explain

    return explain(f"demo.{key}", screen.language, params).what


def _run_day(place: Workplace, screen: Screen, n_employees: int) -> Day:
    from jobs.house import open_house

    day = Day()
    with open_house(place.settings) as house:
        with screen.bar(_say(screen, "bar_payslips")):
            rows = make_rows(n_employees)
            write_drop(place.inbox, DROP, rows)
        day.n_lines = len(rows)
        screen.line(_say(screen, "dropped", n_rows=day.n_lines, drop=DROP))
        _pull(house, day, screen)
        _send(house, screen)
        _finish(house, day, screen)
        _drop_again(house, place, day, screen, rows)
        day.n_at_eboks = n_held_by_simulator(place.settings)
    return day


def _pull(house: House, day: Day, screen: Screen) -> None:
    from jobs.pull import Pull

    with screen.bar(phrase("bar_pull", screen.language)) as bar:
        taken = Pull(house, progress=bar).run("loen").taken[0]
    day.batch_id, day.n_rejected = taken.batch_id, taken.n_rejected
    screen.line(
        _say(screen, "pulled", n_ready=taken.n_ready, n_held=taken.n_held, n_rejected=taken.n_rejected)
    )


def _send(house: House, screen: Screen) -> None:
    """Dispatches until nothing waits: what the simulator dropped or put off is tried again."""
    from jobs.dispatch import Dispatcher

    dispatcher = Dispatcher(house)
    total = house.ledger.due("eboks")
    n_done = n_again = 0
    with screen.bar(phrase("bar_dispatch", screen.language)) as bar:

        def advance(n: int) -> None:
            nonlocal n_done
            n_done += n
            bar(min(n_done, total), total)

        for _ in range(MAX_PASSES):
            result = dispatcher.run(progress=advance)
            n_again += sum(lane.causes[cause] for lane in result.lanes for cause in ("deferred", "lost"))
            next_due_at = house.ledger.next_due_at("eboks")
            if next_due_at is None:
                break
            time.sleep(min(max((next_due_at - house.now()).total_seconds(), 0.0), 1.0))
    soap = house.settings.channels["eboks"].kind == "eboks_soap"
    screen.line(_say(screen, "sent", n_again=n_again, interface="SOAP" if soap else "REST"))


def _finish(house: House, day: Day, screen: Screen) -> None:
    from jobs.close import close
    from jobs.collect import collect

    collect(house)
    close(house)
    batch = house.ledger.batch(day.batch_id)
    assert batch is not None
    day.counts, day.adds_up = dict(batch.counts), batch.adds_up
    screen.line(_say(screen, "answered"))


def _drop_again(house: House, place: Workplace, day: Day, screen: Screen, rows: list[Row]) -> None:
    from jobs.pull import Pull

    write_drop(place.inbox, "samme-igen", rows)
    refused = Pull(house).run("loen").refused
    day.refused_again = refused[0].code if refused else ""
    screen.line(
        _say(screen, "again", why=screen.why(day.refused_again, refused[0].params if refused else {}))
    )


def _tell(place: Workplace, day: Day, screen: Screen) -> None:
    rows = [(screen.word("rejected"), day.n_rejected)]
    rows += [(screen.word(state), n) for state, n in day.counts.items() if n]
    screen.table(
        "", [screen.text("col_state"), screen.text("col_count")], [[word, str(n)] for word, n in rows]
    )
    screen.say("adds_up" if day.adds_up else "adds_not_up", n_lines=day.n_lines)
    both = "both_ends" if day.as_planned else "ends_differ"
    screen.line(_say(screen, both, n_at_eboks=day.n_at_eboks, n_delivered=day.counts.get(State.DELIVERED, 0)))
    screen.line(_say(screen, "seconds", seconds=f"{day.seconds:.0f}"))
    answers = _answers(place, day)
    screen.line("\n  " + _say(screen, "report", path=answers / "rapport.html"))
    screen.line("  " + _say(screen, "errors", path=answers / "fejlliste.csv"))
    screen.line("\n" + _say(screen, "next"))
    for command in ("status", f"explain {day.batch_id}-00002", f"release {day.batch_id} --rows --reason OK"):
        screen.line(f"  brevdue --settings {place.settings_path} {command}")


def _answers(place: Workplace, day: Day) -> Path:
    return place.settings.sources["loen"].folder / "kvittering" / day.batch_id


def _data(place: Workplace, day: Day) -> dict[str, object]:
    return {
        "simulated": True,
        "settings": str(place.settings_path),
        "batch": day.batch_id,
        "lines": day.n_lines,
        "rejected": day.n_rejected,
        "states": {state.value: n for state, n in day.counts.items()},
        "held_by_simulator": day.n_at_eboks,
        "refused_again": day.refused_again,
        "adds_up": day.adds_up,
        "as_planned": day.as_planned,
        "report": str(_answers(place, day) / "rapport.html"),
        "error_list": str(_answers(place, day) / "fejlliste.csv"),
    }
