"""Says whether a class of data may go under a protection, and in what amount.

Pure: the table of `[policy]` and counts from the ledger go in, a code comes out. Relies on `schemas` alone.
Source: facts/secure-mail, "The four forms" and 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.channels import Protection
from schemas.policy import AmountLimits, DataClass, PolicySettings


@dataclass(frozen=True, slots=True)
class Amount:
    """How much has gone under a limited protection within the policy's hours, this consignment included.

    `n_recipients` counts addresses that got data about this person, `n_persons` the persons whose data went
    to this address.
    """

    n_recipients: int
    n_persons: int


def policy_obstacle(
    policy: PolicySettings, data_class: DataClass, protection: Protection, amount: Amount | None
) -> str:
    """Returns why the policy forbids this, empty when it allows it.

    Codes `policy.never`, `policy.amount_unknown`, `policy.too_much`. A limited protection whose amount
    nobody has counted is forbidden: unknown is never a yes.
    """
    allowance = policy.allowance(data_class, protection.value)
    if allowance == "never":
        return "policy.never"
    if allowance == "always":
        return ""
    return amount_obstacle(policy.limits, amount)


def amount_obstacle(limits: AmountLimits, amount: Amount | None) -> str:
    """Returns why an amount is too much; empty when it is within one of the two limits.

    Either is enough: one person's data to few recipients, or few persons' data to one recipient.
    """
    if amount is None:
        return "policy.amount_unknown"
    about_one = amount.n_persons <= 1 and amount.n_recipients <= limits.recipients_per_person
    to_one = amount.n_recipients <= 1 and amount.n_persons <= limits.persons_per_recipient
    return "" if about_one or to_one else "policy.too_much"
