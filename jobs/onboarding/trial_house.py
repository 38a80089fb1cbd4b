"""A small house of its own for trying a sender out: the sender's settings, other folders, keys and ledger.

Relies on `jobs.initiate` and the five verbs, so that what is tried is what will run. The real house's ledger,
keys and folders are never touched.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.house import Clock, House, open_house
from jobs.initiate import init_house
from jobs.onboarding.private_files import make_private_folder
from schemas.errors import ConfigurationError
from schemas.settings import CANONICAL_COLUMNS, Settings, SourceSettings
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import LineResult

MAX_PASSES = 40
_PAUSE_SECONDS = 0.2
_UNDER_WAY = (State.READY, State.SENDING, State.IN_DOUBT, State.ACCEPTED)
_COLUMNS = ("modtager", "modtagertype", "materiale", "titel", "fil", "reference")


@dataclass(frozen=True, slots=True)
class Letter:
    """One row of a trial and its document; `reference` is how the answer names it."""

    recipient: str = field(repr=False)
    kind: str
    material: str
    reference: str
    title: str
    document: bytes = field(repr=False)
    extension: str = "pdf"


def trial_settings(
    settings: Settings, folder: Path, sender: str, channel: str, change: Mapping[str, Any]
) -> Settings:
    """Returns the settings of a house in `folder` with this sender and this one channel.

    `change` goes into the channel's settings. Every material goes by that channel alone; the drop is taken
    when it is sealed by a marker, and no row is taken for a repeat.
    """
    house = settings.house.model_copy(
        update={"data": folder / "data", "database_url": "", "keys": None, "tenant": "proeve"}
    )
    known = settings.sources.get(sender) or SourceSettings(folder=Path(sender))
    source = known.model_copy(
        update={
            "folder": folder / "kilde",
            "seal": "marker",
            "duplicates": "send",
            "hold_above_percent": 100.0,
            "material": None,
        }
    )
    materials = {
        name: material.model_copy(update={"channels": (channel,)})
        for name, material in settings.materials.items()
    }
    channels = {channel: settings.channels[channel].model_copy(update=dict(change))}
    update = {"house": house, "sources": {sender: source}, "materials": materials, "channels": channels}
    return settings.model_copy(update=update)


@contextmanager
def trial_house(settings: Settings, now: Clock) -> Iterator[House]:
    """Founds the house where it is missing and opens it for the block."""
    make_private_folder(settings.house.data)
    init_house(settings)
    with open_house(settings, now=now) as house:
        yield house


def drop_letters(house: House, sender: str, letters: Sequence[Letter]) -> str:
    """Lays the letters in the sender's inbox as the sender's own system would, takes them; returns the batch.

    Raises ConfigurationError `onboarding.trial_refused` when the drop is not taken.
    """
    from jobs.pull import Pull

    source = house.settings.sources[sender]
    _write_drop(source, letters)
    result = Pull(house).run(sender)
    if result.fault is not None:
        raise result.fault
    if not result.taken:
        reason = result.refused[0].code if result.refused else "-"
        raise ConfigurationError("onboarding.trial_refused", reason=reason)
    return result.taken[0].batch_id


def _write_drop(source: SourceSettings, letters: Sequence[Letter]) -> None:
    """Writes index and documents in the source's own layout, and the marker last."""
    folder = source.folder / "ind" / "proeve"
    folder.mkdir()
    names = {name: source.columns.get(name, name) for name in CANONICAL_COLUMNS}
    encoding = "cp1252" if source.encoding == "cp1252" else "utf-8"
    with (folder / "index.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=source.separator, lineterminator="\r\n")
        writer.writerow([names[column] for column in _COLUMNS])
        for number, one in enumerate(letters, start=1):
            name = f"{number}.{one.extension}"
            (folder / name).write_bytes(one.document)
            writer.writerow([one.recipient, one.kind, one.material, one.title, name, one.reference])
    (source.folder / "ind" / "proeve.klar").touch()


def send_until_over(house: House, batch_id: str) -> list[LineResult]:
    """Dispatches and collects until nothing of the batch is under way, and answers it; returns its lines."""
    from jobs.close import close
    from jobs.collect import collect
    from jobs.dispatch import Dispatcher

    dispatcher = Dispatcher(house)
    for _ in range(MAX_PASSES):
        result = dispatcher.run()
        collect(house)
        batch = house.ledger.batch(batch_id)
        stopped = any(lane.stopped_by and lane.stopped_by != "channel.not_answering" for lane in result.lanes)
        if batch is None or stopped or not any(batch.counts.get(state, 0) for state in _UNDER_WAY):
            break
        time.sleep(_PAUSE_SECONDS)
    close(house)
    return list(house.ledger.lines(batch_id))
