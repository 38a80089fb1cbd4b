"""Gathers what the command line of `onboard` said into the answers' own shape.

Pure. The flags of a material and of a channel speak of one of each; more than one take an answers file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.commands.onboarding import Flags
from schemas.errors import ConfigurationError

_SENDER = ("cvr", "name", "folder", "public_address")
_MATERIAL = ("title", "content_type_id", "group", "data_class", "channels", "delivery", "document_days")
_CHANNEL = ("kind", "url", "system_id", "ca")


def gather(said: Mapping[str, Any]) -> Flags:
    """Returns the flags; raises ConfigurationError `onboarding.which_material` or `…which_channel`."""
    material = {name: said[name] for name in _MATERIAL if said[name] is not None}
    if "channels" in material:
        material["channels"] = [part.strip() for part in material["channels"].split(",")]
    channel = {name: said[name] for name in _CHANNEL if said[name] is not None}
    if "ca" in channel:
        channel["ca"] = str(channel["ca"].absolute())
    answers: dict[str, Any] = {name: _plain(said[name]) for name in _SENDER if said[name] is not None}
    if said["material"]:
        answers["material_names"] = [said["material"]]
    if material:
        answers["materials"] = {_named(said["material"], "onboarding.which_material"): material}
    if channel:
        answers["channels"] = {_named(_channel_of(said), "onboarding.which_channel"): channel}
    answers |= _certificate(said)
    if said["recipient"]:
        answers["live_test"] = {"recipient": said["recipient"]}
    return Flags(
        answers,
        said["answers"],
        tuple(said["step"] or ()),
        tuple(said["again"] or ()),
        said["write"],
        said["force"],
        said["live_test"],
        said["confirm"],
        not said["no_questions"],
    )


def _channel_of(said: Mapping[str, Any]) -> str | None:
    """Returns the channel that is spoken of: the one named, else the only one of the material."""
    listed = [part.strip() for part in (said["channels"] or "").split(",") if part.strip()]
    return said["channel"] or (listed[0] if len(listed) == 1 else None)


def _named(name: str | None, code: str) -> str:
    if not name:
        raise ConfigurationError(code)
    return name


def _certificate(said: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: str(Path(said[name]).absolute())
        for name in ("key", "roots", "password_file")
        if said[name] is not None
    }
    if said["request"]:
        told["way"] = "request"
    for way in ("p12", "pem"):
        if said[way] is not None:
            told |= {"way": way, "file": str(Path(said[way]).absolute())}
    return {"certificate": told} if told else {}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
