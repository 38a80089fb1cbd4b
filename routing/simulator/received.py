"""What the simulator received: every mail as a file, and a record of it that can be read while it runs.

Relies on `routing.smime.opening` to open what was encrypted to the invented recipients. The record is JSON
lines, appended and flushed; it names recipients, so only its owner may read it. Answers no client.
"""

from __future__ import annotations

import email
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from routing.cms.keys import Identity
from routing.smime.opened import EncryptedLayer, Opened, SignedLayer
from routing.smime.opening import open_message
from schemas.errors import BadInput, ConfigurationError

MARK = b"X-Brevdue-Simulator: 1\r\n"
RECORD, MAILS = "received.jsonl", "received"


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a mail came in: at which domain's server, over what, from whom and to whom."""

    at: datetime
    domain: str
    sender: str
    recipients: tuple[str, ...]
    tls_version: str
    cipher: str


class Received:
    """The folder of one simulator. Raises ConfigurationError `simulator.record_unwritable`."""

    def __init__(self, folder: Path, identities: Sequence[Identity]) -> None:
        self._folder = folder / MAILS
        self._identities = identities
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            number = os.open(folder / RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigurationError("simulator.record_unwritable") from error
        self._record = os.fdopen(number, "a", encoding="utf-8")
        self._n_mails = sum(1 for _ in self._folder.iterdir())

    def take(self, envelope: Envelope, content: bytes) -> None:
        """Keeps a mail and writes its line."""
        self._n_mails += 1
        path = self._folder / f"{self._n_mails:06d}.eml"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(MARK + content)
        told = {**asdict(envelope), "at": envelope.at.isoformat(), "under_tls": bool(envelope.tls_version)}
        line = {
            "simulator": True,
            **told,
            "file": path.name,
            "n_bytes": len(content),
            "sha256": sha256(content).hexdigest(),
            **self._look_into(content),
        }
        self._record.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._record.flush()

    def close(self) -> None:
        self._record.close()

    def _look_into(self, content: bytes) -> dict[str, Any]:
        """Returns what the recipients can see: how it was protected, and the digests of its documents."""
        try:
            opened = open_message(content, self._identities)
        except BadInput as error:
            return {"unopened": error.code, "documents": []}
        return {
            "message_id": str(opened.outer.headers.get("Message-ID", "")),
            "subject": str(opened.outer.headers.get("Subject", "")),
            "layers": [type(one).__name__.removesuffix("Layer").lower() for one in opened.layers],
            "encrypted": any(isinstance(one, EncryptedLayer) for one in opened.layers),
            "signed": any(isinstance(one, SignedLayer) and one.good for one in opened.layers),
            "intact": opened.intact,
            "documents": list(_documents(opened)),
        }


def _documents(opened: Opened) -> Iterator[str]:
    """Yields the SHA-256 of every attachment."""
    for part in email.message_from_bytes(opened.entity.raw).walk():
        if part.get_content_disposition() == "attachment":
            content = part.get_payload(decode=True)
            yield sha256(content if isinstance(content, bytes) else b"").hexdigest()


def read_record(folder: Path) -> list[dict[str, Any]]:
    """Returns the lines of a simulator's record, also of one that runs; a line half written is left out."""
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
