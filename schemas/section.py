"""The bases of the tables of `brevdue.toml`, and the shape of the names that stand in it.

Relies on pydantic. Frozen, closed to unknown keys; values are never shown in errors.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Section(BaseModel):
    """Base of every table: frozen, unknown keys refused, values never shown in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChannelSettings(Section):
    """What every `[channels.<name>]` has: what it carries, how fast, and how patient it is."""

    parallel: int = Field(default=8, ge=1, le=256)
    per_second: float | None = Field(default=None, gt=0)
    max_bytes: int = Field(default=10 * 1000 * 1000, ge=1)
    extensions: tuple[str, ...] = ("pdf", "html", "txt", "png", "jpg", "tif", "xml")
    deadline_seconds: float = Field(default=60.0, gt=0, le=600)
    max_attempts: int = Field(default=12, ge=1)
    backoff_seconds: float = Field(default=10.0, ge=0)
    backoff_max_seconds: float = Field(default=3600.0, ge=0, le=86_400)
    breaker_failures: int = Field(default=10, ge=1)
    breaker_pause_seconds: float = Field(default=30.0, ge=0)
