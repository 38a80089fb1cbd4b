"""A SOAP service that answers exactly what a test writes down, over mutual TLS, and keeps what it was sent.

Stands beside the simulator for what no service of ours would ever answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from eboks.simulator.certificates import CertificateFolder
from tests.rigs.channels import EboksBench, soap_settings
from tests.rigs.soap import DKAL, ENVELOPE, PLATFORM_FAULT, TNS, envelope
from tests.rigs.tls_peer import tls_peer

LET_GO = b""
"""An answer that is none: the connection is cut."""


@dataclass(slots=True)
class SoapDesk:
    """What came in, and what goes out: answer by answer, the last one again and again."""

    url: str = ""
    answers: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list, repr=False)
    bodies: list[bytes] = field(default_factory=list, repr=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the end of the test
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
            self.heads.append(head)
            self.bodies.append(await reader.readexactly(int(length)))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == LET_GO:
                writer.transport.abort()
                return
            writer.write(answer)
            await writer.drain()


@contextmanager
def soap_desk(certificates: CertificateFolder, *answers: bytes, **change: Any) -> Iterator[Desk]:
    """Opens a desk for the block, with a bench whose channel talks to it."""
    desk = SoapDesk(answers=list(answers))
    with tls_peer(certificates, desk.serve) as url:
        desk.url = url
        yield Desk(desk, EboksBench(soap_settings(url, certificates, **change)))


@dataclass(frozen=True, slots=True)
class Desk:
    """Both ends: the service and the channel's bench."""

    service: SoapDesk
    bench: EboksBench


def http(body: bytes, status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """Returns an HTTP answer; `length` announces another length than the body has."""
    head = [
        f"HTTP/1.1 {status} Whatever",
        f"Content-Length: {len(body) if length is None else length}",
        "Content-Type: text/xml; charset=utf-8",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def sent_answer(word: str = "true") -> bytes:
    """Returns the answer of `afsendBrev`."""
    return http(envelope(response_xml("PrintAfsendBrevResponse", "resultat", word)))


def enrolled_answer(word: str = "true") -> bytes:
    """Returns the answer of `spoergTilmelding`."""
    return http(envelope(response_xml("PrintSpoergTilmeldingResponse", "tilmeldt", word)))


def response_xml(name: str, element: str, word: str) -> str:
    return f'<t:{name} xmlns:t="{TNS}"><t:{element}>{word}</t:{element}></t:{name}>'


def fault_answer(
    detail: str = "",
    code: str = "s:Server",
    text: str = "Der skete en fejl",
    status: int = 500,
    *headers: str,
) -> bytes:
    """Returns a fault; `detail` is the XML within it."""
    within = f"<detail>{detail}</detail>" if detail else ""
    fault = (
        f'<s:Fault xmlns:s="{ENVELOPE}"><faultcode>{code}</faultcode><faultstring>{text}</faultstring>'
        f"{within}</s:Fault>"
    )
    return http(envelope(fault), status, *headers)


def fejl_xml(code: int | str = 4007, text: str = "Afvist", *, alphabetical: bool = False) -> str:
    """Returns a `Fejl`, in the schema's order or in that of the captured instance (facts/eboks a.5)."""
    known = f"<FejlKode>{code}</FejlKode><FejlTekst>{text}</FejlTekst>"
    name = "<FejlIdentifikator>2026-11-24-06.30.00.000000</FejlIdentifikator>"
    return f'<Fejl xmlns="{DKAL}">{name + known if alphabetical else known + name}</Fejl>'


def platform_xml(*errors: tuple[str, str]) -> str:
    """Returns a `ServiceplatformFault` with these codes and texts."""
    listed = "".join(
        f"<p:Error><p:ErrorText>{text}</p:ErrorText><p:ErrorCode>{code}</p:ErrorCode></p:Error>"
        for code, text in errors
    )
    inner = f"<p:ErrorList>{listed}</p:ErrorList>" if errors else ""
    return f'<p:ServiceplatformFault xmlns:p="{PLATFORM_FAULT}">{inner}</p:ServiceplatformFault>'
