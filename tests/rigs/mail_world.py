"""A small world of mail on loopback: a name server, mail servers, a policy server, and a courier.

Every mail exchanger has an address of its own in 127.0.0.0/8 and all share one port. Belongs to one test.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from eboks.simulator.certificates import (
    Identity,
    Validity,
    issue_server,
    make_authority,
    write_identity,
)
from routing.mail.courier import Courier, Delivered
from routing.mail.memory import Kept
from routing.mail.opening import open_courier
from schemas.mail_settings import MailSettings, TlsLevel
from tests.rigs.looping import BackgroundLoop, background_loop
from tests.rigs.mail_people import certificate_builder
from tests.rigs.mail_server import Behaviour, MailServer
from tests.rigs.name_server import NameServer
from tests.rigs.policy_server import PolicyServer

T = TypeVar("T")
CertificateKind = Literal[
    "good", "self_signed", "expired", "wrong_name", "unknown_authority", "early", "name_in_subject_only"
]
SENDER = "loen@afsender.example"
DOMAIN = "kommune.example"
RECIPIENT = f"borger@{DOMAIN}"
DEADLINE_SECONDS = 20.0


def mail_bytes(message_id: str = "<7f3a@afsender.example>", body: str = "Sikker post", **more: str) -> bytes:
    """Returns a mail that is fit to be sent."""
    headers = {
        "From": SENDER,
        "To": RECIPIENT,
        "Subject": "Sikker post",
        "Message-ID": message_id,
        **{key.replace("_", "-"): value for key, value in more.items()},
    }
    head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"{head}\r\n{body}\r\n".encode("ascii")


class Authority:
    """An authority of mail servers, and a stranger that nobody trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        now = datetime.now(UTC)
        self._valid, self._over = Validity.around(now), Validity.over(now)
        self._early = Validity(self._valid.until_at, self._valid.until_at.replace(year=2099))
        self.ca = make_authority("Mail CA", self._valid)
        self.stranger = make_authority("Stranger CA", self._valid)
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(self.ca.certificate.public_bytes(Encoding.PEM))
        self._n_made = 0

    def issue(self, names: Sequence[str], kind: CertificateKind = "good") -> tuple[Path, Identity]:
        """Writes a server's certificate, its chain and its key into one file, and returns both."""
        signer = self.stranger if kind == "unknown_authority" else self.ca
        validity = {"expired": self._over, "early": self._early}.get(kind, self._valid)
        if kind == "self_signed":
            identity = make_authority("Self", validity)
        else:
            identity = issue_server(signer, validity, ["other.example"] if kind == "wrong_name" else names)
        if kind == "name_in_subject_only":
            identity = without_alternative_names(identity, signer)
        self._n_made += 1
        pair = write_identity(identity, self.folder, f"mail-{self._n_made}")
        whole = self.folder / f"mail-{self._n_made}-whole.pem"
        chain = b"" if kind == "self_signed" else signer.certificate.public_bytes(Encoding.PEM)
        whole.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes() + chain)
        return whole, identity


def without_alternative_names(given: Identity, signer: Identity) -> Identity:
    """Returns a server's certificate again, whose name stands in the subject alone."""
    made = certificate_builder(given.certificate).sign(signer.key, hashes.SHA256())
    return Identity(made, given.key)


def server_context(whole: Path, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    if version is not None:
        context.maximum_version = version
        if version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@dataclass
class MailWorld:
    """Everything of one test."""

    looping: BackgroundLoop
    authority: Authority
    names: NameServer
    port: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    servers: list[MailServer] = field(default_factory=list)
    policies: PolicyServer | None = None
    policy_names: list[str] = field(default_factory=list)
    change: dict[str, Any] = field(default_factory=dict)
    simulated: bool = True
    kept: Kept | None = None
    shelf: Path | None = None

    def server(
        self,
        name: str = f"mx.{DOMAIN}",
        kind: CertificateKind = "good",
        *,
        version: ssl.TLSVersion | None = None,
        address: str = "",
        **behaviour: Any,
    ) -> MailServer:
        """Starts a mail server under a name, with an address record, and returns it."""
        address = address or f"127.0.1.{len(self.servers) + 1}"
        whole, identity = self.authority.issue([name], kind)
        server = MailServer(self.looping, address, self.port, server_context(whole, version))
        server.behaviour = Behaviour(**behaviour)
        server.start()
        server.identity = identity
        self.port = server.port
        self.servers.append(server)
        self.names.put(name, "A", address)
        return server

    def domain(self, *hosts: str, domain: str = DOMAIN) -> None:
        """Writes a domain's exchangers, the first preferred."""
        self.names.put(domain, "MX", *(f"{10 * n} {host}." for n, host in enumerate(hosts, 1)))

    def policy(self, reply: bytes | None, *, domain: str = DOMAIN, policy_id: str = "20261101") -> None:
        """Announces an MTA-STS policy and serves it."""
        if self.policies is None:
            whole, _ = self.authority.issue([f"mta-sts.{DOMAIN}"])
            self.policies = PolicyServer(self.looping, "127.0.2.1", server_context(whole))
            self.policies.start()
        self.names.put(f"_mta-sts.{domain}", "TXT", f'"v=STSv1; id={policy_id};"')
        self.names.put(f"mta-sts.{domain}", "A", self.policies.address)
        self.policies.put(domain, reply)

    def settings(self) -> MailSettings:
        values: dict[str, Any] = {
            "from_address": SENDER,
            "dns": (self.names.endpoint,),
            "dns_seconds": 20.0,
            "port": self.port or 1,
            "policy_port": self.policies.port if self.policies else 443,
            "server_roots": self.authority.roots,
            "probe_seconds": 20.0,
        }
        return MailSettings.model_validate({**values, **self.change})

    def run(self, act: Callable[[Courier], Awaitable[T]]) -> T:
        """Does something with a courier of its own, and closes it."""

        async def whole() -> T:
            courier = open_courier(
                self.settings(),
                simulated=self.simulated,
                now=self.now,
                kept=self.kept,
                policies=self.shelf,
            )
            try:
                return await act(courier)
            finally:
                await courier.close()

        return asyncio.run(whole())

    def deliver(
        self,
        level: TlsLevel | None = "encrypt",
        *,
        mail: bytes | None = None,
        recipient: str = RECIPIENT,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Delivered:
        """Sends one mail with a courier of its own."""
        content = mail if mail is not None else mail_bytes()
        return self.run(lambda one: one.deliver(SENDER, recipient, content, level, deadline_seconds))

    def assert_nothing_in_the_clear(self) -> None:
        """What any server saw outside TLS is the way to TLS and no more."""
        for server in self.servers:
            for line in bytes(server.clear).split(b"\r\n"):
                if not line.startswith(b"\x16\x03") and line.isascii():
                    assert line.partition(b" ")[0] in (b"EHLO", b"STARTTLS", b"QUIT", b""), line
            assert b"MAIL FROM" not in server.clear
            assert b"DATA" not in server.clear
            assert all(mail.under_tls for mail in server.mails)

    @property
    def n_mails(self) -> int:
        return sum(len(server.mails) for server in self.servers)

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
        if self.policies is not None:
            self.policies.stop()
        self.names.stop()


@pytest.fixture
def mail_world(tmp_path: Path) -> Iterator[MailWorld]:
    """A world with a name server and nobody else in it yet."""
    folder = tmp_path / "mail-world"
    folder.mkdir()
    with background_loop() as looping:
        names = NameServer(looping)
        names.start()
        world = MailWorld(looping, Authority(folder), names)
        try:
            yield world
        finally:
            world.stop()
