"""Says what a file is by its content, and gives it a name that fits; what is not known is not taken.

Relies on zipfile for office files, whose entries are counted and never unpacked. What a file says of its own
sizes is not believed where it would cost us something. Source: ASVS 5.2.2–5.2.3,
5.3.2. Looks for no virus: see `clamd`.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from urllib.parse import quote

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "txt": "text/plain",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}
"""Extension → media type of all that can be told by its content."""

MAX_NAME_CHARS = 100
_MAX_ENTRIES = 2_000
_MAX_UNPACKED = 200_000_000
_MAX_SAID_BYTES = 100
_ENTRY = b"PK\x01\x02"
"""Begins each entry of a zip file's list."""
_UNFIT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\\/:*?\"<>|;%]"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def extension_of(data: bytes) -> str:
    """Returns the extension of what these bytes are, empty when nobody can tell or it isn't wanted."""
    if data.startswith(b"%PDF-"):
        return "pdf"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith(b"PK\x03\x04"):
        return _office(data)
    return "txt" if data and _is_text(data) else ""


def fit_name(name: str, extension: str, fallback: str) -> str:
    """Returns a file name with nothing in it that means anything to a disk, a header or a page."""
    stem, extension = bare_name(name), _UNFIT.sub("_", extension)
    if stem.lower().endswith(f".{extension}"):
        stem = stem[: -len(extension) - 1]
    stem = stem.strip(" .")[:MAX_NAME_CHARS] or fallback
    return f"{stem}.{extension}"


def bare_name(name: str) -> str:
    """Returns the last part of a name as `fit_name` cleans it, its extension left alone; it may be empty."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    return _UNFIT.sub("_", last).strip(" .")


def shown_name(name: str) -> str:
    """Returns a visitor's file name as a page may repeat it."""
    return bare_name(name)[:MAX_NAME_CHARS] or "–"


def disposition(kind: str, name: str) -> str:
    """Returns a Content-Disposition (RFC 6266): a plain name for old readers, the true one beside it."""
    plain = unicodedata.normalize("NFKD", name.replace("ø", "oe").replace("Ø", "Oe").replace("æ", "ae"))
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", plain.encode("ascii", "ignore").decode())
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_text(data: bytes) -> bool:
    if _CONTROLS.search(data) or data.lstrip()[:64].lower().startswith((b"<", b"#!", b"mz", b"{\\rtf")):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return b"\xff" not in data[:2] and not re.search(rb"[\x81\x8d\x8f\x90\x9d]", data)
    return True


def _office(data: bytes) -> str:
    if data.count(_ENTRY) > _MAX_ENTRIES:  # before they are listed: each costs us more than the visitor
        return ""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            if len(entries) > _MAX_ENTRIES or sum(entry.file_size for entry in entries) > _MAX_UNPACKED:
                return ""
            if any(name.lower().endswith((".bin", ".exe", ".js", ".vbs")) for name in names):
                return ""  # macros and things packed inside
            if "mimetype" in names:
                said = _stored(archive, archive.getinfo("mimetype"))
                return next((e for e in ("odt", "ods") if MEDIA_TYPES[e] == said), "")
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        return ""
    if "[Content_Types].xml" in names:
        return "docx" if "word/document.xml" in names else "xlsx" if "xl/workbook.xml" in names else ""
    return ""


def _stored(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    """Returns a short entry that is not packed, as OpenDocument wants it (1.3, part 2, 3.3); else nothing."""
    plain = entry.compress_type == zipfile.ZIP_STORED
    if not plain or max(entry.file_size, entry.compress_size) > _MAX_SAID_BYTES:
        return ""
    return archive.read(entry).decode("ascii", "replace")
