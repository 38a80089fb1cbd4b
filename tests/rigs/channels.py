"""Builds channels of the product for tests, each against something real that answers on loopback.

`RIGS` has one rig for every kind of channel to e-Boks; those by mail stand in `mail_channels.MAIL_RIGS`, the
portal's in `portal_channels.PORTAL_RIGS`. The contract suite runs over them all. A rig knows what its other
side holds, so a test can count both ends.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from eboks.channel_base import MailboxChannel
from eboks.rest import EboksRest
from eboks.simulator import person
from eboks.simulator.certificates import CertificateFolder, ClientKind
from eboks.simulator.server import wall_clock
from eboks.soap.channel import EboksSoap
from schemas.channels import Channel, KeptEnrolment, Listed
from schemas.consignments import Consignment, ContentRef, Document, Receipt, Recipient
from schemas.eboks_settings import EboksChannel, EboksMaterial, EboksSettings, EboksSoapChannel
from schemas.identity import Cpr, Cvr
from schemas.settings import AnyChannel, MaterialSettings
from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.simulator import MANDATORY, VOLUNTARY, RunningSimulator, StartSimulator

T = TypeVar("T")

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
PDF = b"%PDF-1.7 a payslip"
MATERIALS = {
    "loenseddel": MaterialSettings(
        eboks=EboksMaterial(content_type_id=MANDATORY, delivery="mandatory"), channels=("eboks",)
    ),
    "brev": MaterialSettings(eboks=EboksMaterial(content_type_id=VOLUNTARY), channels=("eboks",)),
    "venter": MaterialSettings(
        eboks=EboksMaterial(content_type_id=VOLUNTARY, wait_in_mailbox=True), channels=("eboks",)
    ),
    "uden_eboks": MaterialSettings(channels=("eboks",)),
}


class Papers:
    """A document reader over bytes in memory; counts its readings."""

    def __init__(self) -> None:
        self._by_sha256: dict[str, bytes] = {}
        self.n_reads = 0

    def keep(self, data: bytes, extension: str = "pdf", ordinal: int = 0) -> Document:
        sha256 = hashlib.sha256(data).hexdigest()
        self._by_sha256[sha256] = data
        content = ContentRef("test.pack", 0, len(data), "test", b"wrapped")
        name = f"bilag-{ordinal}.{extension}"
        return Document(ordinal, name, "application/pdf", extension, len(data), sha256, content)

    def read(self, consignment: Consignment, document: Document) -> bytes:
        self.n_reads += 1
        return self._by_sha256[document.sha256]


class KeptAnswers:
    """An enrolment cache in memory, on a clock of its own."""

    def __init__(self) -> None:
        self.now = NOW
        self.answers: dict[tuple[str, int, str], tuple[datetime, str]] = {}
        self.list: dict[str, Listed] | None = None
        self.list_at = NOW

    def recall(
        self, channel: str, material_id: int, recipient: str, max_age_seconds: float
    ) -> KeptEnrolment | None:
        found = self.answers.get((channel, material_id, recipient))
        if found is None or self.now - found[0] > timedelta(seconds=max_age_seconds):
            return None
        return KeptEnrolment(found[1], found[0])

    def remember(self, channel: str, material_id: int, recipient: str, answer: str) -> None:
        self.answers[(channel, material_id, recipient)] = (self.now, answer)

    def forget(self, channel: str, recipient: str) -> None:
        for key in [key for key in self.answers if key[0] == channel and key[2] == recipient]:
            del self.answers[key]
        if self.list is not None and recipient in self.list:
            self.list[recipient] = Listed(self.list_at, "unknown")

    def listed(self, channel: str, recipient: str, max_age_seconds: float) -> Listed | None:
        if self.list is None or self.now - self.list_at > timedelta(seconds=max_age_seconds):
            return None
        return self.list.get(recipient, Listed(self.list_at, "not_for_this_material"))


def recipient_of(word: str = "valid") -> Recipient:
    """Returns the recipient of a test person's word (`eboks.simulator.persons`)."""
    found = person(word)
    return Recipient(Cpr(found.number) if found.kind == "P" else Cvr(found.number))


def letter(
    papers: Papers,
    number: int = 1,
    word: str = "valid",
    material: str = "loenseddel",
    data: bytes = PDF,
    **change: Any,
) -> Consignment:
    """Returns a consignment to a test person; letters of different numbers have different seeds."""
    made = Consignment(
        id=f"20261124-063000-abcdef-{number:05d}",
        batch_id="20261124-063000-abcdef",
        source="loen",
        line=number,
        material=material,
        recipient=recipient_of(word),
        title="Lønseddel november",
        documents=(papers.keep(data),),
        seed=f"{number:032x}",
        route=("eboks",),
    )
    return replace(made, **change)


def eboks_settings(
    url: str, certificates: CertificateFolder, client: ClientKind = "good", **change: Any
) -> EboksChannel:
    """Returns the settings of a channel to this address; small waits, all else as shipped."""
    pair = certificates.client(client)
    given: dict[str, Any] = {
        "url": url,
        "system_id": SYSTEM_ID,
        "client_id": "01",
        "certificate": pair.certificate,
        "key": pair.key,
        "ca": certificates.server_ca,
        "deadline_seconds": 10.0,
    }
    return EboksChannel.model_validate(given | change)


OUR_UUIDS = {
    "service_agreement_uuid": "11111111-2222-4333-8444-555555555555",
    "user_system_uuid": "22222222-3333-4444-8555-666666666666",
    "user_uuid": "33333333-4444-4555-8666-777777777777",
}


def soap_settings(
    url: str, certificates: CertificateFolder, client: ClientKind = "good", **change: Any
) -> EboksSoapChannel:
    """Returns the settings of a SOAP channel to this address."""
    rest = eboks_settings(url, certificates, client)
    shared = {name: getattr(rest, name) for name in EboksSettings.model_fields}
    return EboksSoapChannel.model_validate({"kind": "eboks_soap", **shared, **OUR_UUIDS, **change})


@dataclass(slots=True)
class EboksBench:
    """An e-Boks channel and what it was built from; `run` gives it an event loop and closes it."""

    settings: AnyChannel
    simulated: bool = True
    materials: dict[str, MaterialSettings] = field(default_factory=lambda: dict(MATERIALS))
    papers: Papers = field(default_factory=Papers)
    kept: KeptAnswers = field(default_factory=KeptAnswers)
    now: Callable[[], datetime] = wall_clock

    def build(self) -> MailboxChannel[Any]:
        rest = isinstance(self.settings, EboksChannel)
        make: Callable[..., MailboxChannel[Any]] = EboksRest if rest else EboksSoap
        parts = (self.materials, self.papers, self.kept, self.now)
        return make(self.settings.kind, self.settings, *parts, simulated=self.simulated)

    def run(self, work: Callable[[MailboxChannel[Any]], Awaitable[T]]) -> T:
        async def whole() -> T:
            channel = self.build()
            try:
                return await work(channel)
            finally:
                await channel.close()

        return asyncio.run(whole())

    def send(self, consignment: Consignment) -> Receipt:
        """Sends one letter under its own id."""
        return self.run(lambda channel: channel.send(consignment, channel.message_id(consignment.seed)))


def bench_for(simulator: RunningSimulator, client: ClientKind = "good", **change: Any) -> EboksBench:
    """Returns a bench whose channel talks to this simulator."""
    return EboksBench(eboks_settings(simulator.url, simulator.certificates, client, **change))


def soap_bench_for(simulator: RunningSimulator, client: ClientKind = "good", **change: Any) -> EboksBench:
    """Returns a bench whose channel talks SOAP to this simulator."""
    return EboksBench(soap_settings(simulator.url, simulator.certificates, client, **change))


class ChannelRig(Protocol):
    """What the contract suite needs of a kind of channel and of the other side.

    `keeps_record`: the channel can be asked what became of a message, so that the same one again is no
    second one and no conflict, but the same receipt.
    """

    keeps_record: bool

    def build(self) -> Channel: ...

    def letter(self, number: int = 1, **change: Any) -> Consignment:
        """Returns a letter that the other side takes."""

    def letter_nobody_reaches(self) -> Consignment:
        """Returns a letter to one whom `reaches` must say no about."""

    def drop_answers(self, count: int) -> None:
        """Makes the other side take the next letters and hang up without an answer."""

    def stop_listening(self) -> AbstractContextManager[None]:
        """Makes the other side unreachable for the block: channels built inside find nobody."""

    def held(self) -> list[str]:
        """Returns the SHA-256 of every main document the other side holds."""


class EboksRig:
    """A channel to e-Boks against the simulator; `on` is the simulator's word for a letter coming in."""

    on = "put"
    keeps_record = False

    def __init__(self, start: StartSimulator, folder: Path) -> None:
        self._simulator = start()
        self._bench = self._bench_for(self._simulator)

    def _bench_for(self, simulator: RunningSimulator) -> EboksBench:
        return bench_for(simulator)

    def build(self) -> Channel:
        return self._bench.build()

    def letter(self, number: int = 1, **change: Any) -> Consignment:
        return letter(self._bench.papers, number, data=PDF + b" %d" % number, **change)

    def letter_nobody_reaches(self) -> Consignment:
        return letter(self._bench.papers, 99, "exempt", "brev")

    def drop_answers(self, count: int) -> None:
        with self._simulator.client() as client:
            client.add_fault("accept_then_drop", on=self.on, count=count)

    @contextmanager
    def stop_listening(self) -> Iterator[None]:
        kept = self._bench.settings
        # Port 1 of loopback: nobody listens there.
        self._bench.settings = kept.model_copy(update={"url": "https://127.0.0.1:1"})
        yield
        self._bench.settings = kept

    def held(self) -> list[str]:
        with self._simulator.client() as client:
            return [one["sha256"] for one in client.messages()]


class EboksSoapRig(EboksRig):
    """The same over SOAP, with the simulator's duplicate fault known, so that doubt clears itself."""

    on = "soap_send"

    def _bench_for(self, simulator: RunningSimulator) -> EboksBench:
        return soap_bench_for(simulator, duplicate_fault_codes=["9020"])


RIGS: dict[str, Callable[[StartSimulator, Path], ChannelRig]] = {
    "eboks": EboksRig,
    "eboks_soap": EboksSoapRig,
}
"""Kind of channel → rig."""
