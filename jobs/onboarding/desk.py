"""What every step of a walk has at hand: the sender's answers, the settings as they are and as they would be.

Relies on the state, the store and the settings' writer. Takes no step itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.house import Clock
from jobs.onboarding.answers import CertificateAnswers, put
from jobs.onboarding.certificate_store import CertificateStore
from jobs.onboarding.dialogue import Dialogue
from jobs.onboarding.kinds import wants_certificate
from jobs.onboarding.questions import channel_names, material_names
from jobs.onboarding.settings_tables import Tables, make_tables
from jobs.onboarding.settings_writing import draft, planned
from jobs.onboarding.state import SenderState, onboarding_folder, save_state
from jobs.screen import Screen
from schemas.errors import ConfigurationError
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Wishes:
    """What this walk may do beyond asking and checking."""

    steps: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    write: bool = False
    force: bool = False
    live_test: bool = False
    confirm: str = ""


@dataclass
class Desk:
    """One sender's walk. `dialogue` is None when nobody can be asked."""

    screen: Screen
    settings_path: Path
    settings: Settings
    state: SenderState
    now: Clock
    wishes: Wishes = Wishes()
    dialogue: Dialogue | None = None
    given: frozenset[str] = field(default_factory=frozenset)
    """The tables of answers that this call brought along."""

    @property
    def sender(self) -> str:
        return self.state.sender

    @property
    def answers(self) -> dict[str, Any]:
        return self.state.answers

    @property
    def simulated(self) -> bool:
        return self.settings.house.mode == "simulated"

    @property
    def folder(self) -> Path:
        """Where this sender's state and report lie."""
        return onboarding_folder(self.settings.house.data) / self.sender

    @property
    def base(self) -> Path:
        """The folder that paths in the settings count from."""
        return self.settings_path.absolute().parent

    @cached_property
    def store(self) -> CertificateStore:
        return CertificateStore(self.settings.house.data / "certificates" / self.sender)

    @property
    def certificate_answers(self) -> CertificateAnswers:
        return CertificateAnswers.model_validate(self.answers.get("certificate", {}))

    @property
    def groups(self) -> Mapping[str, str]:
        """Material → registration group at e-Boks, where one was told."""
        told = self.answers.get("materials", {})
        return {name: one["group"] for name, one in told.items() if one.get("group")}

    @property
    def materials(self) -> tuple[str, ...]:
        return material_names(self.answers)

    def put(self, path: tuple[str, ...], value: object) -> None:
        """Keeps one answer, on disk too, so that a walk can be left at any moment."""
        put(self.answers, path, value)
        self.save()

    def save(self) -> None:
        """Writes the state; raises ConfigurationError."""
        save_state(self.settings.house.data, self.state)

    def tables(self) -> Tables:
        """Returns what the answers want to stand in the settings."""
        return make_tables(self.sender, self.answers, self.settings, self.store, self.base)

    def planned(self) -> Settings:
        """Returns the settings as they would be with every answer in them; raises ConfigurationError."""
        tables = self.tables()
        first = draft(self.settings_path, tables)
        made = draft(self.settings_path, tables, frozenset(first.differing))
        return planned(self.settings_path, made, self.screen.language)

    def eboks_channels(self, settings: Settings) -> list[str]:
        """Returns the sender's channels that show a certificate at e-Boks, in order."""
        names = channel_names(self.answers, settings)
        return [
            name
            for name in names
            if name in settings.mailboxes and wants_certificate(settings.mailboxes[name].kind)
        ]

    def materials_by(self, channel: str, settings: Settings) -> list[str]:
        """Returns the sender's materials that may go by a channel."""
        return [
            name
            for name in self.materials
            if name in settings.materials and channel in settings.materials[name].channels
        ]

    def password(self) -> str:
        """Returns the password for a certificate's file: from a file, the environment or the person.

        Raises ConfigurationError `own_certificate.no_password` when it is not where it was said to be.
        """
        told = self.certificate_answers
        try:
            if told.password_file is not None:
                return told.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            if told.password_env is not None:
                return os.environ[told.password_env]
        except (OSError, UnicodeDecodeError, KeyError):
            raise ConfigurationError("own_certificate.no_password") from None
        return self.dialogue.secret("ask_password") if self.dialogue else ""
