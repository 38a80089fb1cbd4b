"""Writes and reads the text of a tunnel list: TOML, with a version and a table for every domain.

Relies on the standard library's TOML for reading. Closed to unknown keys: what is not understood might have
narrowed an entry. Knows no file and no signature: see `list_file`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.files import read_certificates
from routing.cms.keys import CertificateId
from routing.mime.addresses import parse_domain
from routing.tunnel.entries import TunnelEntry, TunnelList
from schemas.errors import BadInput

_KEYS = frozenset({"domain", "pins", "certificates", "subdomains", "valid_from", "valid_to", "source"})
_PIN_CHARS = frozenset("0123456789abcdef")
_PIN_LENGTH = 64
# What TOML takes in no string as it is.
_ESCAPED = re.compile('[\x00-\x1f\x7f"\\\\]')


def write_list(made: TunnelList) -> bytes:
    """Returns the text of a list."""
    lines = ["# Brevdue tunnel list", f"version = {made.version}", ""]
    for entry in made.entries:
        lines += [*_entry_lines(entry), ""]
    return "\n".join(lines).encode()


def read_list(text: bytes) -> TunnelList:
    """Returns the list of a text.

    Raises BadInput: `tunnel.list_form` (with the place), `tunnel.pin_unfit` (a certificate that is not among
    the pins, or none of either), `tunnel.domain_twice`.
    """
    try:
        values = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadInput("tunnel.list_form", place="toml") from None
    if set(values) - {"version", "entries"}:
        raise BadInput("tunnel.list_form", place="list")
    version = _value(values, "version", int, None, "list")
    entries = _value(values, "entries", list, [], "list")
    if version is None or version < 1:
        raise BadInput("tunnel.list_form", place="version")
    return TunnelList(version, tuple(_entry(one, number) for number, one in enumerate(entries, start=1)))


def checked_entry(
    domain: str,
    certificates: tuple[x509.Certificate, ...],
    pins: tuple[str, ...],
    **more: Any,
) -> TunnelEntry:
    """Returns an entry whose pins and certificates fit; without pins they are those of the certificates.

    Raises BadInput `tunnel.pin_unfit` or `mail.address_domain`.
    """
    domain = parse_domain(domain)
    own = tuple(CertificateId(one).fingerprint for one in certificates)
    kept = tuple(dict.fromkeys(_pin(one, domain) for one in pins)) or own
    if not kept or not set(own) <= set(kept):
        raise BadInput("tunnel.pin_unfit", domain=domain)
    return TunnelEntry(domain, kept, certificates, **more)


def _entry_lines(entry: TunnelEntry) -> Iterator[str]:
    yield "[[entries]]"
    yield f"domain = {_quoted(entry.domain)}"
    yield f"subdomains = {'true' if entry.subdomains else 'false'}"
    yield f"pins = [{', '.join(map(_quoted, entry.pins))}]"
    for name, day in (("valid_from", entry.valid_from), ("valid_to", entry.valid_to)):
        if day is not None:
            yield f"{name} = {day.isoformat()}"
    if entry.source:
        yield f"source = {_quoted(entry.source)}"
    pems = [one.public_bytes(Encoding.PEM).decode() for one in entry.certificates]
    yield f"certificates = [{', '.join(map(_quoted, pems))}]"


def _quoted(text: str) -> str:
    """Returns a basic string of TOML."""
    escaped = _ESCAPED.sub(_escape, text)
    return f'"{escaped}"'


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _entry(values: object, number: int) -> TunnelEntry:
    place = f"entry {number}"
    if not isinstance(values, dict) or set(values) - _KEYS:
        raise BadInput("tunnel.list_form", place=place)
    texts = _texts(values, "certificates", place)
    try:
        certificates = tuple(read_certificates(text.encode())[0] for text in texts)
        return checked_entry(
            _value(values, "domain", str, "", place),
            certificates,
            tuple(_texts(values, "pins", place)),
            subdomains=_value(values, "subdomains", bool, False, place),
            valid_from=_day(values, "valid_from", place),
            valid_to=_day(values, "valid_to", place),
            source=_value(values, "source", str, "", place),
        )
    except BadInput as error:
        if error.code == "tunnel.pin_unfit":
            raise
        raise BadInput("tunnel.list_form", place=place) from None


def _value(values: dict[str, Any], name: str, kind: type, default: Any, place: str) -> Any:
    found = values.get(name, default)
    if found is not default and type(found) is not kind:
        raise BadInput("tunnel.list_form", place=place)
    return found


def _texts(values: dict[str, Any], name: str, place: str) -> list[str]:
    found: list[str] = _value(values, name, list, [], place)
    if not all(isinstance(one, str) for one in found):
        raise BadInput("tunnel.list_form", place=place)
    return found


def _day(values: dict[str, Any], name: str, place: str) -> date | None:
    found = values.get(name)
    if found is not None and (isinstance(found, datetime) or not isinstance(found, date)):
        raise BadInput("tunnel.list_form", place=place)
    return found


def _pin(text: str, domain: str) -> str:
    """Returns a pin in lower-case hex; colons and spaces between the pairs are taken away."""
    pin = text.replace(":", "").replace(" ", "").lower()
    if len(pin) != _PIN_LENGTH or not set(pin) <= _PIN_CHARS:
        raise BadInput("tunnel.pin_unfit", domain=domain)
    return pin
