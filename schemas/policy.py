"""What protection each class of data demands: the policy table of `[policy]`, as data.

The defaults follow Danish guidance (facts/secure-mail, "The four forms", 4.1): end-to-end, domain and portal
carry everything; forced TLS carries limited amounts, and never special categories or criminal matters.
Relies on pydantic. Decides nothing: see `routing.policy`.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from schemas.section import Section

Allowance = Literal["always", "limited", "never"]
DataClass = Literal["special_category", "criminal", "cpr", "confidential", "ordinary"]

DATA_CLASSES: tuple[DataClass, ...] = get_args(DataClass)

RANK: dict[Allowance, int] = {"never": 0, "limited": 1, "always": 2}
"""How much an allowance allows; a larger one is a widening."""


class ClassPolicy(Section):
    """One row of the table: what each protection may carry of a class of data."""

    mailbox: Allowance = "always"
    end_to_end: Allowance = "always"
    domain: Allowance = "always"
    transport: Allowance = "limited"
    portal: Allowance = "always"


class AmountLimits(Section):
    """What "limited" means, within `hours`: one person's data to few recipients, few persons' to one.

    Source of the numbers: facts/secure-mail 4.1 (a Danish university's rule for forced TLS).
    """

    recipients_per_person: int = Field(default=5, ge=1)
    persons_per_recipient: int = Field(default=5, ge=1)
    hours: float = Field(default=24.0, gt=0, le=24 * 31)


class PolicySettings(Section):
    """`[policy]`: a row for every data class, and the limits."""

    special_category: ClassPolicy = ClassPolicy(transport="never")
    criminal: ClassPolicy = ClassPolicy(transport="never")
    cpr: ClassPolicy = ClassPolicy()
    confidential: ClassPolicy = ClassPolicy()
    ordinary: ClassPolicy = ClassPolicy(transport="always")
    limits: AmountLimits = AmountLimits()

    def allowance(self, data_class: DataClass, protection: str) -> Allowance:
        """Returns what a protection (the word of `schemas.channels.Protection`) may carry of a class."""
        row: ClassPolicy = getattr(self, data_class)
        allowance: Allowance = getattr(row, protection)
        return allowance

    def widenings(self) -> list[str]:
        """Returns what allows more than the default does, by its place in the settings."""
        default = PolicySettings()
        cells = [
            (data_class, protection) for data_class in DATA_CLASSES for protection in ClassPolicy.model_fields
        ]
        wider = [
            f"policy.{data_class}.{protection}"
            for data_class, protection in cells
            if RANK[getattr(getattr(self, data_class), protection)]
            > RANK[getattr(getattr(default, data_class), protection)]
        ]
        return wider + self._wider_limits(default.limits)

    def _wider_limits(self, default: AmountLimits) -> list[str]:
        ours = self.limits
        wider = [
            name
            for name in ("recipients_per_person", "persons_per_recipient")
            if getattr(ours, name) > getattr(default, name)
        ]
        # A shorter window forgets sooner, so it allows more.
        wider += ["hours"] if ours.hours < default.hours else []
        return [f"policy.limits.{name}" for name in wider]
