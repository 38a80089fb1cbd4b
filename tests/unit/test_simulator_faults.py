"""Which calls an injected fault falls on."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from eboks.simulator.fault_rules import Call, FaultBox, FaultRule


def fired(rule: FaultRule, ids: list[str], call: Call = "put") -> list[bool]:
    box = FaultBox((rule,))
    return [box.pick(call, one) is not None for one in ids]


def ids(n: int) -> list[str]:
    return [f"id-{number}" for number in range(n)]


def test_a_bare_rule_falls_on_every_put_and_on_nothing_else():
    assert fired(FaultRule(kind="drop_before"), ids(3)) == [True] * 3
    assert fired(FaultRule(kind="drop_before"), ids(3), "lookup") == [False] * 3


def test_count_after_and_every_count_calls():
    assert fired(FaultRule(kind="status", count=2), ids(4)) == [True, True, False, False]
    assert fired(FaultRule(kind="status", after=2), ids(4)) == [False, False, True, True]
    assert fired(FaultRule(kind="status", every=2), ids(4)) == [False, True, False, True]
    assert fired(FaultRule(kind="status", every=2, count=1), ids(4)) == [False, True, False, False]


def test_message_ids_name_the_messages_it_falls_on():
    assert fired(FaultRule(kind="status", message_ids=frozenset({"id-1"})), ids(3)) == [False, True, False]


def test_a_share_falls_on_about_that_many():
    assert 220 < sum(fired(FaultRule(kind="status", share=0.25, seed=1), ids(1000))) < 280
    assert not any(fired(FaultRule(kind="status", share=0.0), ids(50)))
    assert all(fired(FaultRule(kind="status", share=1.0), ids(50)))


def test_a_share_falls_on_the_same_messages_in_any_order():
    rule = FaultRule(kind="status", share=0.5, seed=7)
    forward = dict(zip(ids(100), fired(rule, ids(100)), strict=True))
    backward = dict(zip(ids(100)[::-1], fired(rule, ids(100)[::-1]), strict=True))
    assert forward == backward
    other = FaultRule(kind="status", share=0.5, seed=8)
    assert list(forward.values()) != fired(other, ids(100))


def test_a_share_draws_anew_when_the_same_message_comes_again():
    again = fired(FaultRule(kind="status", share=0.5, seed=1), ["id-1"] * 40)
    assert any(again) and not all(again)


def test_the_first_rule_that_falls_wins_and_rules_can_be_removed():
    box = FaultBox((FaultRule(kind="delay", count=1), FaultRule(kind="status")))
    kinds = [rule.kind if (rule := box.pick("put", "a")) else None for _ in range(2)]
    assert kinds == ["delay", "status"]
    assert [(one["id"], one["n_fired"]) for one in box.listed()] == [(1, 1), (2, 1)]
    assert (box.remove(2), box.remove(2)) == (1, 0)
    assert box.pick("put", "a") is None
    assert box.remove() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "unheard_of"},
        {"kind": "wrong_json", "variant": "before"},
        {"kind": "status", "status": 200},
        {"kind": "status", "code": 3001},
        {"kind": "status", "retry_after": "1\r\nX: y"},
        {"kind": "status", "retry_after": "date:soon"},
        {"kind": "status", "share": 1.5},
        {"kind": "status", "unknown": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        FaultRule.model_validate(wrong)
