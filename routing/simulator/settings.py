"""What the simulator is started with, and the faults it can be asked for.

Relies on pydantic. Says what may be said; `faults` keeps count of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal["no_starttls", "status", "drop_before_dot", "drop_after_dot"]


class FaultRule(BaseModel):
    """A fault on request.

    `no_starttls` meets a whole connection; `status` answers `status` at a step; the drops hang up within a
    mail, or when it has been taken and before the answer. `domain` None means every domain. The
    first `after` chances pass, then it happens `count` times; None: always.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    domain: str | None = None
    at: Literal["mail", "rcpt", "dot"] = "rcpt"
    status: int = Field(default=451, ge=400, le=599)
    after: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)


class MailSimulatorSettings(BaseModel):
    """`folder` holds the certificates and keys, and takes in what is received. A port 0 is any free one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    smtp_port: int = Field(default=0, ge=0, le=65_535)
    dns_port: int = Field(default=0, ge=0, le=65_535)
    dns_address: str = "127.0.0.1"
    faults: tuple[FaultRule, ...] = ()
