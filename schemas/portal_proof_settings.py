"""The tables of the portal's proofs by others: MitID through a broker, and codes through an SMS gateway.

Relies on pydantic. Says what may stand in the file; files and addresses are looked at by `routing.portal`.
Source: facts/secure-mail 5.3.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from schemas.section import Section
from schemas.setting_faults import fault, unfit

_LOOPBACK = r"http://(localhost|127\.0\.0\.1|\[::1\])"
WebAddress = Annotated[
    str, StringConstraints(pattern=rf"^(https://[A-Za-z0-9.-]+|{_LOOPBACK})(:[0-9]{{1,5}})?(/[!-~]*)?$")
]
"""An address of a service; one without TLS can only be this machine, and is refused in a live house."""
Origin = Annotated[
    str, StringConstraints(pattern=rf"^(https://[A-Za-z0-9.*-]+|{_LOOPBACK})(:[0-9]{{1,5}})?$")
]
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]{0,2000}$")]

PLACEHOLDERS = frozenset({"token", "mobile", "number", "text", "sender", "id"})
"""What a template may name; `mobile` has a `+` before it and `number` has not."""
_OURS = frozenset(
    ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
     "code_challenge_method", "acr_values", "prompt", "ui_locales", "request", "request_uri")
)  # fmt: skip


class PortalMitId(Section):
    """`[channels.<name>.mitid]`: a broker of MitID that speaks OpenID Connect.

    `match = "claim"`: the broker tells the CPR number and it is compared here. `match = "broker"`: a private
    provider may not be told it, so the consignment's number is put to the broker, which says yes or no. A
    company is always known by the CVR number that the broker tells.
    """

    issuer: WebAddress
    client_id: str = Field(min_length=1, max_length=255)
    client_secret: Path | None = None
    secret_in: Literal["header", "form"] = "header"
    client_key: Path | None = None
    client_key_id: str = Field(default="", max_length=255)
    scopes: tuple[Word, ...] = ("openid",)
    acr_values: tuple[Word, ...] = ()
    level_claim: Word = "acr"
    levels: tuple[Word, ...] = Field(min_length=1)
    match: Literal["claim", "broker"] = "claim"
    cpr_claim: Word = "dk.cpr"
    cvr_claim: Word = "nemlogin.cvr"
    userinfo: bool = False
    match_url: WebAddress | None = None
    match_field: Word = "cpr"
    match_answer: Word = "match"
    parameters: dict[Word, str] = Field(default_factory=dict)
    form_origins: tuple[Origin, ...] = ()
    ca: Path | None = None
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.client_secret is None) == (self.client_key is None):
            raise unfit(fault("client_secret, client_key", "one_of_two"))
        if "openid" not in self.scopes:
            raise unfit(fault("scopes", "must_hold", name="'openid'"))
        if (self.match == "broker") != (self.match_url is not None):
            raise unfit(fault("match_url", "required_only_with", other="match = 'broker'"))
        if taken := sorted(_OURS & set(self.parameters)):
            raise unfit(fault("parameters", "programs_own", names=", ".join(taken)))
        return self


class PortalSms(Section):
    """`[channels.<name>.sms]`: the gateway that carries codes to mobile numbers.

    `gateway = "gatewayapi"` speaks GatewayAPI's REST interface; `"template"` fills `url`, `headers` and
    `fields` for any other. `token` is a file.
    """

    gateway: Literal["gatewayapi", "template"] = "gatewayapi"
    url: WebAddress = "https://gatewayapi.eu/rest/mtsms"
    token: Path
    sender: str = Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9 .&-]{0,10}|\+?[1-9][0-9]{2,14})$")
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    body: Literal["json", "form"] = "json"
    per_day: int = Field(default=2000, ge=1, le=1_000_000)
    per_number_per_day: int = Field(default=20, ge=1, le=1000)
    ca: Path | None = None
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @model_validator(mode="after")
    def _fitting_template(self) -> Self:
        if self.gateway != "template":
            if self.headers or self.fields or self.body != "json":
                raise unfit(fault("headers, fields, body", "only_with", other="gateway = 'template'"))
            return self
        texts = [self.url, *self.headers.values(), *_texts(self.fields)]
        named = set().union(*(_placeholders(text) for text in texts))
        if unknown := sorted(named - PLACEHOLDERS):
            raise unfit(fault("template", "unknown_placeholders", names=", ".join(unknown)))
        if "text" not in named or not named & {"mobile", "number"}:
            raise unfit(fault("template", "text_and_number"))
        if {"mobile", "number", "text", "token"} & _placeholders(self.url):
            raise unfit(fault("url", "address_in_logs"))
        if self.body == "form" and not all(isinstance(value, str) for value in self.fields.values()):
            raise unfit(fault("fields", "form_of_texts"))
        return self


def _texts(value: JsonValue) -> Iterator[str]:
    """Yields every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _placeholders(text: str) -> set[str]:
    """Returns the names in braces; anything else in braces is refused."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        raise unfit(fault("template", "lone_brace")) from None
    if any(spec or conversion for _, name, spec, conversion in parts if name is not None):
        raise unfit(fault("template", "bare_placeholder"))
    return {name for _, name, _, _ in parts if name is not None}
