"""The conversation with a broker of MitID: what it says of itself, its keys, a login, and a number put to it.

Relies on `outward` for the wire and on `open_id` for what must hold. What the broker says of itself and its
keys are kept for an hour; a token under an unknown key makes us look again, at most once a minute. A login's
code is used once and never tried again. Compares no person: see `mitid`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from routing.portal.open_id import (
    Expected,
    KeyUnknown,
    authorization_url,
    challenge_of,
    client_assertion,
    verified,
)
from routing.portal.outward import Answer, Outward, read_secret, read_token
from schemas.errors import ConfigurationError, Transient, Unreachable
from schemas.portal_proof_settings import PortalMitId

KEPT_SECONDS = 3600
LOOK_AGAIN_SECONDS = 60
MAX_MATCH_TRIES = 3
"""What MitID allows of a private provider per login (facts/secure-mail 5.3)."""
_MAX_KEYS = 50
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a broker says of itself (OpenID Connect Discovery)."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    names_issuer: bool


@dataclass(frozen=True, slots=True)
class Login:
    """What a login came to: claims that hold, and the token for one more question."""

    claims: Mapping[str, Any] = field(repr=False)
    access_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What must be known of a departure when it comes back."""

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    departed_at: int


class Broker:
    """One broker; belongs to one event loop."""

    def __init__(self, settings: PortalMitId, outward: Outward, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._outward = outward
        self._now = now
        self._metadata: tuple[int, Metadata] | None = None
        self._keys: tuple[int, list[Mapping[str, Any]]] | None = None

    async def address(self, ticket: Ticket, state: str, return_url: str, language: str) -> str:
        """Returns where to send the browser; errors as `Outward.call`."""
        settings, there = self._settings, await self._about()
        return authorization_url(
            there.authorization,
            {
                **settings.parameters,
                "client_id": settings.client_id,
                "redirect_uri": return_url,
                "scope": " ".join(settings.scopes),
                "state": state,
                "nonce": ticket.nonce,
                "code_challenge": challenge_of(ticket.verifier),
                "code_challenge_method": "S256",
                "acr_values": " ".join(settings.acr_values),
                # A login of the one who sat here before must not do.
                "prompt": "login",
                "ui_locales": language,
            },
        )

    async def login(self, query: Mapping[str, str], ticket: Ticket, return_url: str) -> Login:
        """Returns the login that a browser brought back; raises the SendErrors.

        Unreachable `portal.login_cancelled` when the person stopped, `portal.login_refused` when the broker
        does not know the code, `portal.id_token_unfit` when its word does not hold.
        """
        there = await self._about()
        code = self._code_in(query, there)
        answer = await self._redeem(there, code, ticket, return_url)
        token, access = answer.get("id_token"), answer.get("access_token", "")
        if not isinstance(token, str) or not isinstance(access, str):
            raise Unreachable("portal.id_token_unfit", reason="missing")
        now = self._at()
        settings = self._settings
        expected = Expected(
            settings.issuer, settings.client_id, ticket.nonce, ticket.departed_at, now, access
        )
        claims = await self._verified(there, token, expected)
        if settings.userinfo:
            claims = {**await self._userinfo(there, access, claims["sub"]), **claims}
        return Login(claims, access)

    async def fits(self, login: Login, digits: str) -> bool:
        """Asks whether a number is theirs who logged in: in at most three calls; an answer is an answer."""
        settings = self._settings
        assert settings.match_url is not None  # the settings see to it
        bearer = {"Authorization": f"Bearer {login.access_token}"}
        for _ in range(MAX_MATCH_TRIES):
            try:
                answer = await self._outward.post_json(
                    settings.match_url, {settings.match_field: digits}, bearer
                )
            except Transient:
                continue
            if answer.status < 500:
                return self._match_in(answer)
        raise Transient("portal.broker_busy")

    # --- inside

    def _match_in(self, answer: Answer) -> bool:
        if answer.status != 200:
            raise Unreachable("portal.match_refused")
        fits = answer.json().get(self._settings.match_answer)
        if not isinstance(fits, bool):
            raise Transient("portal.outward_unreadable")
        return fits

    def _code_in(self, query: Mapping[str, str], there: Metadata) -> str:
        # RFC 9207: an answer of another broker, brought to us in this one's place.
        if query.get("iss", "" if there.names_issuer else self._settings.issuer) != self._settings.issuer:
            raise Unreachable("portal.login_refused")
        if "error" in query:
            stopped = query["error"] in ("access_denied", "user_cancelled", "login_required")
            raise Unreachable("portal.login_cancelled" if stopped else "portal.login_refused")
        if not query.get("code"):
            raise Unreachable("portal.login_refused")
        return query["code"]

    async def _redeem(self, there: Metadata, code: str, ticket: Ticket, return_url: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_url,
            "code_verifier": ticket.verifier,
            "client_id": self._settings.client_id,
        }
        more, headers = self._who_we_are(there)
        answer = await self._outward.post_form(there.token, form | more, headers)
        if answer.status == 200:
            return answer.json()
        if answer.status >= 500 or answer.status == 429:
            raise Transient("portal.broker_busy")
        if answer.status in (401, 403) or b"invalid_client" in answer.body:
            raise ConfigurationError("portal.broker_refused_us")
        raise Unreachable("portal.login_refused")

    def _who_we_are(self, there: Metadata) -> tuple[dict[str, str], dict[str, str]]:
        """Returns the fields and headers by which the broker knows us."""
        settings = self._settings
        if settings.client_key is not None:
            now = self._at()
            pem = read_secret(settings.client_key)
            word = client_assertion(pem, settings.client_key_id, settings.client_id, there.token, now)
            return {"client_assertion_type": _JWT_BEARER, "client_assertion": word}, {}
        assert settings.client_secret is not None  # the settings see to it
        secret = read_token(settings.client_secret)
        if settings.secret_in == "form":
            return {"client_secret": secret}, {}
        pair = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"
        return {}, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    async def _verified(self, there: Metadata, token: str, expected: Expected) -> dict[str, Any]:
        keys, read_at = await self._key_set(there, KEPT_SECONDS)
        try:
            return verified(token, keys, expected)
        except KeyUnknown:
            pass
        if self._at() - read_at >= LOOK_AGAIN_SECONDS:
            keys, _ = await self._key_set(there, 0)
        try:
            return verified(token, keys, expected)
        except KeyUnknown:
            raise Unreachable("portal.id_token_unfit", reason="key") from None

    async def _userinfo(self, there: Metadata, access: str, subject: str) -> dict[str, Any]:
        if not there.userinfo or not access:
            raise ConfigurationError("portal.broker_unfit", reason="userinfo_endpoint")
        answer = await self._outward.get(there.userinfo, {"Authorization": f"Bearer {access}"})
        if answer.status != 200:
            raise Transient("portal.broker_busy")
        told = answer.json()
        if told.get("sub") != subject:  # OpenID Connect Core 5.3.2: somebody else's word
            raise Unreachable("portal.id_token_unfit", reason="userinfo")
        return told

    async def _key_set(self, there: Metadata, kept_seconds: int) -> tuple[list[Mapping[str, Any]], int]:
        at = self._at()
        if self._keys is None or at - self._keys[0] >= kept_seconds:
            keys = (await self._ask(there.keys)).get("keys")
            if not isinstance(keys, list):
                raise ConfigurationError("portal.broker_unfit", reason="jwks_uri")
            self._keys = (at, [key for key in keys[:_MAX_KEYS] if isinstance(key, dict)])
        return self._keys[1], self._keys[0]

    async def _about(self) -> Metadata:
        at = self._at()
        if self._metadata is None or at - self._metadata[0] >= KEPT_SECONDS:
            issuer = self._settings.issuer
            said = await self._ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            self._metadata = (at, self._judged(said))
        return self._metadata[1]

    def _judged(self, said: Mapping[str, Any]) -> Metadata:
        if said.get("issuer") != self._settings.issuer:
            raise ConfigurationError("portal.broker_unfit", reason="issuer")
        if "S256" not in said.get("code_challenge_methods_supported", ["S256"]):
            raise ConfigurationError("portal.broker_unfit", reason="code_challenge_methods_supported")
        places = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            value = said.get(name, "" if name == "userinfo_endpoint" else None)
            if not isinstance(value, str):
                raise ConfigurationError("portal.broker_unfit", reason=name)
            places[name] = self._outward.demand(value) if value else ""
        if origin_of(places["authorization_endpoint"]) not in form_origins(self._settings):
            raise ConfigurationError("portal.broker_unfit", reason="form_origins")
        names_issuer = said.get("authorization_response_iss_parameter_supported") is True
        authorization, token, keys, userinfo = places.values()
        return Metadata(authorization, token, keys, userinfo, names_issuer)

    def _at(self) -> int:
        return int(self._now().timestamp())

    async def _ask(self, url: str) -> dict[str, Any]:
        answer = await self._outward.get(url)
        if answer.status != 200:
            raise Transient("portal.broker_busy")
        return answer.json()


def origin_of(url: str) -> str:
    """Returns `https://host` of an address, with its port where it has one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def form_origins(settings: PortalMitId) -> tuple[str, ...]:
    """Returns where our form may lead to: the broker, and wherever it sends a browser on to."""
    return tuple(dict.fromkeys((origin_of(settings.issuer), *settings.form_origins)))
