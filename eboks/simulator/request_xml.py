"""Reads what a caller sends: the whole body within a limit, and XML by a parser that expands nothing.

Relies on aiohttp's request and on lxml. Knows no message: what stands in the XML is for each service.
"""

from __future__ import annotations

import binascii

import pybase64
from aiohttp import web
from lxml import etree

from eboks.simulator import codes
from eboks.simulator.codes import ObjectionRaised

PEEKED = web.RequestKey("peeked", bytes)
"""The first bytes of a body, when somebody looked at them before its service did."""

_WHITESPACE = b" \t\r\n"


async def whole_body(request: web.Request, max_bytes: int) -> bytes:
    """Returns the whole body; raises ObjectionRaised when it is over the limit or ends early."""
    if (request.content_length or 0) > max_bytes:
        raise ObjectionRaised(codes.TOO_LARGE)
    chunks, n_bytes = [], 0
    try:
        chunk = request.get(PEEKED) or await request.content.readany()
        while chunk:
            chunks.append(chunk)
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise ObjectionRaised(codes.TOO_LARGE)
            chunk = await request.content.readany()
    except (web.RequestPayloadError, ValueError):
        raise ObjectionRaised(codes.BROKEN_BODY) from None
    return b"".join(chunks)


def parse(text: bytes) -> etree._Element:
    """Returns the root; the text is UTF-8 whatever it declares, so no DOCTYPE hides in another code."""
    if b"<!DOCTYPE" in text:
        raise ObjectionRaised(codes.DOCTYPE_REFUSED)
    # The size is limited before and there are no entities, so libxml2's own limit on long text may go.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=len(text) > 1_000_000,
    )
    try:
        return etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ObjectionRaised(codes.NOT_THE_SCHEMA) from None


def decode_base64(data: bytes | memoryview) -> bytes | None:
    """Returns the decoded bytes, or None when `data` is not base64; white space is allowed (XML Schema)."""
    try:
        return pybase64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        pass
    try:
        return pybase64.b64decode(bytes(data).translate(None, _WHITESPACE), validate=True)
    except (binascii.Error, ValueError):
        return None
