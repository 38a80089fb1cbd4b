"""Brings others' lists into ours: rows of a CSV file, and the entries of a directory.

Relies on `routing.certificates` for files and directories. An import replaces what the same source brought
before: what that source does not name any more is closed. Signs and writes nothing: see `list_file`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from cryptography import x509

from routing.certificates.directory import Directory
from routing.certificates.files import read_file
from routing.certificates.uses import is_authority
from routing.mime.addresses import parse_domain
from routing.tunnel.entries import TunnelEntry, TunnelList
from routing.tunnel.list_text import checked_entry
from schemas.errors import BadInput
from schemas.mail_settings import TunnelDirectory

COLUMNS = ("domain", "certificate", "sha256", "subdomains", "valid_from", "valid_to")
_WORDS = {"": False, "nej": False, "no": False, "0": False, "ja": True, "yes": True, "1": True}


def with_import(before: TunnelList, source: str, found: Iterable[TunnelEntry]) -> TunnelList:
    """Returns the next version of a list, in which a source's entries are those that were found now.

    Raises BadInput `tunnel.import_empty` when there are none, for that would close all it brought before, and
    `tunnel.domain_twice` when another source has a domain already.
    """
    new = tuple(replace(one, source=source) for one in found)
    if not new:
        raise BadInput("tunnel.import_empty")
    kept = tuple(one for one in before.entries if one.source != source)
    entries = sorted((*kept, *new), key=lambda one: one.domain)
    return TunnelList(before.version + 1, tuple(entries))


def differences(before: TunnelList, after: TunnelList) -> Mapping[str, tuple[str, ...]]:
    """Returns the domains that came, went and changed."""
    old = {one.domain: one for one in before.entries}
    new = {one.domain: one for one in after.entries}
    return {
        "added": tuple(sorted(new.keys() - old.keys())),
        "removed": tuple(sorted(old.keys() - new.keys())),
        "changed": tuple(sorted(name for name in new.keys() & old.keys() if new[name] != old[name])),
    }


def read_csv(path: Path) -> list[TunnelEntry]:
    """Returns the entries of a CSV file: `;` between columns, the first line their names (`COLUMNS`; only
    `domain` and one of `certificate` and `sha256` must be there). A certificate is a file beside the CSV.

    Raises BadInput with the line: `tunnel.csv_form`, `tunnel.pin_unfit`, `certificate.file_unreadable`,
    `mail.address_domain`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise BadInput("tunnel.csv_form", line=0) from None
    reader = csv.DictReader(io.StringIO(text), delimiter=";", strict=True)
    try:
        rows = list(reader)
    except csv.Error:
        raise BadInput("tunnel.csv_form", line=reader.line_num + 1) from None
    if set(reader.fieldnames or ()) - set(COLUMNS) or "domain" not in (reader.fieldnames or ()):
        raise BadInput("tunnel.csv_form", line=1)
    return [_row(row, number, path.parent) for number, row in enumerate(rows, start=2)]


def read_directory(name: str, settings: TunnelDirectory) -> list[TunnelEntry]:
    """Returns the entries of a directory: a domain for each value of its domain attribute; blocks.

    Entries without a certificate or a domain are left out. Raises Transient and ConfigurationError as
    `routing.certificates.directory`, and BadInput `tunnel.pin_unfit`.
    """
    directory = Directory(name, settings)
    try:
        found = directory.search_all(settings.filter, settings.domain_attribute, settings.max_entries)
    finally:
        directory.close()
    by_domain: dict[str, list[x509.Certificate]] = {}
    for entry in found:
        people = [one for one in entry.certificates if not is_authority(one)]
        for domain in _domains(entry.texts):
            if people:
                by_domain.setdefault(domain, []).extend(people)
    return [checked_entry(domain, tuple(ones), ()) for domain, ones in sorted(by_domain.items())]


def _row(row: Mapping[str | None, str | None], number: int, folder: Path) -> TunnelEntry:
    values = {key: (value or "").strip() for key, value in row.items() if key}
    if None in row or None in row.values():
        raise BadInput("tunnel.csv_form", line=number)
    certificate = values.get("certificate", "")
    try:
        found = (
            tuple(one for one in read_file(folder / certificate) if not is_authority(one))
            if certificate
            else ()
        )
        return checked_entry(
            values["domain"],
            found,
            tuple(values.get("sha256", "").split(",")) if values.get("sha256") else (),
            subdomains=_WORDS[values.get("subdomains", "").lower()],
            valid_from=_day(values.get("valid_from", "")),
            valid_to=_day(values.get("valid_to", "")),
        )
    except BadInput as error:
        raise BadInput(error.code, **{**error.params, "line": number}) from None  # type: ignore[arg-type]
    except (KeyError, ValueError):
        raise BadInput("tunnel.csv_form", line=number) from None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _domains(texts: Iterable[str]) -> Iterator[str]:
    """Yields the domains that an attribute's values name, be they domains or addresses."""
    for text in texts:
        try:
            yield parse_domain(text.rpartition("@")[2])
        except BadInput:
            continue
