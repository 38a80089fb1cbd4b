"""The portal's cookies: one for the browser, one per session, one for the language; all `__Host-`.

Relies on starlette. `Secure`, `HttpOnly`, `Path=/`, no domain. `SameSite=Lax`: a visit begins on another site
(a webmail, MitID), and no GET changes anything that matters; posts from other sites bring no cookie.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.requests import Request
from starlette.responses import Response

BROWSER = "__Host-b"
LANGUAGE = "__Host-sprog"
_BYTES = 32
_YEAR_SECONDS = 365 * 86_400


def session_cookie(parcel_id: str) -> str:
    """Returns the name of a parcel's session cookie: two parcels can be open side by side."""
    return f"__Host-p-{parcel_id[:16]}"


def read_cookie(request: Request, name: str) -> bytes | None:
    """Returns the 32 bytes that a cookie of ours holds, None for anything else."""
    text = request.cookies.get(name, "")
    try:
        value = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) == 43 else b""
    except ValueError:
        return None
    return value if len(value) == _BYTES else None


def set_cookie(response: Response, name: str, value: bytes) -> None:
    """Sets a cookie that lasts as long as the browser is open."""
    _set(response, name, urlsafe_b64encode(value).decode().rstrip("="), None)


def set_language(response: Response, language: str) -> None:
    """Remembers the language for a year."""
    _set(response, LANGUAGE, language, _YEAR_SECONDS)


def drop_cookie(response: Response, name: str) -> None:
    """Removes a cookie."""
    _set(response, name, "", 0)


def _set(response: Response, name: str, value: str, max_age: int | None) -> None:
    response.set_cookie(name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax")
