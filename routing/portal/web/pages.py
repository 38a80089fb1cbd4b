"""Draws pages: language, brand, title and the texts of faults; every page goes through here.

Relies on `wording` and the templates. Puts nothing into a page that it wasn't given.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from routing.portal.parcels import Parcel
from routing.portal.web.cookies import BROWSER, LANGUAGE, set_cookie, set_language
from routing.portal.web.website import PageFault, Site
from routing.portal.wording import LANGUAGES, templates, wording
from schemas.catalogue import Language


def language_of(request: Request) -> Language:
    """Returns the language a visitor asked for: by the switch, by an earlier switch, by the browser."""
    for wish in (request.query_params.get("sprog"), request.cookies.get(LANGUAGE)):
        if wish in LANGUAGES:
            return wish
    for part in request.headers.get("accept-language", "").lower().split(",")[:10]:
        code = part.partition(";")[0].strip().partition("-")[0]
        if code in ("da", "no", "nb", "nn", "sv"):
            return "da"
        if code:
            return "en"
    return "da"


def draw(
    site: Site,
    request: Request,
    template: str,
    *,
    parcel: Parcel | None = None,
    browser: bytes | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    address: str = "",
    **values: object,
) -> Response:
    """Returns a page. `browser` is set as a cookie; `parcel` gives the brand; `address` is where the page can
    be opened again, when that is not where it was asked for."""
    language = language_of(request)
    source = parcel.source if parcel is not None and parcel.source in site.settings.brands else "default"
    other = "en" if language == "da" else "da"
    known = {
        "t": wording(language),
        "language": language,
        "other": other,
        "switch": _switched(request, address, other),
        "brand": site.brand(source),
        "brand_name": source,
        "simulated": site.simulated,
        "error": "",
        "clock": "",
    }
    page = templates().get_template(template).render(known | values)
    response = HTMLResponse(page, status, dict(headers or {}))
    response.headers["content-language"] = language
    response.headers["vary"] = "Accept-Language, Cookie"
    if browser is not None:
        set_cookie(response, BROWSER, browser)
    if request.query_params.get("sprog") in LANGUAGES:
        set_language(response, language)
    return response


def fault_page(site: Site, request: Request, fault: PageFault) -> Response:
    """Returns the page of a fault: helpful, and the same whatever lies behind it."""
    headers = {"retry-after": "60"} if fault.status in (429, 503) else {}
    return draw(site, request, "fault.html", kind=fault.kind, status=fault.status, headers=headers)


def _switched(request: Request, address: str, language: str) -> str:
    """Returns the same page in another language. What answers a form stands where nothing can be opened."""
    path = request.url.path
    if not address and request.method == "POST" and not path.endswith("/svar"):
        # A path of a stranger's choice: `//evil.example/x` must not become an address of its own.
        address = "/" + quote(path.rpartition("/")[0].strip("/"), safe="/%")
    kept = [(key, value) for key, value in request.query_params.multi_items() if key in ("m", "r")]
    query = urlencode([*([] if address else kept), ("sprog", language)])
    return f"{address}{'&' if '?' in address else '?'}{query}"
