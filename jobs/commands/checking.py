"""The command check: looks at everything a house needs and says, point by point, what is missing.

Relies on the parts themselves for what they know (keys, ledger, channels). Changes and sends nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.commands.strays import strays_in
from jobs.portal import closed_materials, unproved_companies
from jobs.screen import EXIT_OK, EXIT_UNREACHED, EXIT_USAGE
from schemas.errors import Coded, ConfigurationError, ServiceDown
from schemas.portal_settings import PortalChannel

if TYPE_CHECKING:
    from jobs.house import House
    from schemas.settings import Settings

MIN_FREE_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was looked at; `code` is empty when it is in order.

    `warning` when it may wait, `unreached` when nobody answered there.
    """

    what: str
    code: str = ""
    params: dict[str, object] = field(default_factory=dict)
    warning: bool = False
    unreached: bool = False


def _fault(what: str, error: Coded) -> Point:
    return Point(what, error.code, dict(error.params), unreached=isinstance(error, ServiceDown))


def check(context: Context) -> int:
    """Checks the settings, then everything they name; all faults are told, not only the first."""
    from jobs.house import open_house

    settings = context.settings()
    points = [Point("settings")]
    with open_house(settings) as house:
        points += list(_points(house))
    for point in points:
        _tell(context, point)
    faults = [point for point in points if point.code and not point.warning]
    context.screen.say("check_bad" if faults else "check_good", n_faults=len(faults))
    data = {
        "points": [
            {"what": point.what, "code": point.code, "warning": point.warning, "params": point.params}
            for point in points
        ]
    }
    return context.screen.finish(data, _code(faults))


def _code(faults: list[Point]) -> int:
    if not faults:
        return EXIT_OK
    return EXIT_UNREACHED if all(point.unreached for point in faults) else EXIT_USAGE


def _tell(context: Context, point: Point) -> None:
    screen = context.screen
    mark = "✗" if point.code and not point.warning else "!" if point.warning else "✓"
    why = f": {screen.why(point.code, point.params)} [{point.code}]" if point.code else ""
    kind, _, name = point.what.partition(" ")
    screen.line(f" {mark} {screen.text('check_' + kind)}{' ' + name if name else ''}{why}")


def _points(house: House) -> Iterator[Point]:
    yield from _try("keys", lambda: house.vault)
    yield from _try("database", lambda: house.ledger)
    yield from _try("documents_reader", lambda: _inspect(house))
    yield from _disk(house.settings)
    yield from _clock(house)
    yield from _sources(house.settings)
    yield from _policy(house.settings)
    for stray in strays_in(house):
        yield Point(f"source {stray.source}", stray.code, stray.params, warning=True)
    yield from _channels(house)


def _try(what: str, look: Callable[[], object]) -> Iterator[Point]:
    try:
        look()
    except (ConfigurationError, ServiceDown) as error:
        yield _fault(what, error)
    else:
        yield Point(what)


def _inspect(house: House) -> None:
    """Opens a small text in a child process: shows that the document readers can be started."""
    from batch.inspection import InspectionRequest

    request = InspectionRequest(b"ok\n", "txt", "", guard=False, today=house.now().date())
    for _, inspection in house.inspector.inspect([request]):
        if inspection.code:
            raise ConfigurationError("document.readers_broken")


def _disk(settings: Settings) -> Iterator[Point]:
    folders = [settings.house.data, *(source.folder for source in settings.sources.values())]
    for folder in folders:
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            if usage.free < MIN_FREE_SHARE * usage.total:
                free = round(100 * usage.free / usage.total)
                yield Point("disk", "settings.disk_nearly_full", {"percent": free})
                return
    yield Point("disk")


def _clock(house: House) -> Iterator[Point]:
    """The clock must not stand before what the ledger already knows: times would run backwards."""
    try:
        batches = house.ledger.batches(limit=1)
    except Coded:
        return
    if batches and batches[0].taken_at > house.now():
        yield Point("clock", "settings.clock_behind")
    else:
        yield Point("clock")


def _sources(settings: Settings) -> Iterator[Point]:
    for name, source in settings.sources.items():
        yield Point(f"source {name}", _folder_fault(source.folder) or _material_fault(settings))


def _policy(settings: Settings) -> Iterator[Point]:
    """A policy that allows more than guidance does may be meant, but is never overlooked."""
    wider = settings.policy.widenings()
    if wider:
        yield Point("policy", "policy.widened", {"where": ", ".join(wider)}, warning=True)
    else:
        yield Point("policy")


def _material_fault(settings: Settings) -> str:
    return "" if settings.materials else "settings.no_material"


def _folder_fault(folder: Path) -> str:
    missing = [
        sub for sub in ("ind", "arbejde", "arkiv", "karantaene", "kvittering") if not (folder / sub).is_dir()
    ]
    if missing:
        return "settings.folder_missing"
    if not all(os.access(folder / sub, os.W_OK | os.X_OK) for sub in ("ind", "arbejde", "arkiv")):
        return "settings.folder_not_writable"
    if len({(folder / sub).stat().st_dev for sub in ("ind", "arbejde", "arkiv")}) > 1:
        return "settings.folder_other_disk"
    return ""


def _channels(house: House) -> Iterator[Point]:
    for name in house.settings.channels:
        try:
            channel = house.channel(name)
            channel.check()
        except (ConfigurationError, ServiceDown) as error:
            yield _fault(f"channel {name}", error)
            continue
        yield Point(f"channel {name}")
        for code, params in channel.findings():
            yield Point(f"channel {name}", code, dict(params), warning=True)
        yield from _companies(house.settings, name)


def _companies(settings: Settings, channel: str) -> Iterator[Point]:
    """Nobody in a company may get its letters by a telephone or a mailbox that happens to be theirs."""
    portal: object = settings.channels[channel]
    if isinstance(portal, PortalChannel):
        for material, identity in unproved_companies(settings, portal):
            params: dict[str, object] = {"material": material, "identity": identity}
            yield Point(f"channel {channel}", "portal.company_unproved", params, warning=True)
        for material in closed_materials(settings, portal):
            yield Point(f"channel {channel}", "portal.class_closed", {"material": material}, warning=True)
