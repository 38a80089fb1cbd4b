"""Mail channels of the product against mail servers that answer on loopback, and letters with an address.

Relies on `mail_world` for name server, mail servers and courier, on `mail_houses` for certificates on disk.
Certificates are judged on the clock of the letters. What a server holds is looked at from its end: nothing
readable may be in it.
"""

from __future__ import annotations

import asyncio
import base64
import email
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from routing.certificates.finding import Finder, Places, make_judge
from routing.certificates.remembering import Memory
from routing.certificates.sources import LocalStore
from routing.channels.mail_channel import MailParts
from routing.channels.smime import Smime, SmimeParts
from routing.channels.smime import build as build_smime
from routing.channels.tls import Tls
from routing.channels.tls import build as build_tls
from routing.channels.tunnel import Tunnel, TunnelParts
from routing.channels.tunnel import build as build_tunnel
from routing.cms.keys import Identity
from routing.letters.composing import Composer
from routing.mail.courier import Courier
from routing.mail.opening import open_courier
from routing.smime.opened import Opened
from routing.smime.opening import open_message
from routing.smime.workshop import Workshop
from routing.tunnel.entries import TunnelEntry, TunnelList
from routing.tunnel.list_file import TunnelListFile, signed_list
from routing.tunnel.list_text import checked_entry
from schemas.channels import Channel
from schemas.consignments import Consignment, Receipt
from schemas.mail_settings import MailSettings, MaterialMail, SmimeChannel, TlsChannel, TunnelChannel
from tests.rigs.channels import PDF, Papers
from tests.rigs.channels import letter as eboks_letter
from tests.rigs.mail_houses import MailFolder, mail_folder
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person, issue
from tests.rigs.mail_server import MailServer
from tests.rigs.mail_world import MailWorld

T = TypeVar("T")
DOMAIN = "modtager.example"
BOB = f"bob@{DOMAIN}"
TITLE = "Lønseddel november"
NAME = "Bodil Test-Hansen"
NEEDLES = (TITLE, NAME, "Lønseddel", "vedhæftet", "%PDF-1.7 a payslip")
"""What no server on the way may be able to read."""


@dataclass
class MailBench:
    """What the channels of one test are built from; `run` gives one an event loop and closes it."""

    world: MailWorld
    folder: MailFolder
    workshop: Workshop
    people: MailPeople
    papers: Papers = field(default_factory=Papers)
    materials: dict[str, MaterialMail] = field(default_factory=dict)
    mail: dict[str, Any] = field(default_factory=dict)
    channel: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> MailSettings:
        delivery = self.world.settings()
        given = {
            name: getattr(delivery, name)
            for name in ("dns", "dns_seconds", "port", "policy_port", "server_roots", "probe_seconds")
        }
        return self.folder.settings(**(given | self.mail))

    def parts(self) -> MailParts:
        mail = self.settings()
        return MailParts(
            mail=mail,
            composer=Composer(mail, self.materials, self.papers),
            courier=open_courier(mail, simulated=True, now=lambda: LETTER_AT),
            now=lambda: LETTER_AT,
            simulated=True,
        )

    def smime(self) -> Smime:
        parts = self.parts()
        settings = SmimeChannel.model_validate({"kind": "smime", "deadline_seconds": 20} | self.channel)
        given: dict[str, Any] = {"now": parts.now} | self.places
        own = SmimeParts(lambda: Finder(parts.mail, Places(**given)), self.workshop)
        return build_smime("smime", settings, parts, own)

    def tunnel(self) -> Tunnel:
        parts = self.parts()
        settings = TunnelChannel.model_validate(
            {"kind": "tunnel", "deadline_seconds": 20, "list": self.list_path} | self.channel
        )
        given: dict[str, Any] = {"now": parts.now} | self.places
        own = TunnelParts(
            self.listed(),
            lambda: make_judge(parts.mail, Places(**given), Memory(parts.now, 600)),
            lambda: LocalStore(self.folder.store),
            self.workshop,
        )
        return build_tunnel("tunnel", settings, parts, own)

    def tls(self) -> Tls:
        parts = self.parts()
        given = {"kind": "tls", "deadline_seconds": 20, "level": "verify"} | self.channel
        courier = parts.courier
        assert isinstance(courier, Courier)
        return build_tls("tls", TlsChannel.model_validate(given), parts, courier.verdict)

    @property
    def list_path(self) -> Path:
        return self.folder.folder / "tunnel" / "list.p7m"

    def listed(self) -> TunnelListFile:
        return TunnelListFile(self.list_path, [self.people.sender.certificate])

    def list_domains(self, *entries: TunnelEntry, version: int = 1) -> None:
        """Takes in a list of these domains and our own, signed by us."""
        ours = entry_of("afsender.example", self.people.sender)
        made = TunnelList(version, (ours, *entries))
        self.listed().install(signed_list(made, self.people.sender.identity, LETTER_AT))

    def letter(self, number: int = 1, to: str = BOB, **change: Any) -> Consignment:
        return mail_letter(self.papers, number, to, **change)


@contextmanager
def mail_bench(world: MailWorld, folder: Path, people: MailPeople, workshop: Workshop) -> Iterator[MailBench]:
    """A bench whose recipients' domain has one good server."""
    world.server(f"mx.{DOMAIN}")
    world.domain(f"mx.{DOMAIN}", domain=DOMAIN)
    bench = MailBench(world, mail_folder(folder / "mail", people), workshop, people)
    bench.folder.put(people.bob, people.carol, people.ecbob)
    yield bench


def entry_of(domain: str, *people: Person, **more: Any) -> TunnelEntry:
    """Returns a list's entry with these people's certificates."""
    return checked_entry(domain, tuple(one.certificate for one in people), (), **more)


def run(build: Callable[[], Channel], work: Callable[[Any], Awaitable[T]]) -> T:
    """Gives a channel an event loop, and closes it."""

    async def whole() -> T:
        channel = build()
        try:
            return await work(channel)
        finally:
            await channel.close()

    return asyncio.run(whole())


def send(build: Callable[[], Channel], consignment: Consignment) -> Receipt:
    """Sends one letter under its own id, as the house does after a yes."""
    return run(build, lambda one: one.send(consignment, one.message_id(consignment.seed)))


def mail_letter(papers: Papers, number: int = 1, to: str = BOB, **change: Any) -> Consignment:
    """Returns a letter to a mail address."""
    made = eboks_letter(papers, number, data=PDF + b" %d" % number, title=TITLE)
    recipient = replace(made.recipient, email=to, name=NAME)
    given: dict[str, Any] = {"recipient": recipient, "route": ("smime",)} | change
    return replace(made, **given)


def opened(content: bytes, *identities: Identity) -> Opened:
    return open_message(content, identities)


def assert_nothing_readable(server: MailServer, needles: tuple[str, ...] = NEEDLES) -> None:
    """Nothing of a letter can be read in what ever came to a server, encoded or not."""
    whole = b"".join(bytes(talk.clear) + bytes(talk.secret) for talk in server.talks)
    flat = whole.replace(b"\r\n", b"")
    layers = [whole, flat, *_decoded(whole)]
    for needle in needles:
        for form in _forms(needle):
            assert all(form not in layer for layer in layers), "something can be read"


def _forms(needle: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "latin-1"):
        plain = needle.encode(encoding)
        yield plain
        for shift in range(3):
            # What a base64 text of anything around the needle must contain.
            inner = base64.b64encode(b"\0" * shift + plain)
            yield inner[4 if shift else 0 : len(inner) - 4]


def _decoded(whole: bytes) -> list[bytes]:
    """Returns what the runs of base64 lines hold."""
    run: list[bytes] = []
    found: list[bytes] = []
    for line in [*whole.split(b"\r\n"), b""]:
        if len(line) >= 4 and len(line) % 4 == 0 and b" " not in line and b":" not in line:
            run.append(line)
        elif run:
            with suppress(ValueError):
                found.append(base64.b64decode(b"".join(run), validate=True))
            run = []
    return found


@pytest.fixture(scope="session")
def workshop(people: MailPeople, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One workshop with the sender's key for the run: starting a process takes a second."""
    folder = mail_folder(tmp_path_factory.mktemp("workshop") / "mail", people)
    made = Workshop(folder.certificate, folder.key, 1)
    yield made
    made.close()


@pytest.fixture
def bench(
    mail_world: MailWorld, tmp_path: Path, people: MailPeople, workshop: Workshop
) -> Iterator[MailBench]:
    with mail_bench(mail_world, tmp_path, people, workshop) as made:
        yield made


class MailRig:
    """What the contract suite needs of a mail channel and of the other side."""

    keeps_record = False

    def __init__(self, bench: MailBench, build: Callable[[], Channel], *open_by: Identity) -> None:
        self._bench, self._build, self._open_by = bench, build, open_by

    @property
    def server(self) -> MailServer:
        return self._bench.world.servers[0]

    def build(self) -> Channel:
        return self._build()

    def letter(self, number: int = 1, **change: Any) -> Consignment:
        return self._bench.letter(number, **change)

    def letter_nobody_reaches(self) -> Consignment:
        return self._bench.letter(99, to="ingen@andetsteds.example")

    def drop_answers(self, count: int) -> None:
        """Takes mails and hangs up; `count` is more than any test sends."""
        self.server.behaviour.drops = {"taken"}

    @contextmanager
    def _unreachable(self) -> Iterator[None]:
        self.server.stop()
        yield
        self.server.start()

    def stop_listening(self) -> AbstractContextManager[None]:
        return self._unreachable()

    def held(self) -> list[str]:
        """Returns the SHA-256 of every main document that the recipient can take out of their mails."""
        return [document_of(opened(mail.content, *self._open_by)) for mail in self.server.mails]


def document_of(found: Opened) -> str:
    """Returns the SHA-256 of the first attachment of a mail that was opened."""
    message = email.message_from_bytes(found.entity.raw)
    for part in message.walk():
        if part.get_content_disposition() == "attachment":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return hashlib.sha256(content).hexdigest()
    raise AssertionError("the mail has no document")


def smime_rig(bench: MailBench) -> MailRig:
    return MailRig(bench, bench.smime, bench.people.bob.identity)


def tunnel_rig(bench: MailBench) -> MailRig:
    gateway = issue(bench.people.root, f"sikkerpost@{DOMAIN}")
    bench.list_domains(entry_of(DOMAIN, gateway))
    return MailRig(bench, bench.tunnel, gateway.identity)


def tls_rig(bench: MailBench) -> MailRig:
    return MailRig(bench, bench.tls)


MAIL_RIGS: Mapping[str, Callable[[MailBench], MailRig]] = {
    "smime": smime_rig,
    "tunnel": tunnel_rig,
    "tls": tls_rig,
}
"""Kind of channel → rig."""
