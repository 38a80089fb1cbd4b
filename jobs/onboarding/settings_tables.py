"""Turns a sender's answers into the tables that will stand in the settings.

Pure. Relies on `questions` for which channels are new. What the settings hold already and no answer speaks of
is left out, so that nothing of it is touched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.onboarding.certificate_store import CertificateStore
from jobs.onboarding.kinds import channel_classes, wants_certificate
from jobs.onboarding.questions import material_names
from schemas.settings import Settings

_OF_EBOKS = {"content_type_id": "content_type_id", "enrolment_group": "group", "delivery": "delivery"}
"""The settings' key → that of the answers, for what e-Boks knows of a material."""

Tables = dict[str, dict[str, dict[str, Any]]]


def make_tables(
    sender: str, answers: Mapping[str, Any], settings: Settings, store: CertificateStore, base: Path
) -> Tables:
    """Returns `sources`, `materials` and `channels`; paths count from `base` where they lie below it."""
    materials = {name: _material(one) for name, one in answers.get("materials", {}).items()}
    channels = {
        name: _channel(name, one, settings, store, base)
        for name, one in answers.get("channels", {}).items()
        if name in settings.channels or one.get("kind") in channel_classes()
    }
    source = _source(sender, answers, settings)
    tables: Tables = {
        "sources": {sender: source} if source else {},
        "materials": {name: one for name, one in materials.items() if one},
        "channels": {name: one for name, one in channels.items() if one},
    }
    return {name: table for name, table in tables.items() if table}


def _source(sender: str, answers: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    source: dict[str, Any] = {}
    if answers.get("folder"):
        source["folder"] = str(answers["folder"])
    names = material_names(answers)
    if sender not in settings.sources and len(names) == 1:
        source["material"] = names[0]
    return source


def _material(said: Mapping[str, Any]) -> dict[str, Any]:
    plain = {
        key: list(said[key]) if key == "channels" else said[key]
        for key in ("title", "data_class", "channels", "document_days")
        if said.get(key) is not None
    }
    eboks = {key: said[told] for key, told in _OF_EBOKS.items() if said.get(told) is not None}
    return {**plain, "eboks": eboks} if eboks else plain


def _channel(
    name: str, said: Mapping[str, Any], settings: Settings, store: CertificateStore, base: Path
) -> dict[str, Any]:
    table = {key: value for key, value in said.items() if value != ""}
    new = name not in settings.channels
    kind = said.get("kind") if new else settings.channels[name].kind
    if new and kind and wants_certificate(kind):
        table.setdefault("certificate", path_in_settings(store.certificate, base))
        table.setdefault("key", path_in_settings(store.key, base))
    return table


def path_in_settings(path: Path, base: Path) -> str:
    """Returns a path as the settings should say it: from their own folder where it lies below it."""
    return os.path.relpath(path, base) if path.is_relative_to(base) else str(path)
