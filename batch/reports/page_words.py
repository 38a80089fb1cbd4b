"""Numbers and times as people read them on the page, in Danish or English.

Relies on nothing but the zone of Copenhagen. Does not know what is counted.
"""

from __future__ import annotations

from datetime import datetime

from batch.reports.answer_lines import in_denmark
from schemas.catalogue import Language, phrase


def readable_number(n: int, language: Language) -> str:
    """Returns a count with its thousands set apart: 12.345 in Danish, 12,345 in English."""
    text = f"{n:,}"
    return text.replace(",", ".") if language == "da" else text


def readable_share(n: int, n_all: int, language: Language) -> str:
    """Returns a share in per cent with one decimal; only none is 0 and only all is 100."""
    if n_all <= 0:
        return ""
    tenths = round(1000 * n / n_all)
    if 0 < n < n_all:
        tenths = min(max(tenths, 1), 999)
    text = str(tenths // 10) if tenths in (0, 1000) else f"{tenths / 10:.1f}"
    return f"{text.replace('.', ',')} %" if language == "da" else f"{text}%"


def readable_time(at: datetime, language: Language) -> str:
    """Returns a UTC time as people read it, in Danish local time."""
    local = in_denmark(at)
    clock = f"{local:%H.%M}" if language == "da" else f"{local:%H:%M}"
    return f"{local:%d.%m.%Y} kl. {clock}" if language == "da" else f"{local.day} {local:%b %Y}, {clock}"


def counted(key: str, n: int, language: Language) -> str:
    """Returns a phrase that speaks of one or of many: `<key>.one` or `<key>.many`."""
    form = "one" if n == 1 else "many"
    return phrase(f"{key}.{form}", language, n=readable_number(n, language))
