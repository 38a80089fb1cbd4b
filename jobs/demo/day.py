"""Runs one day of the demo from the drop to the answers, and tells what happened.

Relies on the five verbs as `brevdue` runs them, and on `both_ends` for the comparison at the end: what the
ledger says, and what the simulators hold.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.demo.both_ends import BothEnds, compare
from jobs.demo.drop import BY_PORTAL, EXEMPT, NO_WAY, Row, make_rows, write_drop
from jobs.demo.portal_visit import PRIVATE, Visited, visit
from jobs.demo.workplace import Workplace, exempt, found, received_by_mail, simulators
from jobs.portal import ANSWERS
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, Screen
from schemas.catalogue import phrase
from schemas.states import State

if TYPE_CHECKING:
    from jobs.house import House

N_EMPLOYEES = 200
MAX_PASSES = 60
DROP = "loen-2026-11"
PROGRAM = "brevdue"


@dataclass(slots=True)
class Day:
    """What the day brought; `no_way` is the consignment that no channel may take."""

    batch_id: str = ""
    n_lines: int = 0
    n_rejected: int = 0
    counts: dict[State, int] = field(default_factory=dict)
    ends: BothEnds = field(default_factory=BothEnds)
    visited: Visited = field(default_factory=Visited)
    no_way: str = ""
    refused_again: str = ""
    adds_up: bool = False
    seconds: float = 0.0

    @property
    def as_planned(self) -> bool:
        """True when both ends agree, nothing is left under way but what lies unread in the portal, and the
        second drop was refused."""
        under_way = (State.READY, State.SENDING, State.IN_DOUBT)
        return (
            self.adds_up
            and self.ends.agree
            and self.ends.n_delivered == self.counts.get(State.DELIVERED, 0) > 0
            and not any(self.counts.get(state, 0) for state in under_way)
            and self.counts.get(State.ACCEPTED, 0) == self.ends.n_waiting == len(self.visited.unread) > 0
            and self.refused_again == "drop.already_taken"
        )


def run_demo(
    folder: Path | None, *, screen: Screen, n_employees: int = N_EMPLOYEES, soap: bool = False
) -> int:
    """Runs the demo in `folder` (empty or absent) or a temporary one; returns the exit code.

    With `soap` the payslips go to e-Boks over SOAP.

    Raises ConfigurationError when the folder is in use or a simulator can't be started.
    """
    started = time.monotonic()
    place = found(folder, soap=soap)
    screen.line(_say(screen, "welcome", folder=place.folder))
    with simulators(place):
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
        exempt(place.settings, (row.recipient for row in rows if row.email in EXEMPT))
        day.n_lines = len(rows)
        screen.line(_say(screen, "dropped", n_rows=day.n_lines, drop=DROP))
        _pull(house, day, screen)
        _send(house, screen)
        day.visited = _visit(place, screen)
        _finish(house, day, screen)
        _drop_again(house, place, day, screen, rows)
        day.ends = compare(house, day.batch_id, rows, day.visited)
        _explain_no_way(house, day, screen, rows)
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
    """Dispatches until nothing waits: what a simulator dropped or put off is tried again."""
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
            due = (house.ledger.next_due_at(name) for name in house.settings.channels)
            next_due_at = min((at for at in due if at is not None), default=None)
            if next_due_at is None:
                break
            time.sleep(min(max((next_due_at - house.now()).total_seconds(), 0.0), 1.0))
    soap = house.settings.channels["eboks"].kind == "eboks_soap"
    screen.line(_say(screen, "sent", n_again=n_again, interface="SOAP" if soap else "REST"))


def _visit(place: Workplace, screen: Screen) -> Visited:
    """Lets the first of those who were told of a letter in the portal read it; the others have not yet."""
    visited = visit(place.settings_path, place.settings, received_by_mail(place.settings), BY_PORTAL)
    screen.line(_say(screen, "visited", n_read=len(visited.read), n_unread=len(visited.unread)))
    return visited


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


def _explain_no_way(house: House, day: Day, screen: Screen, rows: list[Row]) -> None:
    """Tells of the one that no channel may take what `brevdue explain` tells."""
    from jobs.commands.explaining import tell_standing
    from jobs.reasoning import look_ahead

    line = next(number for number, row in enumerate(rows, 2) if row.email == NO_WAY)
    standing = house.ledger.standing(f"{day.batch_id}-{line:05d}")
    if standing is None or standing.state is not State.HELD:
        return
    day.no_way = standing.id
    screen.line("\n" + _say(screen, "no_way"))
    tell_standing(screen, house, standing, look_ahead(house, standing))


def _tell(place: Workplace, day: Day, screen: Screen) -> None:
    rows = [(screen.word("rejected"), day.n_rejected)]
    rows += [(screen.word(state), n) for state, n in day.counts.items() if n]
    screen.table(
        "", [screen.text("col_state"), screen.text("col_count")], [[word, str(n)] for word, n in rows]
    )
    screen.say("adds_up" if day.adds_up else "adds_not_up", n_lines=day.n_lines)
    _tell_ends(day, screen)
    screen.line(_say(screen, "seconds", seconds=f"{day.seconds:.0f}"))
    answers = _answers(place, day)
    screen.line("\n  " + _say(screen, "report", path=answers / "rapport.html"))
    screen.line("  " + _say(screen, "errors", path=answers / "fejlliste.csv"))
    screen.line("\n" + _say(screen, "next"))
    for command in ("status", f"explain {day.batch_id}-00022", f"release {day.batch_id} --rows --reason OK"):
        screen.line(f"  {program()} --settings {place.settings_path} {command}")
    _tell_portal(place, day, screen)


def _tell_portal(place: Workplace, day: Day, screen: Screen) -> None:
    """Tells how a person opens what lies unread in the portal."""
    screen.line("\n" + _say(screen, "portal", n_unread=len(day.visited.unread)))
    screen.line(f"  {_serve_again(place)}")
    for one in day.visited.unread:
        screen.line("  " + _say(screen, "portal_link", link=one.link))
        screen.line("  " + _say(screen, "portal_code", code=one.code))
    screen.line("\n" + _say(screen, "portal_reply"))
    for command in _read_replies(place):
        screen.line(f"  {command}")


def _read_replies(place: Workplace) -> Sequence[str]:
    """Returns the commands that fetch what recipients wrote back, and open it."""
    from routing.portal.reply_box import SUFFIX

    sealed = place.settings.sources["loen"].folder / ANSWERS / f"*{SUFFIX}"
    key, into = place.folder / PRIVATE, place.folder / "svar-aabnet"
    return (
        f"{program()} --settings {place.settings_path} collect",
        f"{program()} portal open-reply {sealed} --key {key} --into {into}",
    )


def program() -> str:
    """Returns how a person calls this program from here: by its name where the shell finds it under that,
    else by the path it was started by."""
    started = Path(sys.argv[0])
    if started.name != PROGRAM:
        return PROGRAM
    found = shutil.which(PROGRAM)
    return PROGRAM if found and started.exists() and started.samefile(found) else str(started)


def _serve_again(place: Workplace) -> str:
    return f"{program()} --settings {place.settings_path} portal"


def _tell_ends(day: Day, screen: Screen) -> None:
    """Draws, for every channel, what we say was delivered and what the other side holds."""
    columns = [screen.text("col_channel"), _say(screen, "col_ours"), _say(screen, "col_theirs")]
    ends = [[one.channel, str(one.n_ours), str(one.n_theirs)] for one in day.ends.channels]
    screen.table("", columns, ends)
    figures = {"n_delivered": day.ends.n_delivered, "n_held": day.ends.n_theirs, "n_clear": day.ends.n_clear}
    figures["n_waiting"] = day.ends.n_waiting
    screen.line(_say(screen, "both_ends" if day.as_planned else "ends_differ", **figures))


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
        "channels": {one.channel: {"ours": one.n_ours, "theirs": one.n_theirs} for one in day.ends.channels},
        "held_by_simulators": day.ends.n_theirs,
        "in_the_clear": day.ends.n_clear,
        "to_the_wrong_person": day.ends.n_wrong,
        "portal": {
            "notices": day.ends.n_notices,
            "read": len(day.visited.read),
            "waiting": day.ends.n_waiting,
            "serve": _serve_again(place),
            "replies": list(_read_replies(place)),
            "unread": [{"link": one.link, "code": one.code} for one in day.visited.unread],
        },
        "no_way": day.no_way,
        "refused_again": day.refused_again,
        "adds_up": day.adds_up,
        "as_planned": day.as_planned,
        "report": str(_answers(place, day) / "rapport.html"),
        "error_list": str(_answers(place, day) / "fejlliste.csv"),
    }
