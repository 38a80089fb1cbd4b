"""Writes the envelopes of one SOAP contract by zeep, with the documents spliced in as finished base64.

The only module that imports zeep; import it lazily. zeep gets its files from one folder and never anything
from the net, opens no connection and reads no reply. A document in an element tree would cost four times as
much (facts/speed): zeep sees a mark in its place. What zeep logs is silenced, as it may be a whole envelope.
"""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import zeep
from lxml import etree
from zeep.wsdl import Document
from zeep.wsdl.bindings import Soap11Binding

from eboks.soap.fields import MANY, Values, fill
from schemas.eboks_settings import SoapOperation
from schemas.errors import ConfigurationError

logging.getLogger("zeep").setLevel(logging.CRITICAL)

MAX_FILE_BYTES = 4 * 1024 * 1024
_REACHES_OUT = (
    zeep.exceptions.DTDForbidden,
    zeep.exceptions.EntitiesForbidden,
    zeep.exceptions.ExternalReferenceForbidden,
)
_TOKEN_BYTES, _NUMBER_BYTES = 15, 3  # multiples of three: their base64 has neither padding nor overlap


@dataclass(frozen=True, slots=True)
class Message:
    """An envelope, ready to be sent, and its SOAPAction."""

    body: bytes = field(repr=False)
    action: str


class _Folder:
    """A zeep transport that gives the files of one folder, with no way out of it and none onto the net."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        path = Path(url).resolve()
        if urlparse(url).scheme or not path.is_relative_to(self._folder):
            raise ConfigurationError("soap.contract_reaches_out")
        content = path.read_bytes()
        if len(content) > MAX_FILE_BYTES:
            raise ConfigurationError("soap.contract_unreadable", file=path.name)
        return content


class _Mark(bytes):
    """What stands for a document in the tree: zeep encodes it for a field of base64 and decodes it for one of
    text, and both come to the same."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return base64.b64encode(self).decode("ascii")


class Contract:
    """The operations of a WSDL. Raises ConfigurationError `soap.…` for one that can't be used."""

    def __init__(self, wsdl: Path) -> None:
        self._port = _soap11_port(_load(wsdl))
        # Drawn anew in every process: no title can be written so that a document lands in it.
        self._token = os.urandom(_TOKEN_BYTES)
        self._marks = re.compile(re.escape(base64.b64encode(self._token)) + rb"([A-Za-z0-9+/]{4})")

    def demand(self, operation: SoapOperation) -> None:
        """Raises ConfigurationError when the WSDL lacks the operation, one of its fields or its `result`.

        Without the element that says yes or no every letter would be in doubt.
        """
        found = self._operation(operation)
        asked = [(place, found.input.body) for place in operation.fields]
        for place, body in (*asked, (operation.result, found.output.body)):
            if not _has(body.type, place.replace(MANY, "").split(".")):
                raise ConfigurationError("soap.no_such_field", operation=operation.operation, field=place)

    def write(
        self,
        operation: SoapOperation,
        values: Values,
        documents: Sequence[bytes] = (),
        attachments: Sequence[Values] = (),
    ) -> Message:
        """Returns a message; `documents` are in base64, the main one first, then each attachment's.

        Raises ConfigurationError when the contract wants more than the fields give, or does not show every
        document exactly once.
        """
        marks = [self._mark(n) for n in range(len(documents))]
        given = dict(values) | ({"document": marks[0]} if marks else {})
        with_marks = [{**one, "attachment": mark} for one, mark in zip(attachments, marks[1:], strict=True)]
        request = fill(operation.fields, given, with_marks)
        found = self._operation(operation)
        envelope = etree.tostring(_create(found, request), encoding="utf-8", xml_declaration=True)
        return Message(self._splice(envelope, documents), found.soapaction or "")

    def answer(self, operation: SoapOperation) -> str:
        """Returns the name, with its namespace, of the element that answers an operation."""
        return str(self._operation(operation).output.body.qname)

    def _operation(self, operation: SoapOperation) -> Any:
        try:
            found = self._port.binding.get(operation.operation)
        except ValueError:
            raise ConfigurationError("soap.no_such_operation", operation=operation.operation) from None
        if found.style != "document" or found.output is None:
            raise ConfigurationError("soap.no_soap11")
        return found

    def _mark(self, number: int) -> _Mark:
        return _Mark(self._token + number.to_bytes(_NUMBER_BYTES, "big"))

    def _splice(self, envelope: bytes, documents: Sequence[bytes]) -> bytes:
        shown: list[int] = []

        def document(found: re.Match[bytes]) -> bytes:
            shown.append(int.from_bytes(base64.b64decode(found[1]), "big"))
            return documents[shown[-1]]

        whole = self._marks.sub(document, envelope)
        if sorted(shown) != list(range(len(documents))):
            raise ConfigurationError("soap.document_not_placed")
        return whole


def _load(wsdl: Path) -> Any:
    # Every reference out of the folder is refused, external ones by zeep's own switch too (facts/libraries).
    settings = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    path = wsdl.resolve()
    try:
        return Document(str(path), _Folder(path.parent), settings=settings)  # type: ignore[arg-type]
    except _REACHES_OUT as error:
        raise ConfigurationError("soap.contract_reaches_out") from error
    except (
        zeep.exceptions.Error,
        etree.LxmlError,
        OSError,
        ValueError,
        LookupError,
        AttributeError,
    ) as error:
        # A broken WSDL shows itself in zeep by whatever it happens to trip over.
        raise ConfigurationError("soap.contract_unreadable", file=wsdl.name) from error


def _soap11_port(wsdl: Any) -> Any:
    for service in wsdl.services.values():
        for port in service.ports.values():
            if isinstance(port.binding, Soap11Binding):
                return port
    raise ConfigurationError("soap.no_soap11")


def _create(operation: Any, request: dict[str, Any]) -> etree._Element:
    try:
        envelope: etree._Element = operation.create(**request).content
        return envelope
    except zeep.exceptions.ValidationError as error:
        raise ConfigurationError(
            "soap.field_missing", operation=operation.name, field=".".join(error.path)
        ) from None
    except (zeep.exceptions.Error, TypeError, ValueError, LookupError) as error:
        # From None: zeep's messages quote values, and a value may be a recipient.
        kind = type(error).__name__
        raise ConfigurationError("soap.request_unfit", operation=operation.name, kind=kind) from None


def _has(shape: Any, names: Sequence[str]) -> bool:
    """Says whether a complex type has an element at this place."""
    name, *rest = names
    found = dict(getattr(shape, "elements", ())).get(name)
    return found is not None and (not rest or _has(found.type, rest))
