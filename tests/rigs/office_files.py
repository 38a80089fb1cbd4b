"""Makes Word and Excel files for tests: the fewest parts that make one, and what may be hidden in it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>{more}</Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{0}</Relationships>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def docx(*paragraphs: str, parts: Mapping[str, bytes | str] | None = None, types: str = "") -> bytes:
    """Returns a Word document with these paragraphs, each in two runs, and these further parts."""
    body = "".join(
        f"<w:p><w:r><w:t>{text[:8]}</w:t></w:r><w:r><w:t>{text[8:]}</w:t></w:r></w:p>" for text in paragraphs
    )
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    return packed(
        {"[Content_Types].xml": _TYPES.format(more=types), "word/document.xml": document, **(parts or {})}
    )


def xlsx(parts: Mapping[str, bytes | str] | None = None, *, sheet_name: str = "") -> bytes:
    """Returns an Excel workbook without sheets, or with the name of one, with these further parts."""
    book = f'<workbook xmlns="{_SHEETS}"><sheets><sheet name="{sheet_name}"/></sheets></workbook>'
    return packed(
        {
            "[Content_Types].xml": _TYPES.format(more=""),
            "xl/workbook.xml": book if sheet_name else "<workbook/>",
            **(parts or {}),
        }
    )


def sheet(*rows: str, more: str = "") -> str:
    """Returns a sheet; each row is its cells as they are written in the file."""
    lines = "".join(f"<row>{cells}</row>" for cells in rows)
    return f'<worksheet xmlns="{_SHEETS}"><sheetData>{lines}</sheetData>{more}</worksheet>'


def shared(*texts: str) -> str:
    """Returns the part that holds the texts of cells of the kind `s`."""
    items = "".join(f"<si><r><t>{text[:4]}</t></r><r><t>{text[4:]}</t></r></si>" for text in texts)
    return f'<sst xmlns="{_SHEETS}">{items}</sst>'


def word_part(kind: str, *paragraphs: str) -> str:
    """Returns a part of a Word document with paragraphs: a header (`hdr`), comments, a table's cells."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return f'<w:{kind} xmlns:w="{_WORD}">{body}</w:{kind}>'


def titles(title: str) -> str:
    """Returns the part with a file's own title."""
    core = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
    dc = "http://purl.org/dc/elements/1.1/"
    return f'<c:coreProperties xmlns:c="{core}" xmlns:d="{dc}"><d:title>{title}</d:title></c:coreProperties>'


def relation(kind: str, target: str, outward: bool = True) -> str:
    """Returns a part that points from the document to something else."""
    mode = ' TargetMode="External"' if outward else ""
    return _RELATIONS.format(f'<Relationship Id="r1" Type="{_KINDS}/{kind}" Target="{target}"{mode}/>')


def field(instruction: str) -> str:
    """Returns a main part with one field."""
    run = f"<w:r><w:instrText>{instruction}</w:instrText></w:r>"
    return f'<w:document xmlns:w="{_WORD}"><w:body><w:p>{run}</w:p></w:body></w:document>'


def packed(parts: Mapping[str, bytes | str]) -> bytes:
    """Returns a zip file with these parts."""
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return made.getvalue()
