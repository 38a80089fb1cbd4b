"""Side (b): a plain client as most people would write it: requests, an lxml tree, one commit per message."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import requests
from lxml import etree
from sqlmodel import Field, Session, SQLModel, create_engine

from tests.rigs.houses import HouseOnDisk
from tests.rigs.simulator import MANDATORY, dispatch_path

NAMESPACE = "urn:eboks:en:3.0.0"


def _bundle(folder: Path, authority: Path | None) -> Path:
    """Returns the usual bundle of authorities and the simulator's own: what `verify=True` loads each time."""
    assert authority is not None
    path = folder / "bundle.pem"
    path.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authority.read_bytes())
    return path


class PlainMessage(SQLModel, table=True):
    """What a plain client remembers of a message."""

    message_id: str = Field(primary_key=True)
    recipient_hash: str
    status: str
    sent_at: datetime


class PlainClient:
    """Reads a file, builds a tree, sends it, commits; `kept` keeps one HTTP session for all of them."""

    def __init__(
        self, house: HouseOnDisk, folder: Path, work: Iterator[tuple[str, str, Path]], kept: bool
    ) -> None:
        channel = house.settings.channels["eboks"]
        self._base = house.simulator.url
        self._options: dict[str, Any] = {
            "cert": (str(channel.certificate), str(channel.key)),
            "verify": str(_bundle(folder, channel.ca)),
        }
        self._engine = create_engine(f"sqlite:///{folder / f'plain-{kept}.db'}")
        SQLModel.metadata.create_all(self._engine, tables=[SQLModel.metadata.tables["plainmessage"]])
        self._session = requests.Session() if kept else None
        self._work = work

    def run(self, n_items: int) -> int:
        for _ in range(n_items):
            self._send(*next(self._work))
        return n_items

    def _send(self, message_id: str, recipient: str, path: Path) -> None:
        put = self._session.put if self._session else requests.put
        reply = put(
            self._base + dispatch_path(message_id),
            data=self._body(recipient, path.read_bytes()),
            headers={"Content-Type": "application/xml"},
            timeout=60,
            **self._options,
        )
        assert reply.status_code == 200, "a message was not taken"
        with Session(self._engine) as session:
            session.add(
                PlainMessage(
                    message_id=message_id,
                    recipient_hash=hashlib.sha256(recipient.encode()).hexdigest(),
                    status="sent",
                    sent_at=datetime.now(UTC),
                )
            )
            session.commit()

    def _body(self, recipient: str, document: bytes) -> bytes:
        root = etree.Element(f"{{{NAMESPACE}}}Dispatch", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
        to = etree.SubElement(root, f"{{{NAMESPACE}}}DispatchRecipient")
        for name, text in (("Id", recipient), ("Type", "P"), ("Nationality", "DK")):
            etree.SubElement(to, f"{{{NAMESPACE}}}{name}").text = text
        etree.SubElement(root, f"{{{NAMESPACE}}}ContentTypeId").text = str(MANDATORY)
        etree.SubElement(root, f"{{{NAMESPACE}}}Title").text = "Lønseddel"
        content = etree.SubElement(root, f"{{{NAMESPACE}}}Content")
        etree.SubElement(content, f"{{{NAMESPACE}}}Data").text = base64.b64encode(document).decode()
        etree.SubElement(content, f"{{{NAMESPACE}}}FileExtension").text = "pdf"
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

    def close(self) -> None:
        self._engine.dispose()
        if self._session:
            self._session.close()
