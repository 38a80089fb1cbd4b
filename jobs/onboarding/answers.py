"""What a sender's onboarding is told: the shape of the answers file, and how later answers join earlier ones.

Relies on pydantic. Every field may be missing: `questions` asks for what is. Holds no password: at most where
one can be read.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from schemas.errors import BadInput, ConfigurationError
from schemas.identity import Cvr
from schemas.section import Name, Section
from schemas.settings import MaterialSettings

DATA_CLASSES: tuple[str, ...] = get_args(MaterialSettings.model_fields["data_class"].annotation)
Way = Literal["request", "p12", "pem", "keep", "later"]


def plain_cvr(text: str) -> str:
    """Returns the eight digits; raises ValueError for what is no CVR number."""
    try:
        return Cvr.parse(text).digits
    except BadInput as error:
        raise ValueError(error.code) from None


def plain_address(text: str) -> str:
    """Returns an IP address in its usual form; raises ValueError."""
    return str(ipaddress.ip_address(text.strip()))


GROUP = r"^[A-Za-z0-9._-]{1,40}$"
"""How a registration group may be called: as `enrolment_group` in the settings."""
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class MaterialAnswers(Section):
    """`[materials.<name>]`: what the sender's agreement says about a kind of document."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=50)] | None = None
    content_type_id: int | None = Field(default=None, ge=1, le=999_999_999)
    group: Annotated[str, StringConstraints(pattern=GROUP)] | None = None
    data_class: Literal["special_category", "criminal", "cpr", "confidential", "ordinary"] | None = None
    channels: tuple[Name, ...] | None = Field(default=None, min_length=1)
    delivery: Literal["voluntary", "mandatory"] | None = None
    document_days: int | None = Field(default=None, ge=0, le=3660)


class CertificateAnswers(Section):
    """`[certificate]`: where the sender's certificate comes from."""

    way: Way | None = None
    file: Path | None = None
    key: Path | None = None
    roots: Path | None = None
    kind: Literal["organisation", "system"] = "organisation"
    bits: Literal[3072, 2048] = 3072
    password_file: Path | None = None
    password_env: str | None = None


class LiveTestAnswers(Section):
    """`[live_test]`: to whom the one marked document goes; the sender's own CVR number when left out."""

    recipient: str | None = Field(default=None, repr=False)
    channel: Name | None = None


class Answers(Section):
    """The whole of it. `channels` holds keys of the settings, checked by the settings' own classes."""

    cvr: Annotated[str, AfterValidator(plain_cvr)] | None = None
    name: Words | None = None
    folder: Path | None = None
    public_address: Annotated[str, AfterValidator(plain_address)] | Literal[""] | None = None
    material_names: tuple[Name, ...] | None = Field(default=None, min_length=1)
    materials: dict[Name, MaterialAnswers] = Field(default_factory=dict)
    channels: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    certificate: CertificateAnswers = CertificateAnswers()
    live_test: LiveTestAnswers = LiveTestAnswers()


def read_answers(path: Path) -> dict[str, Any]:
    """Returns what an answers file says, checked; paths in it count from its folder.

    Raises ConfigurationError `onboarding.no_answers_file`, `…answers_not_toml` or `…answers_invalid`.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError("onboarding.no_answers_file", file=path.name, why=error.strerror) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError("onboarding.answers_not_toml", file=path.name, where=str(error)) from None
    check_answers(values)
    certificate = dict(values.get("certificate", {}))
    for name in ("file", "key", "roots", "password_file"):
        if name in certificate:
            certificate[name] = str(path.absolute().parent / certificate[name])
    return {**values, "certificate": certificate} if certificate else values


def check_answers(values: Mapping[str, Any]) -> Answers:
    """Returns the answers typed; raises ConfigurationError `onboarding.answers_invalid` with every fault."""
    try:
        return Answers.model_validate(dict(values))
    except ValidationError as error:
        rows = error.errors(include_url=False, include_input=False, include_context=False)
        told = "; ".join(f"{'.'.join(str(part) for part in row['loc'])}: {row['msg']}" for row in rows)
        raise ConfigurationError("onboarding.answers_invalid", faults=told) from None


def joined(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Returns earlier answers with later ones over them, table by table; what is None says nothing."""
    out = dict(earlier)
    for name, value in later.items():
        if isinstance(value, Mapping):
            before = out.get(name)
            out[name] = joined(before if isinstance(before, Mapping) else {}, value)
        elif value is not None:
            out[name] = value
    return out


def put(answers: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    """Sets one answer, in place."""
    for name in path[:-1]:
        answers = answers.setdefault(name, {})
    answers[path[-1]] = value


def look(answers: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Returns one answer; None when there is none yet."""
    found: Any = answers
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
