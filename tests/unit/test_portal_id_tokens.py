"""Which ID tokens hold: one good one, and every way in which one can be wrong."""

from __future__ import annotations

import hashlib
import hmac
import json
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from routing.portal.open_id import (
    Expected,
    KeyUnknown,
    authorization_url,
    challenge_of,
    client_assertion,
    verified,
)
from schemas.errors import ConfigurationError, Unreachable

NOW = 1_800_000_000
EXPECTED = Expected("https://broker.example", "portal", "nonce-1", NOW - 100, NOW, "access-1")
EC = ECKey.generate_key("P-256", {"kid": "ec"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
EDWARDS = [{"alg": alg, "kid": "ed"} for alg in ("EdDSA", "Ed25519")]
"""Its two names: that of RFC 8037, and that of RFC 9864."""
CLAIMS = {
    "iss": "https://broker.example",
    "sub": "somebody",
    "aud": "portal",
    "iat": NOW,
    "exp": NOW + 300,
    "nonce": "nonce-1",
}


def public(key, **change):
    return key.as_dict(private=False) | {"use": "sig"} | change


KEYS = [public(EC), public(RSA), public(ED)]


def token(claims=CLAIMS, key=EC, **header):
    head = {"alg": "ES256", "kid": "ec"} | header
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    head = {name: value for name, value in head.items() if value is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of a name that RFC 9864 would not use
        return jwt.encode(head, claims, key, algorithms=[head["alg"]], registry=registry)


def half_hash(name, text="access-1"):
    """Returns what `at_hash` must say of an access token."""
    digest = hashlib.new(name, text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(kid=None),
        token(key=RSA, alg="RS256", kid="rsa"),
        token(key=RSA, alg="PS384", kid="rsa"),
        *(token(key=ED, **head) for head in EDWARDS),
        token(CLAIMS | {"at_hash": half_hash("sha256")}),
        *(token(CLAIMS | {"at_hash": half_hash("sha512")}, ED, **head) for head in EDWARDS),
        token(CLAIMS | {"aud": ["portal", "other"], "azp": "portal"}),
        token(CLAIMS | {"auth_time": NOW - 30, "exp": NOW - 30}),
        token(typ="JWT", x5t="abc", unheard_of="yes"),
    ],
)
def test_a_good_token_holds(text):
    assert verified(text, KEYS, EXPECTED)["sub"] == "somebody"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"aud": "other"}, "aud"),
        ({"aud": ["other"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["portal", "other"]}, "azp"),
        ({"azp": "other"}, "azp"),
        ({"exp": NOW - 61}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"nbf": NOW + 61}, "nbf"),
        ({"iat": None}, "iat"),
        ({"iat": NOW + 61}, "iat"),
        ({"iat": NOW - 161}, "iat"),
        ({"auth_time": NOW - 161}, "auth_time"),
        ({"auth_time": "then"}, "auth_time"),
        ({"nonce": "nonce-2"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"at_hash": "somebody-elses"}, "at_hash"),
    ],
)
def test_a_wrong_claim_is_refused_by_name(change, reason):
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    with pytest.raises(Unreachable) as fault:
        verified(token(claims), KEYS, EXPECTED)
    assert (fault.value.code, fault.value.params) == ("portal.id_token_unfit", {"reason": reason})


def unsigned(claims, alg="none", **more):
    parts = ({"alg": alg, "kid": "ec"} | more, claims)
    head, body = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}."


def shared(key=RSA, kid="rsa", alg="HS256", secret=None):
    """Signs with a public key's text as a shared secret: the old confusion of algorithms."""
    signed = unsigned(CLAIMS, alg, kid=kid).removesuffix(".")
    mark = hmac.digest(secret or key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mark).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (unsigned(CLAIMS), "alg"),
        (unsigned(CLAIMS, "None"), "alg"),
        (unsigned(CLAIMS, "eddsa", kid="ed"), "alg"),
        (unsigned(CLAIMS, "Ed448", kid="ed"), "alg"),
        (unsigned(CLAIMS, "EdDSA", kid="ed"), "signature"),
        (unsigned(CLAIMS, "Ed25519", kid="ed"), "signature"),
        (shared(ED, "ed"), "alg"),
        (shared(ED, "ed", "EdDSA"), "signature"),
        (shared(ED, "ed", "EdDSA", urlsafe_b64decode(public(ED)["x"] + "=")), "signature"),
        (token(key=OKPKey.generate_key("Ed25519"), **EDWARDS[0]), "signature"),
        (token(CLAIMS | {"at_hash": half_hash("sha256")}, ED, **EDWARDS[0]), "at_hash"),
        (token(CLAIMS | {"at_hash": half_hash("sha256")}, ED, **EDWARDS[1]), "at_hash"),
        (unsigned(CLAIMS, "ES256"), "signature"),
        (unsigned(CLAIMS, ["ES256"]), "alg"),
        (unsigned(CLAIMS, "ES256", kid=["ec"]), "shape"),
        (unsigned(CLAIMS, "ES256", crit=["b64"], b64=False), "signature"),
        (shared(), "alg"),
        (token()[:-8] + "AAAAAAAA", "signature"),
        (token(key=ECKey.generate_key("P-256"), kid="ec"), "signature"),
        (token(key=ECKey.generate_key("P-256"), jwk={"kty": "EC"}, jku="https://evil.example"), "signature"),
        (token() + ".x.y", "shape"),
        ("", "shape"),
        ("a.b.c", "shape"),
        ("x" * 70_000, "shape"),
    ],
)
def test_a_token_that_nobody_signed_is_refused(text, reason):
    with pytest.raises(Unreachable) as fault:
        verified(text, KEYS, EXPECTED)
    assert fault.value.params == {"reason": reason}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (token(kid="another"), KEYS),
        (token(), []),
        (token(), [public(EC, use="enc")]),
        (token(), [public(EC, alg="ES384")]),
        (token(kid=None), [public(EC), public(ECKey.generate_key("P-256"))]),
        (token(key=RSA, alg="RS256", kid="rsa"), [public(EC, kid="rsa")]),
        (token(), [public(ECKey.generate_key("P-384"), kid="ec")]),
        (token(key=ED, **EDWARDS[0]), [public(EC, kid="ed"), public(RSA, kid="ed")]),
        (token(kid="ed"), [public(ED)]),
        (token(key=RSA, alg="RS256", kid="ed"), [public(ED)]),
        (token(key=ED, **EDWARDS[0]), [public(OKPKey.generate_key("X25519"), kid="ed")]),
        (token(key=ED, **EDWARDS[0]), [public(OKPKey.generate_key("Ed448"), kid="ed")]),
        (token(key=ED, **EDWARDS[0]), [public(ED, use="enc")]),
        (token(key=ED, **EDWARDS[0]), [public(ED, alg="ES256")]),
        (token(), [{"kty": "oct", "k": "AAAA", "kid": "ec"}]),
        (token(key=RSA, alg="RS256", kid="rsa"), [public(RSA, n=public(RSA)["n"][:200])]),
    ],
)
def test_a_key_that_does_not_fit_is_no_key(text, keys):
    with pytest.raises(KeyUnknown):
        verified(text, keys, EXPECTED)


def test_the_address_keeps_what_the_broker_put_there_and_the_challenge_is_the_standards():
    url = authorization_url(
        "https://b.example/a?tenant=1", {"client_id": "portal", "state": "s&t", "prompt": ""}
    )
    assert url == "https://b.example/a?tenant=1&response_type=code&client_id=portal&state=s%26t"
    # RFC 7636, appendix B.
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES256"), (RSA, "PS256")])
def test_our_own_word_is_signed_for_a_minute_and_the_token_endpoint(key, alg):
    word = client_assertion(key.as_pem(private=True), "k1", "portal", "https://b.example/token", NOW)
    read = jwt.decode(word, key, algorithms=[alg])
    assert read.header["alg"] == alg and read.header["kid"] == "k1"
    claims = read.claims
    assert claims["iss"] == claims["sub"] == "portal" and claims["aud"] == "https://b.example/token"
    assert claims["exp"] - claims["iat"] == 60 and len(claims["jti"]) >= 32


@pytest.mark.parametrize(
    "pem",
    [b"", b"no key", ECKey.generate_key("P-384").as_pem(private=True), EC.as_pem(private=False)],
)
def test_a_key_that_can_not_sign_for_us_is_told(pem):
    with pytest.raises(ConfigurationError, match=r"^portal.client_key_unfit$"):
        client_assertion(pem, "", "portal", "https://b.example/token", NOW)
