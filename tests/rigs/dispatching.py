"""Works a house's verbs in this process on a clock of the test's own, for what hangs on the hour.

Relies on `tests.rigs.houses` for the house and its simulator. Sends small text letters of a voluntary
material.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from eboks.simulator import person
from jobs.dispatch import Dispatcher, DispatchResult
from jobs.enrolment_import import EnrolmentImport, ImportResult
from jobs.house import House, open_house
from jobs.pull import Pull
from tests.rigs.enrolment_lists import write_list
from tests.rigs.houses import HouseOnDisk


@dataclass(slots=True)
class ClockedHouse:
    """A house whose clock stands `offset` from the wall's; each verb opens it anew, as a command would."""

    disk: HouseOnDisk
    offset: timedelta = timedelta()
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def wait(self, hours: float) -> None:
        self.offset += timedelta(hours=hours)

    def drop(self, *words: str, material: str = "brev") -> None:
        """Takes in one drop with a letter to each test person."""
        name = f"brev-{next(self._numbers)}"
        folder = self.disk.inbox / name
        folder.mkdir()
        lines = ["modtager;modtagertype;materiale;titel;fil"]
        for number, word in enumerate(words):
            who = person(word)
            kind = "cpr" if who.kind == "P" else "cvr"
            (folder / f"{number}.txt").write_text(f"Kære modtager, brev {name} {number}\n", encoding="utf-8")
            lines.append(f"{who.number};{kind};{material};Brev;{number}.txt")
        (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.disk.inbox / f"{name}.klar").touch()
        with open_house(self.disk.settings, now=self.now) as house:
            assert len(Pull(house).run().taken) == 1

    def dispatch(self) -> DispatchResult:
        with open_house(self.disk.settings, now=self.now) as house:
            return Dispatcher(house).run()

    def import_list(self, path: Path, lines: Iterable[str]) -> ImportResult:
        """Takes in a list of this very moment."""
        lines = list(lines)
        write_list(path, lines, total=f"#ANTAL;{len(lines)};{self.now().isoformat()}")
        with open_house(self.disk.settings, now=self.now) as house:
            result = EnrolmentImport(house, "eboks", actor="test").run(path)
        assert result.in_force
        return result

    def codes(self) -> dict[str, int]:
        """Returns how many consignments stand with which code."""
        with open_house(self.disk.settings, now=self.now) as house:
            return _codes(house)

    def counts(self) -> dict[str, int]:
        with self.disk.simulator.client() as client:
            return client.counts()


def _codes(house: House) -> dict[str, int]:
    total: dict[str, int] = {}
    for batch in house.ledger.batches():
        for code, n in house.ledger.code_counts(batch.id).items():
            total[code] = total.get(code, 0) + n
    return total
