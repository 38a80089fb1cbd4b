"""Says the portal's texts in Danish or English, and draws its templates.

Relies on the catalogue (family `page`) for every word and on jinja2, which escapes all that is put in. Holds
no text of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from schemas.catalogue import Language, explain

if TYPE_CHECKING:
    from jinja2 import Environment

LANGUAGES: tuple[Language, ...] = ("da", "en")
_MONTHS = {
    "da": "januar,februar,marts,april,maj,juni,juli,august,september,oktober,november,december",
    "en": "January,February,March,April,May,June,July,August,September,October,November,December",
}


def wording(language: Language) -> Callable[..., str]:
    """Returns the function `t` of the templates: a key and its parameters → a text."""
    return partial(_text, language)


def _text(language: Language, key: str, **params: object) -> str:
    return explain(f"page.{key}", language, params).what


@cache
def templates() -> Environment:
    """Returns the templates; everything put into them is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("routing.portal", "templates"),
        autoescape=True,
        auto_reload=False,  # they travel with the program; a look at the file would cost every page four
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["day"] = day
    made.filters["moment"] = moment
    made.filters["hour"] = hour
    made.filters["size"] = size
    return made


def day(at: datetime, language: Language) -> str:
    """Returns a day as people read it, in Danish local time."""
    local = at.astimezone(ZoneInfo("Europe/Copenhagen"))
    dot = "." if language == "da" else ""
    return f"{local.day}{dot} {_MONTHS[language].split(',')[local.month - 1]} {local.year}"


def moment(at: datetime, language: Language) -> str:
    """Returns a day with the time."""
    local = at.astimezone(ZoneInfo("Europe/Copenhagen"))
    return f"{day(at, language)} {'kl.' if language == 'da' else 'at'} {local:%H:%M}"


def hour(at: datetime) -> str:
    """Returns the time of day in Denmark."""
    return f"{at.astimezone(ZoneInfo('Europe/Copenhagen')):%H:%M}"


def size(n_bytes: int, language: Language) -> str:
    """Returns a size in a unit that people know."""
    if n_bytes < 1_000_000:
        return f"{max(1, round(n_bytes / 1000))} kB"
    text = f"{n_bytes / 1_000_000:.1f}".removesuffix(".0")
    return f"{text.replace('.', ',') if language == 'da' else text} MB"
