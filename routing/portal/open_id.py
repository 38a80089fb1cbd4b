"""The forms and checks of OpenID Connect: where a browser is sent, what we sign, and which ID token holds.

The only module beside the simulators that imports authlib and joserfc, and lazily. Pure: asks nobody, keeps
nothing. Trusts nothing in a token's header but the key's id: algorithms come from a list of ours, keys from
the broker's own set.
Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 7636; RFC 7523; RFC 8037; RFC 8725; RFC 9864.
"""

from __future__ import annotations

import json
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import ConfigurationError, Unreachable

LEEWAY_SECONDS = 60
MIN_RSA_BYTES = 256
MAX_TOKEN_CHARS = 64 * 1024
KEY_TYPES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    **dict.fromkeys(("EdDSA", "Ed25519"), ("OKP", "Ed25519")),
}
"""Algorithm → what key it takes. `none` and the ones with a shared secret are not on it."""


class KeyUnknown(Exception):
    """No key of the broker's set fits a token: perhaps the broker has changed its keys."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say. `departed_at` and `now` are seconds since 1970."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    departed_at: int
    now: int
    access_token: str = field(repr=False)


def authorization_url(endpoint: str, parameters: Mapping[str, str]) -> str:
    """Returns the address that a browser is sent to."""
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri

    given = {name: value for name, value in parameters.items() if value}
    return str(prepare_grant_uri(endpoint, given.pop("client_id"), "code", **given))


def challenge_of(verifier: str) -> str:
    """Returns the challenge (S256) of a PKCE verifier."""
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    return str(create_s256_code_challenge(verifier))


def client_assertion(key_pem: bytes, key_id: str, client_id: str, audience: str, now: int) -> str:
    """Returns a signed word of who we are, for one minute (private_key_jwt).

    Raises ConfigurationError `portal.client_key_unfit` unless the key is RSA of 2048 bits or more, or P-256.
    """
    from authlib.oauth2.rfc7523 import private_key_jwt_sign
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    head = {"kid": key_id} if key_id else {}
    try:
        rsa = _is_rsa(key_pem)
        key = RSAKey.import_key(key_pem) if rsa else ECKey.import_key(key_pem)
        alg = "PS256" if rsa else "ES256"
        return str(
            private_key_jwt_sign(
                key, client_id, audience, alg, header=head, issued_at=now, expires_at=now + LEEWAY_SECONDS
            )
        )
    except (JoseError, ValueError, TypeError):
        raise ConfigurationError("portal.client_key_unfit") from None


def verified(token: str, keys: Sequence[Mapping[str, Any]], expected: Expected) -> dict[str, Any]:
    """Returns the claims of an ID token that holds.

    Raises KeyUnknown, or Unreachable `portal.id_token_unfit` with the `reason` as a word of ours.
    """
    header = _header(token)
    key = _choose(header, keys)
    claims = _opened(token, key, header["alg"])
    _check(claims, header, expected)
    return claims


def _unfit(reason: str) -> Unreachable:
    return Unreachable("portal.id_token_unfit", reason=reason)


def _header(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(token) > MAX_TOKEN_CHARS or len(parts) != 3:
        raise _unfit("shape")
    try:
        header = json.loads(urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, RecursionError):
        raise _unfit("shape") from None
    if not isinstance(header, dict) or not isinstance(header.get("kid", ""), str):
        raise _unfit("shape")
    if not isinstance(header.get("alg"), str) or header["alg"] not in KEY_TYPES:
        raise _unfit("alg")
    return header


def _choose(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    fitting = [key for key in keys if _fits(key, header["alg"])]
    if "kid" in header:
        fitting = [key for key in fitting if key.get("kid") == header["kid"]]
    if len(fitting) != 1:
        raise KeyUnknown
    return fitting[0]


def _fits(key: Mapping[str, Any], alg: str) -> bool:
    kind, curve = KEY_TYPES[alg]
    if key.get("kty") != kind or key.get("use", "sig") != "sig" or key.get("alg", alg) != alg:
        return False
    if kind == "RSA":
        return isinstance(key.get("n"), str) and len(key["n"]) * 3 // 4 >= MIN_RSA_BYTES
    return bool(key.get("crv") == curve)


def _opened(token: str, key: Mapping[str, Any], alg: str) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError, SecurityWarning
    from joserfc.jwk import import_key
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=[alg], strict_check_header=False)
    try:
        public = import_key(
            {name: value for name, value in key.items() if name not in ("use", "alg", "key_ops")}
        )
        with warnings.catch_warnings():
            # RFC 9864 wants EdDSA called Ed25519; here either takes an Ed25519 key and no other.
            warnings.simplefilter("ignore", SecurityWarning)
            return dict(jwt.decode(token, public, algorithms=[alg], registry=registry).claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _unfit("signature") from None


def _check(claims: dict[str, Any], header: Mapping[str, Any], expected: Expected) -> None:
    from authlib.oidc.core import CodeIDToken
    from joserfc.errors import ClaimError, JoseError

    wanted: dict[str, Any] = {
        "iss": {"essential": True, "value": expected.issuer},
        "sub": {"essential": True},
        "aud": {"essential": True, "value": expected.client_id},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "nonce": {"essential": True, "value": expected.nonce},
    }
    known = {
        "nonce": expected.nonce,
        "client_id": expected.client_id,
        "access_token": expected.access_token,
    }
    # Its hash of the access token is by SHA-512 under either name; authlib knows the older one.
    alg = "EdDSA" if header["alg"] == "Ed25519" else header["alg"]
    try:
        CodeIDToken(claims, {**header, "alg": alg}, wanted, known).validate(expected.now, LEEWAY_SECONDS)
    except ClaimError as error:
        raise _unfit(error.claim) from None
    except (JoseError, ValueError, TypeError):
        raise _unfit("claims") from None
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise _unfit("sub")
    # Nobody may come back with a login from before this departure: not by another's session at the broker.
    for name in ("iat", "auth_time"):
        at = claims.get(name, expected.now)
        if isinstance(at, bool) or not isinstance(at, int | float):
            raise _unfit(name)
        if at < expected.departed_at - LEEWAY_SECONDS or at > expected.now + LEEWAY_SECONDS:
            raise _unfit(name)


def _is_rsa(key_pem: bytes) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(key_pem, None)
    return isinstance(key, RSAPrivateKey) and key.key_size >= MIN_RSA_BYTES * 8
