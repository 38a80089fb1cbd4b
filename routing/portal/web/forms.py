"""Reads what a form sent: a few short fields, and files that stay in memory.

Relies on starlette's parsers (python-multipart). Nothing that a visitor sends touches the disk in the clear,
and nothing of it chooses how it is decoded: browsers send UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from routing.portal.web.website import PageFault

MAX_FIELDS = 8
MAX_FIELD_BYTES = 128 * 1024
MAX_FILES = 20
"""More than is ever allowed, so that one too many can be told from a broken form."""


class _InMemory(MultiPartParser):
    spool_max_size = 1 << 30  # the guard's limit on the body comes long before


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came; nothing in it is to be believed."""

    name: str = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form and its files; an absent field is empty."""

    fields: dict[str, str] = field(repr=False)
    uploads: tuple[Upload, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


async def read_form(request: Request) -> Form:
    """Returns a form; PageFault `bad` for anything else."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if options.get(b"charset", b"utf-8").lower() != b"utf-8":  # `punycode` alone takes a second for 60 kB
        raise PageFault(400, "bad")
    try:
        if kind == b"multipart/form-data":
            parser = _InMemory(
                request.headers,
                request.stream(),
                max_files=MAX_FILES,
                max_fields=MAX_FIELDS,
                max_part_size=MAX_FIELD_BYTES,
            )
            return await _form(await parser.parse())
        if kind == b"application/x-www-form-urlencoded":
            plain = FormParser(
                request.headers, request.stream(), max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
            )
            return await _form(await plain.parse())
    except (MultiPartException, ValueError, KeyError):
        raise PageFault(400, "bad") from None
    raise PageFault(400, "bad")


async def _form(data: FormData) -> Form:
    fields: dict[str, str] = {}
    uploads: list[Upload] = []
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            if value.filename or content:
                uploads.append(Upload(value.filename or "", content))
        elif name not in fields:
            fields[name] = value
    await data.close()
    return Form(fields, tuple(uploads))
