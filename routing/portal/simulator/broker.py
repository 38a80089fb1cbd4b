"""A simulated broker of MitID that speaks OpenID Connect: a person is chosen on its page, not proved.

Relies on aiohttp and joserfc. Keeps to the protocol as strictly as a real one: PKCE (S256), the client's
secret, a code that counts once and for its own return address. Tests twist its tokens before they are signed.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

from routing.portal.simulator.serving import MARK, MAX_BODY_BYTES
from routing.portal.wording import templates, wording

CODE_SECONDS = 60
TOKEN_SECONDS = 300
MAX_MATCHES = 3
Claims = dict[str, Any]


def wall_clock() -> datetime:
    """Returns the time of the machine, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """Who can be chosen: a label on the page, the claims that are told, and the number that is matched."""

    label: str
    claims: Mapping[str, str] = field(repr=False)
    number: str = field(default="", repr=False)


@dataclass(slots=True)
class _Grant:
    """A login on its way: what was asked, by whom it was answered."""

    asked: Mapping[str, str]
    person: SimulatedPerson
    at: int
    n_matches: int = 0


@dataclass(slots=True)
class SimulatedBroker:
    """One broker; `issuer` is set once it listens. `twist` changes a token's header and claims."""

    client_id: str
    client_secret: str = field(repr=False)
    persons: tuple[SimulatedPerson, ...] = ()
    level: str = "substantial"
    issuer: str = ""
    now: Callable[[], datetime] = wall_clock
    twist: Callable[[Claims, Claims], None] | None = None
    key: ECKey = field(default_factory=lambda: _new_key(), repr=False)
    n_matches: int = 0
    _codes: dict[str, _Grant] = field(default_factory=dict, repr=False)
    _tokens: dict[str, _Grant] = field(default_factory=dict, repr=False)

    def app(self) -> web.Application:
        """Returns the application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/.well-known/openid-configuration", self._about)
        app.router.add_get("/jwks", self._keys)
        app.router.add_get("/authorize", self._choose)
        app.router.add_post("/authorize", self._chosen)
        app.router.add_post("/token", self._redeem)
        app.router.add_get("/userinfo", self._tell)
        app.router.add_post("/match", self._match)
        return app

    def rotate(self) -> None:
        """Changes the signing key; the old one is no longer published."""
        self.key = _new_key()

    # --- endpoints

    async def _about(self, request: web.Request) -> web.Response:
        places = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "userinfo_endpoint": "userinfo",
        }
        return _json(
            {name: f"{self.issuer}/{place}" for name, place in places.items()}
            | {
                "issuer": self.issuer,
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        return _json({"keys": [self.key.as_dict(private=False) | {"use": "sig", "alg": "ES256"}]})

    async def _choose(self, request: web.Request) -> web.Response:
        if not self._asks_rightly(request.query):
            return _fault("invalid_request")
        page = templates().get_template("simulated_login.html")
        text = page.render(
            t=wording("da"), query=request.query_string, labels=[p.label for p in self.persons]
        )
        return web.Response(text=text, content_type="text/html", headers=MARK)

    async def _chosen(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        if not self._asks_rightly(asked):
            return _fault("invalid_request")
        answer = {"state": asked["state"], "iss": self.issuer}
        choice = str((await request.post()).get("person", ""))
        if choice.isascii() and choice.isdecimal() and int(choice) < len(self.persons):
            code = secrets.token_urlsafe(24)
            self._codes[code] = _Grant(asked, self.persons[int(choice)], self._at())
            answer["code"] = code
        else:
            answer["error"] = "access_denied"
        location = f"{asked['redirect_uri']}?{urlencode(answer)}"
        return web.Response(status=303, headers={**MARK, "Location": location})

    async def _redeem(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not self._knows(request.headers.get("Authorization", ""), form):
            return _fault("invalid_client", 401)
        grant = self._codes.pop(form.get("code", ""), None)  # once, right or wrong
        if grant is None or self._at() - grant.at > CODE_SECONDS or not _fits(grant.asked, form):
            return _fault("invalid_grant")
        access = secrets.token_urlsafe(24)
        self._tokens[access] = grant
        told = {"token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        return _json({"access_token": access, "id_token": self._signed(grant), **told})

    async def _tell(self, request: web.Request) -> web.Response:
        grant = self._granted(request)
        if grant is None:
            return _fault("invalid_token", 401)
        return _json({"sub": _subject(grant.person), **grant.person.claims})

    async def _match(self, request: web.Request) -> web.Response:
        """Says whether a number is the person's, three times per login and no more."""
        grant = self._granted(request)
        if grant is None:
            return _fault("invalid_token", 401)
        grant.n_matches += 1
        self.n_matches += 1
        if grant.n_matches > MAX_MATCHES:
            return _fault("too_many_matches", 429)
        digits = str((await request.json()).get("cpr", ""))
        right = hmac.compare_digest(digits.encode(), grant.person.number.encode())
        return _json({"match": right and bool(digits)})

    # --- inside

    def _at(self) -> int:
        return int(self.now().timestamp())

    def _asks_rightly(self, asked: Mapping[str, str]) -> bool:
        needed = ("redirect_uri", "state", "nonce", "code_challenge")
        return (
            all(asked.get(name) for name in needed)
            and asked.get("response_type") == "code"
            and asked.get("client_id") == self.client_id
            and asked.get("code_challenge_method") == "S256"
            and "openid" in asked.get("scope", "").split()
        )

    def _knows(self, authorization: str, form: Mapping[str, str]) -> bool:
        try:
            pair = b64decode(authorization.removeprefix("Basic ")).decode()
        except ValueError:
            return False
        client, _, secret = pair.partition(":")
        if not authorization:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        wanted = f"{self.client_id}:{self.client_secret}"
        return hmac.compare_digest(f"{unquote(client)}:{unquote(secret)}".encode(), wanted.encode())

    def _granted(self, request: web.Request) -> _Grant | None:
        return self._tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def _signed(self, grant: _Grant) -> str:
        at = self._at()
        header: Claims = {"alg": "ES256", "kid": self.key.kid}
        claims: Claims = {
            "iss": self.issuer,
            "sub": _subject(grant.person),
            "aud": self.client_id,
            "iat": at,
            "auth_time": at,
            "exp": at + TOKEN_SECONDS,
            "nonce": grant.asked["nonce"],
            "acr": self.level,
            **grant.person.claims,
        }
        if self.twist is not None:
            self.twist(header, claims)
        return jwt.encode(header, claims, self.key, algorithms=["ES256"])


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": secrets.token_hex(8)})


def _subject(person: SimulatedPerson) -> str:
    return sha256(person.label.encode()).hexdigest()[:32]


def _fits(asked: Mapping[str, str], form: Mapping[str, str]) -> bool:
    challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode()
    return (
        form.get("grant_type") == "authorization_code"
        and form.get("redirect_uri") == asked["redirect_uri"]
        and challenge.rstrip("=") == asked["code_challenge"]
    )


def _json(value: object) -> web.Response:
    return web.json_response(value, headers=MARK)


def _fault(error: str, status: int = 400) -> web.Response:
    return web.json_response({"error": error}, status=status, headers=MARK)
