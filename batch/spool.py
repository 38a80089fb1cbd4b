"""Keeps the rows of a batch on disk between judging and recording, so that memory does not grow with them.

Relies on JSON lines with bytes in base64; everything personal in a row is sealed before it comes here. The
files live in the work folder for one try only: after a crash the intake starts anew and they are written
again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pybase64

from batch.records import KeptFile, NewConsignment, NewDocument, NewRejection
from schemas.consignments import ContentRef, RecipientKind


class Spool:
    """One interim file; appended to, then read back once or more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "w", encoding="utf-8", buffering=256 * 1024)  # noqa: SIM115 - lives with us
        self._path.chmod(0o600)
        self.n_rows = 0

    def add(self, row: NewConsignment | NewRejection | KeptFile) -> None:
        """Appends one row."""
        self._file.write(json.dumps(_plain(row), ensure_ascii=False, separators=(",", ":")) + "\n")
        self.n_rows += 1

    def consignments(self) -> Iterator[NewConsignment]:
        """Reads back a spool of consignments."""
        return map(_as_consignment, self._rows())

    def rejections(self) -> Iterator[NewRejection]:
        """Reads back a spool of rejections and warnings."""
        return (
            NewRejection(line, code, column, params, warning, _bytes(sealed))
            for line, code, column, params, warning, sealed in self._rows()
        )

    def kept_files(self) -> Iterator[KeptFile]:
        """Reads back a spool of kept files."""
        return (
            KeptFile(_bytes(name), n_bytes, digest, _content(content))
            for name, n_bytes, digest, content in self._rows()
        )

    def _rows(self) -> Iterator[list[Any]]:
        self._file.flush()
        with open(self._path, encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _plain(row: NewConsignment | NewRejection | KeptFile) -> list[object]:
    """Returns a row as a list of what JSON knows, in the order in which it is read back."""
    if isinstance(row, NewConsignment):
        documents = [_plain_document(document) for document in row.documents]
        head = [row.id, row.line, row.material, row.recipient_kind.value, row.recipient_key, row.content_key]
        tail = [row.seed, row.route, documents, row.code, dict(row.params), row.column]
        return [*head, _text(row.sealed), *tail]
    if isinstance(row, NewRejection):
        return [row.line, row.code, row.column, dict(row.params), row.warning, _text(row.sealed)]
    return [_text(row.sealed_name), row.n_bytes, row.sha256, _plain_content(row.content)]


def _plain_document(document: NewDocument) -> list[object]:
    kind = [document.media_type, document.extension, document.n_bytes, document.sha256]
    return [_text(document.sealed_name), *kind, _plain_content(document.content)]


def _plain_content(content: ContentRef) -> list[object]:
    return [content.pack, content.offset, content.length, content.key_id, _text(content.wrapped_key)]


def _as_consignment(row: list[Any]) -> NewConsignment:
    name, line, material, kind, recipient, content, sealed, seed, route, documents, *reason = row
    return NewConsignment(
        name,
        line,
        material,
        RecipientKind(kind),
        recipient,
        content,
        _bytes(sealed),
        seed,
        tuple(route),
        tuple(map(_as_document, documents)),
        *reason,
    )


def _as_document(row: list[Any]) -> NewDocument:
    name, media_type, extension, n_bytes, digest, content = row
    return NewDocument(_bytes(name), media_type, extension, n_bytes, digest, _content(content))


def _content(row: list[Any]) -> ContentRef:
    pack, offset, length, key_id, wrapped_key = row
    return ContentRef(pack, offset, length, key_id, _bytes(wrapped_key))


def _text(content: bytes) -> str:
    return pybase64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    return pybase64.b64decode(text, validate=True)
