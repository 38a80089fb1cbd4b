"""The policy table: what each class of data may take, amounts, and widenings that are never overlooked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.policy import Amount, amount_obstacle, policy_obstacle
from schemas.channels import Protection
from schemas.policy import DATA_CLASSES, AmountLimits, ClassPolicy, PolicySettings

POLICY = PolicySettings()
STRONG = [Protection.MAILBOX, Protection.END_TO_END, Protection.DOMAIN, Protection.PORTAL]
ONE = Amount(1, 1)


@pytest.mark.parametrize("data_class", DATA_CLASSES)
@pytest.mark.parametrize("protection", STRONG)
def test_the_strong_protections_carry_everything(data_class, protection):
    assert policy_obstacle(POLICY, data_class, protection, None) == ""


@pytest.mark.parametrize(
    ("data_class", "code"),
    [
        ("special_category", "policy.never"),
        ("criminal", "policy.never"),
        ("cpr", ""),
        ("confidential", ""),
        ("ordinary", ""),
    ],
)
def test_forced_tls_never_carries_special_categories_or_criminal_matters(data_class, code):
    assert policy_obstacle(POLICY, data_class, Protection.TRANSPORT, ONE) == code


@pytest.mark.parametrize(
    ("n_recipients", "n_persons", "code"),
    [
        (1, 1, ""),
        (5, 1, ""),
        (1, 5, ""),
        (6, 1, "policy.too_much"),
        (1, 6, "policy.too_much"),
        (2, 2, "policy.too_much"),
    ],
)
def test_few_recipients_of_one_person_or_few_persons_to_one_recipient(n_recipients, n_persons, code):
    assert amount_obstacle(AmountLimits(), Amount(n_recipients, n_persons)) == code


def test_an_amount_that_nobody_counted_is_no_yes():
    assert policy_obstacle(POLICY, "cpr", Protection.TRANSPORT, None) == "policy.amount_unknown"
    assert policy_obstacle(POLICY, "ordinary", Protection.TRANSPORT, None) == ""


def test_the_default_widens_nothing_and_narrower_rules_do_not_either():
    assert POLICY.widenings() == []
    narrow = PolicySettings(cpr=ClassPolicy(transport="never"), limits=AmountLimits(hours=48))
    assert narrow.widenings() == []


def test_every_widening_is_named_by_its_place():
    wide = PolicySettings(
        criminal=ClassPolicy(transport="limited"),
        cpr=ClassPolicy(transport="always"),
        limits=AmountLimits(persons_per_recipient=50, recipients_per_person=6, hours=1),
    )
    assert wide.widenings() == [
        "policy.criminal.transport",
        "policy.cpr.transport",
        "policy.limits.recipients_per_person",
        "policy.limits.persons_per_recipient",
        "policy.limits.hours",
    ]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_more_is_never_allowed_where_less_is_not(n_recipients, n_persons, more_recipients, more_persons):
    limits = AmountLimits()
    less = Amount(n_recipients, n_persons)
    more = Amount(n_recipients + more_recipients, n_persons + more_persons)
    assert not amount_obstacle(limits, less) or amount_obstacle(limits, more)
