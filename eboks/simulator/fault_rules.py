"""Which calls go wrong and how: the rules of injected faults, counted and removable.

Relies on pydantic. Decides only; `fault_acts` carries a fault out. A rule with `share` falls on the same
messages in every run with the same seed, whatever order they arrive in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FaultKind = Literal[
    "accept_then_drop",
    "drop_before",
    "drop_mid_body",
    "delay",
    "drip",
    "status",
    "wrong_json",
    "soap_fault",
    "wrong_soap",
]
Call = Literal["put", "read_back", "lookup", "messages", "client", "soap_send", "soap_lookup"]
SENDS: frozenset[Call] = frozenset({"put", "soap_send"})
"""The calls that bring a message, by either service."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "delay": ("after", "before"),
    "wrong_json": (
        "html",
        "empty",
        "truncated",
        "short_body",
        "other_id",
        "other_recipient",
        "huge",
        "gzip_bomb",
    ),
    "soap_fault": ("fejl", "fejl_by_alphabet", "platform", "platform_turned", "bare"),
    "wrong_soap": (
        "html",
        "empty",
        "truncated",
        "short_body",
        "huge",
        "gzip_bomb",
        "result_false",
        "other_operation",
        "fault_as_200",
        "entity",
        "entity_bomb",
        "external_entity",
        "unsigned",
        "altered",
        "stale",
    ),
}
"""The variants a kind has; the first is the default."""


class FaultRule(BaseModel):
    """One kind of fault and the calls it falls on.

    It falls on calls of kind `on`, of `message_ids` when given, after the first `after` of them, on every
    `every`th or on a `share` of them, at most `count` times. `stores` makes a `status` or a `soap_fault`
    take the message first. `retry_after` is sent as it stands (seconds, a date, garbage); `date:30` becomes
    the HTTP date 30 s on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: FaultKind
    on: Call = "put"
    share: float | None = Field(default=None, ge=0, le=1)
    every: int | None = Field(default=None, ge=1)
    count: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    message_ids: frozenset[str] | None = None
    seed: int = 0
    delay_seconds: float = Field(default=0.05, ge=0)
    status: int = Field(default=503, ge=400, le=599)
    code: int | None = Field(default=None, ge=9000, le=9999)
    retry_after: int | str | None = None
    stores: bool = False
    variant: str = ""

    @model_validator(mode="after")
    def _variant_known(self) -> Self:
        if self.variant and self.variant not in VARIANTS.get(self.kind, ()):
            raise ValueError("variant: not one of this kind")
        if isinstance(self.retry_after, str) and not self.retry_after.isprintable():
            raise ValueError("retry_after: must be printable")
        if str(self.retry_after).startswith("date:") and not str(self.retry_after)[5:].isdigit():
            raise ValueError("retry_after: date:<seconds>")
        return self

    @property
    def form(self) -> str:
        """The variant in force."""
        return self.variant or VARIANTS.get(self.kind, ("",))[0]


@dataclass(slots=True)
class _Counted:
    rule: FaultRule
    n_seen: int = 0
    n_fired: int = 0
    tries: Counter[str] = field(default_factory=Counter)


class FaultBox:
    """The rules in force, in the order they were added; the first that falls on a call wins."""

    def __init__(self, rules: tuple[FaultRule, ...] = ()) -> None:
        self._rules: dict[int, _Counted] = {}
        self._next_id = 1
        for rule in rules:
            self.add(rule)

    def add(self, rule: FaultRule) -> int:
        """Puts a rule in force and returns its id."""
        rule_id, self._next_id = self._next_id, self._next_id + 1
        self._rules[rule_id] = _Counted(rule)
        return rule_id

    def remove(self, rule_id: int | None = None) -> int:
        """Takes one rule, or all of them, out of force; returns how many went."""
        gone = [rule_id] if rule_id is not None else list(self._rules)
        return sum(self._rules.pop(one, None) is not None for one in gone)

    def pick(self, call: Call, message_id: str) -> FaultRule | None:
        """Returns the fault that falls on this call, and counts it; None for a call left alone."""
        for counted in self._rules.values():
            if _falls(counted, call, message_id):
                counted.n_fired += 1
                return counted.rule
        return None

    def listed(self) -> list[dict[str, Any]]:
        """Returns every rule in force with its id and how often it was seen and fired."""
        return [
            {"id": rule_id, "kind": one.rule.kind, "n_seen": one.n_seen, "n_fired": one.n_fired}
            for rule_id, one in self._rules.items()
        ]


def _falls(counted: _Counted, call: Call, message_id: str) -> bool:
    rule = counted.rule
    if rule.on != call or (rule.message_ids is not None and message_id not in rule.message_ids):
        return False
    if rule.count is not None and counted.n_fired >= rule.count:
        return False
    counted.n_seen += 1
    n_due = counted.n_seen - rule.after
    if n_due <= 0:
        return False
    if rule.every is not None and n_due % rule.every != 0:
        return False
    return rule.share is None or _drawn(counted, message_id) < rule.share


def _drawn(counted: _Counted, message_id: str) -> float:
    """Returns a number in [0, 1) that depends on seed, message and how often that message came, alone."""
    counted.tries[message_id] += 1
    return Random(f"{counted.rule.seed}:{message_id}:{counted.tries[message_id]}").random()
