"""Houses with all ways to a recipient: e-Boks' simulator in its process, the simulator of mail in this one.

Relies on `houses`. Both ends are at hand: what the ledger says through `brevdue`, and what the invented
recipients' servers took, opened with their keys.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from eboks.simulator import person
from jobs.demo.people import cpr_numbers
from jobs.initiate import init_house
from jobs.mail_simulation import mail_folder, mail_simulator_settings
from jobs.settings_file import read_settings
from routing.simulator.certificates import make_mail_certificates
from routing.simulator.faults import FILE_NAME
from routing.simulator.received import read_record
from routing.simulator.server import serve
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.looping import BackgroundLoop, background_loop
from tests.rigs.pdfs import plain_pdf
from tests.rigs.ports import free_port
from tests.rigs.simulator import RunningSimulator

MAIL = """
[mail]
from_address = "loen@afsender.example"
from_name = "Lønkontoret"
certificate = "data/simulator/mail/ours.pem"
key = "data/simulator/mail/ours.key"
roots = "data/simulator/mail/roots.pem"
certificates = "data/simulator/mail/published"
server_roots = "data/simulator/mail/server-roots.pem"
dns = ["127.0.0.1:{dns}"]
port = {smtp}
verdict_minutes = 0
workers = 1
{mail}
"""
CHANNEL = """
[channels.{kind}]
kind = "{kind}"
backoff_seconds = {backoff}
backoff_max_seconds = {backoff}
breaker_pause_seconds = 0.05
max_attempts = {attempts}
{lines}
"""
BREV = 'title = "Brev"\nchannels = ["eboks"]'
ROUTE = ("eboks", "smime", "tunnel", "tls")


@dataclass(frozen=True)
class MailHouse:
    """A founded house whose material `brev` may take every way, and the simulator of mail beside it."""

    house: HouseOnDisk

    @property
    def folder(self) -> Path:
        return mail_folder(self.house.settings)

    def brevdue(self, *words: str) -> Any:
        return self.house.brevdue(*words)

    def received(self) -> list[dict[str, Any]]:
        """Returns what the mail servers took, as their record tells it."""
        return read_record(self.folder)

    def by_recipient(self) -> dict[str, dict[str, Any]]:
        """Returns the one mail of each recipient; a second one fails the test."""
        mails = self.received()
        found = {address: one for one in mails for address in one["recipients"]}
        assert len(found) == len(mails), "somebody got two mails"
        return found

    def faults(self, *rules: dict[str, Any]) -> None:
        """Puts faults in force at the mail servers, in place of those before."""
        (self.folder / FILE_NAME).write_text(json.dumps(rules), encoding="utf-8")

    def drop(self, name: str, rows: Sequence[tuple[str, str]]) -> None:
        """Drops and pulls one letter for each (number, address)."""
        folder = self.house.inbox / name
        folder.mkdir()
        lines = ["modtager;materiale;fil;reference;email"]
        for number, (recipient, address) in enumerate(rows, 1):
            (folder / f"{number}.pdf").write_bytes(plain_pdf() + b"%% %d\n" % number)
            lines.append(f"{recipient};brev;{number}.pdf;{name}-{number};{address}")
        (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.house.inbox / f"{name}.klar").touch()
        ran = self.brevdue("pull")
        assert ran.code == 0, ran.out + ran.err

    def send(self) -> None:
        """Dispatches until nothing moves by itself any more."""
        self.house.dispatch_to_rest()

    def told(self, line: int = 2, batch: int = 0) -> dict[str, Any]:
        """Returns what `explain` tells of a line; `batch` 0 is the newest."""
        name = self.house.status()["batches"][batch]["batch"]
        found: dict[str, Any] = self.brevdue("explain", f"{name}-{line:05d}").data["consignments"][0]
        return found


FoundMailHouse = Callable[..., MailHouse]
"""`found(route=…, material=…, mail=…, channels={"tls": "lines"}, attempts=…, backoff=…)`, all optional."""


def numbers(n: int, seed: int = 7) -> list[str]:
    """Returns invented numbers of persons who are enrolled at e-Boks' simulator."""
    found = cpr_numbers(random.Random(seed))
    return [next(found) for _ in range(n)]


def exempt(house: MailHouse, *words: str) -> list[str]:
    """Makes listed persons exempt from digital mail and returns their numbers."""
    with house.house.simulator.client() as client:
        for word in words:
            client.flip_person(word, status="exempt")
    return [person(word).number for word in words]


def write_mail_house(
    house: HouseOnDisk,
    certificates: Path,
    route: Sequence[str],
    material: str,
    mail: str,
    channels: dict[str, str],
    attempts: int,
    backoff: float,
) -> HouseOnDisk:
    """Gives a house the channels by mail, and founds what they need; `certificates` are copied."""
    copytree(certificates, house.settings.house.data / "simulator" / "mail")
    text = house.path.read_text(encoding="utf-8")
    protections = '["mailbox", "end_to_end", "domain", "transport"]'
    brev = f'title = "Brev"\nchannels = {json.dumps(list(route))}\nprotections = {protections}\n{material}'
    assert BREV in text
    text = text.replace(BREV, brev)
    text += MAIL.format(dns=free_port(), smtp=free_port(), mail=mail)
    for kind in ("smime", "tunnel", "tls"):
        text += CHANNEL.format(kind=kind, attempts=attempts, backoff=backoff, lines=channels.get(kind, ""))
    house.path.write_text(text, encoding="utf-8")
    settings = read_settings(house.path)
    init_house(settings)
    return HouseOnDisk(house.path, settings, house.simulator)


@pytest.fixture(scope="session")
def mail_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulator's certificates, made once for the run."""
    folder = tmp_path_factory.mktemp("mail-simulator") / "mail"
    make_mail_certificates(folder, "loen@afsender.example", datetime.now(UTC))
    return folder


@pytest.fixture
def mail_loop() -> Iterator[BackgroundLoop]:
    with background_loop() as looping:
        yield looping


@pytest.fixture
def found_mail_house(
    found_house: FoundHouse,
    simulator: RunningSimulator,
    mail_loop: BackgroundLoop,
    mail_certificates: Path,
) -> Iterator[FoundMailHouse]:
    """Founds houses, each with a simulator of mail that runs until the test ends."""
    running = []

    def found(
        *,
        route: Sequence[str] = ROUTE,
        material: str = "",
        mail: str = "",
        channels: dict[str, str] | None = None,
        attempts: int = 6,
        backoff: float = 0.03,
        **lines: Any,
    ) -> MailHouse:
        bare = found_house(simulator, **lines)
        lines_of = channels or {}
        house = write_mail_house(bare, mail_certificates, route, material, mail, lines_of, attempts, backoff)
        running.append(mail_loop.run(serve(mail_simulator_settings(house.settings))))
        return MailHouse(house)

    yield found
    for one in running:
        mail_loop.run(one.stop())
