"""A notice and a code go through a real mail server over STARTTLS, and a mail reader of another make reads
them."""

from __future__ import annotations

import asyncio
import email
import email.policy
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests.rigs.portal_sites import Visitor, site_of
from tests.rigs.portals import SENDER, PortalBench, code_in, link_in, text_of
from tests.rigs.ports import free_port


class Box(Message):
    """Keeps what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[bytes] = []

    def prepare_message(self, session, envelope):
        self.raw.append(envelope.content)
        return super().prepare_message(session, envelope)

    def handle_message(self, message) -> None:
        pass


class ForcedTls:
    """A carrier over STARTTLS with a checked certificate, by the standard library."""

    def __init__(self, port: int, ca: Path) -> None:
        self._port = port
        self._ca = ca

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        return await asyncio.to_thread(self._deliver, recipient, mail)

    async def close(self) -> None:
        """Nothing is open."""

    def _deliver(self, recipient: str, mail: bytes) -> Mapping[str, str]:
        context = ssl.create_default_context(cafile=str(self._ca))
        with smtplib.SMTP("localhost", self._port, timeout=20) as smtp:
            smtp.starttls(context=context)
            assert isinstance(smtp.sock, ssl.SSLSocket)
            version = smtp.sock.version() or ""
            smtp.sendmail("post@eksempel.example", [recipient], mail)
        return {"tls": version}


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[Box, ForcedTls]]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    box = Box()
    port = free_port()
    controller = Controller(box, "127.0.0.1", port, tls_context=context, require_starttls=True)
    controller.start()
    try:
        yield box, ForcedTls(port, tmp_path / "ca.pem")
    finally:
        controller.stop()


def test_notice_and_code_arrive_over_starttls_and_lead_in(tmp_path, server):
    box, carrier = server
    bench = PortalBench(tmp_path / "portal", carrier=carrier)
    bench.send(bench.consignment())
    (raw,) = box.raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert b"\n" not in raw.replace(b"\r\n", b"")
    notice = email.message_from_bytes(raw, policy=email.policy.default)
    assert SENDER in str(notice["From"])
    assert notice["Subject"] == f"Sikker post fra {SENDER} / Secure mail from {SENDER}"
    assert notice["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in notice.iter_parts()] == ["text/plain", "text/html"]
    assert notice.defects == []
    token = link_in(notice)
    visitor = Visitor(bench, site_of(bench))
    visitor.get(f"/b/{token}")
    visitor.submit("/send")
    visitor.follow()
    mail = email.message_from_bytes(box.raw[1], policy=email.policy.default)
    code = code_in(mail)
    assert code not in mail["Subject"]
    assert code in text_of(mail, "html")
    assert visitor.submit("/bevis", answer=code).status_code == 303
    bench.close()
