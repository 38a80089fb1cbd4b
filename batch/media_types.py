"""Says which kinds of documents we know: extension to media type, and the signatures of the files.

Relies on nothing but `schemas.errors`. Which of them may be sent is the material's and the channel's word;
whether a file is what it claims is judged by the `*_rules` modules.
"""

from __future__ import annotations

from types import MappingProxyType

from schemas.errors import BadInput

MEDIA_TYPES = MappingProxyType(
    {
        "pdf": "application/pdf",
        "png": "image/png",
        "jpg": "image/jpeg",
        "tif": "image/tiff",
        "txt": "text/plain",
        "html": "text/html",
        "xml": "application/xml",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
)
"""The media type of each extension, in the form the settings use."""

ALIASES = MappingProxyType({"jpeg": "jpg", "tiff": "tif", "htm": "html"})
"""Other spellings that senders use."""

FOREIGN_STARTS = (
    b"PK\x03\x04",
    b"MZ",
    b"\x7fELF",
    b"GIF8",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"Rar!",
    b"7z\xbc\xaf",
    b"#!",
    b"<",
)
"""How files begin that are no PDF, whatever stands further down in them."""


def media_type(extension: str) -> str:
    """Returns the media type of an extension; raises BadInput `document.type_unknown`."""
    found = MEDIA_TYPES.get(ALIASES.get(extension.lower(), extension.lower()))
    if found is None:
        raise BadInput("document.type_unknown")
    return found
