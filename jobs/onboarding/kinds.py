"""The kinds of channel that can be set up, and what each must be told: read from the settings' own classes.

Relies on `schemas.settings` for the shape and on `jobs.house.CHANNELS` for what this release can build. A new
kind is known here as soon as it stands in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import TypeAdapter, ValidationError

from jobs.house import CHANNELS
from schemas.errors import BadInput
from schemas.mail_settings import MailChannelSettings
from schemas.section import ChannelSettings
from schemas.settings import Settings

FROM_CERTIFICATE = ("certificate", "key")
"""Fields that the certificate's step fills in."""
ASKED_ALTHOUGH_OPTIONAL = ("ca",)
_REQUIRED = re.compile(r"(\w+): required")


@cache
def channel_classes() -> Mapping[str, type[ChannelSettings]]:
    """Returns kind → the class of its settings, for every kind this release can build."""
    found: dict[str, type[ChannelSettings]] = {}
    for one in _classes(Settings.model_fields["channels"].annotation):
        for kind in get_args(one.model_fields["kind"].annotation):
            if kind in CHANNELS:
                found[kind] = one
    return found


def _classes(annotation: Any) -> Iterator[type[ChannelSettings]]:
    """Yields the settings classes in an annotation, whether it is one class or a union by kind.

    A channel by mail belongs to the house and not to one sender: there is nothing to ask about it.
    """
    if isinstance(annotation, type) and issubclass(annotation, ChannelSettings):
        if "kind" in annotation.model_fields and not issubclass(annotation, MailChannelSettings):
            yield annotation
        return
    for part in get_args(annotation):
        yield from _classes(part)


def asked_fields(kind: str) -> list[str]:
    """Returns the fields a person must be asked for, in the order of the settings."""
    fields = channel_classes()[kind].model_fields
    return [
        name
        for name, field in fields.items()
        if name not in ("kind", *FROM_CERTIFICATE)
        and (field.is_required() or name in ASKED_ALTHOUGH_OPTIONAL)
    ]


def still_required(kind: str, told: Mapping[str, object]) -> list[str]:
    """Returns the fields that the settings miss in an otherwise whole table, such as those of a profile.

    Their classes say so in the words `<field>: required …`; anything else wrong is told when it is written.
    """
    one = channel_classes()[kind]
    table = {name: value for name, value in told.items() if value != ""}
    try:
        one.model_validate({**dict.fromkeys(FROM_CERTIFICATE, "-"), **table, "kind": kind})
    except ValidationError as error:
        rows = error.errors(include_url=False, include_input=False, include_context=False)
        named = [name for row in rows for name in _REQUIRED.findall(row["msg"])]
        return [name for name in named if name in one.model_fields]
    return []


def wants_certificate(kind: str) -> bool:
    """Says whether channels of a kind show a certificate of the sender's."""
    return all(name in channel_classes()[kind].model_fields for name in FROM_CERTIFICATE)


def read_value(kind: str, name: str, text: str) -> object:
    """Returns what was typed as the settings would hold it: a number where they want one, else the text.

    Raises BadInput `onboarding.bad_value` when they would not take it.
    """
    field = channel_classes()[kind].model_fields[name]
    shape: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    try:
        value = TypeAdapter(shape).validate_python(text)
    except ValidationError as error:
        why = error.errors(include_url=False, include_input=False, include_context=False)[0]["msg"]
        raise BadInput("onboarding.bad_value", key=name, why=why) from None
    return value if isinstance(value, bool | int | float | str) else text
