"""The transitions table: design 4, row by row."""

from __future__ import annotations

import itertools

import pytest

from schemas.states import FINAL, TRANSITIONS, Cause, State, arrow

DESIGN = {
    "held": {"released": "ready", "cancelled": "cancelled"},
    "ready": {"claimed": "sending", "cancelled": "cancelled", "exhausted": "failed"},
    "sending": {
        "accepted": "accepted",
        "deferred": "ready",
        "rerouted": "ready next",
        "refused": "failed",
        "exhausted": "failed",
        "lost": "in_doubt",
    },
    "in_doubt": {"found": "accepted", "not_found": "ready", "written_off": "failed"},
    "accepted": {"confirmed": "delivered", "returned": "ready next", "refused": "failed"},
}
OURS = {
    ("ready", "held"): "held",
    ("accepted", "exhausted"): "failed",
    ("sending", "no_way"): "held",
}


def _flat() -> dict[tuple[str, str], str]:
    table = {(state, cause): to for state, ways in DESIGN.items() for cause, to in ways.items()}
    return table | OURS


def test_the_table_is_the_designs_with_the_three_named_additions() -> None:
    found = {
        (state.value, cause.value): way.to.value + (" next" if way.next_step else "")
        for (state, cause), way in TRANSITIONS.items()
    }
    assert found == _flat()


@pytest.mark.parametrize(("state", "cause"), list(itertools.product(State, Cause)))
def test_every_pair_outside_the_table_is_refused(state: State, cause: Cause) -> None:
    if (state, cause) in TRANSITIONS:
        assert arrow(state, cause) is TRANSITIONS[state, cause]
    else:
        with pytest.raises(ValueError, match=f"no transition from {state.value} by {cause.value}"):
            arrow(state, cause)


def test_nothing_leaves_a_final_state_and_everything_else_can_be_left() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State) - FINAL


def test_from_doubt_no_other_channel_may_be_tried() -> None:
    assert not any(way.next_step for (state, _), way in TRANSITIONS.items() if state is State.IN_DOUBT)


def test_a_lost_consignment_is_never_ready_at_once() -> None:
    assert {way.to for (_, cause), way in TRANSITIONS.items() if cause is Cause.LOST} == {State.IN_DOUBT}


def test_every_state_but_the_first_two_is_reached() -> None:
    assert {way.to for way in TRANSITIONS.values()} == set(State)
