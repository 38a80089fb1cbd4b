"""Builds drops (folders, zips, loose CSVs) and a small house that takes them in with every part real.

Relies on the rigs for PDFs and ledgers. The house has its own clock, SQLite ledger, keys and inspector; the
inspector's children live as long as the test module.
"""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from batch.drop_folder import find_sealed, make_batch_id, prepare_folders, resume, take
from batch.failpoints import VARIABLE
from batch.inspection import Inspector
from batch.intake import Intake, Taken
from batch.ledger import Ledger
from batch.quarantine import DropRefused
from batch.vault import Vault
from schemas.settings import Settings, SourceSettings
from tests.rigs.inspecting import PATIENT_SECONDS
from tests.rigs.pdfs import payslip_pdf

SOURCE = "loen"
TENANT = "testhus"
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)

# facts/identity.md 1.6
OK = "1408683994"
OK_2004 = "0809044998"
OK_2003 = "0103039991"
OK_NO_MOD11 = "0101653999"
OK_NO_MOD11_1992 = "0101929999"
BAD_DATE = "3104883981"
REPLACEMENT = "6704803999"
LOST_ZERO = "506820456"
REPAIRED = "0506820456"
CVR = "13748136"
GOOD = (OK, OK_2004, OK_2003, OK_NO_MOD11, OK_NO_MOD11_1992)

HEADER = "modtager;materiale;titel;fil;reference"

Change = Callable[[str], str]


@cache
def payslip(number: str) -> bytes:
    """Returns a small payslip for a number; the same number always gives the same bytes."""
    return payslip_pdf(number, "Prøve Person", n_bytes=0)


@dataclass
class Drop:
    """The makings of a drop: lines of an index and files; write it as a folder or a zip."""

    header: str = HEADER
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    encoding: str = "utf-8"
    line_end: str = "\r\n"

    def add(
        self,
        number: str = OK,
        file: str = "",
        *,
        material: str = "loenseddel",
        title: str = "Lønseddel",
        content: bytes | None = None,
        shown: str = "",
    ) -> Drop:
        """Adds a row and its payslip; `shown` is the number the payslip carries when it is another."""
        name = file or f"{len(self.lines) + 1}.pdf"
        self.lines.append(f"{number};{material};{title};{name};ref-{len(self.lines) + 1}")
        self.files[name] = content if content is not None else payslip(shown or number)
        return self

    def line(self, text: str) -> Drop:
        """Adds a line of the index as it is written, with no file."""
        self.lines.append(text)
        return self

    @property
    def index(self) -> bytes:
        text = self.line_end.join([self.header, *self.lines, ""])
        return text.encode(self.encoding)

    def write_folder(self, inbox: Path, name: str = "uddata", *, marker: str = ".klar") -> Path:
        """Writes the drop as a folder, its marker last; returns the folder."""
        folder = inbox / name
        folder.mkdir()
        for file, content in {"index.csv": self.index, **self.files}.items():
            (folder / file).write_bytes(content)
        if marker:
            (inbox / f"{name}{marker}").touch()
        return folder

    def write_zip(
        self, inbox: Path, name: str = "uddata.zip", *, top: str = "", marker: str = ".klar"
    ) -> Path:
        """Writes the drop as a zip, in a folder `top` of it when given; returns the zip."""
        path = inbox / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in {"index.csv": self.index, **self.files}.items():
                archive.writestr(f"{top}{file}", content)
        if marker:
            (inbox / f"{name}{marker}").touch()
        return path


def good_drop(n: int = 3) -> Drop:
    """Returns a drop of `n` rows, at most five, to different people."""
    drop = Drop()
    for number in GOOD[:n]:
        drop.add(number)
    return drop


@dataclass
class IntakeHouse:
    """A house that only takes in: one source, two materials, a channel that is never opened."""

    settings: Settings
    vault: Vault
    ledger: Ledger
    intake: Intake

    @property
    def source(self) -> SourceSettings:
        return self.settings.sources[SOURCE]

    @property
    def inbox(self) -> Path:
        return self.source.folder / "ind"

    def pull(self) -> list[Taken | DropRefused]:
        """Takes in what a crash left and what is sealed, in order; returns what became of each drop."""
        left = resume(SOURCE, self.source, self.ledger.has_batch)
        fresh = (take(drop, make_batch_id(NOON)) for drop in self.sealed())
        return [self._take_in(taken) for taken in (*left, *fresh) if taken is not None]

    def sealed(self, at: datetime = NOON) -> list[Any]:
        return find_sealed(SOURCE, self.source, now=lambda: at)

    def _take_in(self, taken: Any) -> Taken | DropRefused:
        try:
            return self.intake.take_in(SOURCE, taken)
        except DropRefused as refused:
            return refused

    def take_one(self) -> Taken:
        """Takes in the one drop that is sealed, which must be usable."""
        (done,) = self.pull()
        assert isinstance(done, Taken), done
        return done

    def refuse_one(self) -> DropRefused:
        """Takes in the one drop that is sealed, which must be refused whole and lie in quarantine."""
        (done,) = self.pull()
        assert isinstance(done, DropRefused), done
        quarantined = list((self.source.folder / "karantaene").iterdir())
        assert [folder.name for folder in quarantined] == [done.batch_id]
        assert self.ledger.batches() == []
        assert os.listdir(self.source.folder / "arbejde") == os.listdir(self.source.folder / "arkiv") == []
        return done

    def codes(self, batch_id: str) -> dict[int, str]:
        """Returns the code of every line that has one, rejected or held."""
        return {line.line: line.code for line in self.ledger.lines(batch_id) if line.code}

    def statuses(self, batch_id: str) -> dict[int, str]:
        return {line.line: line.status for line in self.ledger.lines(batch_id)}

    def warnings(self, batch_id: str) -> list[tuple[int, str]]:
        return [(warning.line, warning.code) for warning in self.ledger.warnings(batch_id)]

    def in_folder(self, name: str) -> list[str]:
        """Returns what lies in one of the source's folders."""
        return sorted(os.listdir(self.source.folder / name))


def house_settings(folder: Path, **source: Any) -> Settings:
    """Returns settings with the source `loen` in `folder`; `source` holds more settings of it."""
    return Settings.model_validate(
        {
            "house": {"data": folder / "data", "tenant": TENANT},
            "sources": {SOURCE: {"folder": folder / SOURCE, **source}},
            "materials": {
                "loenseddel": {"title": "Lønseddel", "channels": ["eboks"]},
                "brev": {"channels": ["eboks"], "extensions": ["pdf", "txt"], "max_bytes": 200_000},
            },
            "channels": {
                "eboks": {
                    "url": "https://eboks.invalid",
                    "system_id": 1,
                    "certificate": "c.pem",
                    "key": "k.pem",
                }
            },
        }
    )


def open_house(folder: Path, inspector: Inspector, **source: Any) -> IntakeHouse:
    """Opens a house in `folder`, founding it when it is not there yet."""
    settings = house_settings(folder, **source)
    prepare_folders(settings.sources[SOURCE].folder)
    keys, url = folder / "keys", f"sqlite:///{folder / 'brevdue.db'}"
    vault = Vault.open(keys) if keys.exists() else Vault.create(keys)
    ledger = Ledger.open(
        url,
        vault=vault,
        tenant=TENANT,
        mode="simulated",
        now=lambda: NOON,
        create=not (folder / "brevdue.db").exists(),
    )
    intake = Intake(settings=settings, ledger=ledger, vault=vault, inspector=inspector, now=lambda: NOON)
    return IntakeHouse(settings, vault, ledger, intake)


OpenHouse = Callable[..., IntakeHouse]


@pytest.fixture(scope="session")
def inspector() -> Iterator[Inspector]:
    """One pool of children for all tests of a process."""
    with Inspector(n_workers=1, seconds=PATIENT_SECONDS) as pool:
        yield pool


@pytest.fixture
def intake_house(tmp_path: Path, inspector: Inspector) -> Iterator[OpenHouse]:
    """Opens houses in the test's folder: `intake_house(duplicates="hold", …)`; closes their ledgers."""
    opened: list[IntakeHouse] = []

    def found(**source: Any) -> IntakeHouse:
        opened.append(open_house(tmp_path, inspector, **source))
        return opened[-1]

    yield found
    for house in opened:
        house.ledger.close()


def pull_until(folder: str, point: str, source: dict[str, Any]) -> None:
    """Takes in what a house in `folder` has, in a process of its own that dies at a failpoint."""
    os.environ[VARIABLE] = point
    with Inspector(n_workers=1, seconds=PATIENT_SECONDS) as pool:
        open_house(Path(folder), pool, **source).pull()


@pytest.fixture
def crash_at(tmp_path: Path) -> Callable[..., None]:
    """Pulls in the test's house until a failpoint kills the process; fails when it is never reached."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.rigs.drops"])

    def crash(point: str, **source: Any) -> None:
        process = context.Process(target=pull_until, args=(str(tmp_path), point, source))
        process.start()
        process.join(250)
        assert process.exitcode == -signal.SIGKILL, f"{point} was not reached"
        process.close()

    return crash


def index_bytes(lines: Iterable[str], line_end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Returns an index of these lines, the header first."""
    return "".join(f"{line}{line_end}" for line in lines).encode(encoding)
