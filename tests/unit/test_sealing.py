"""Sealed rows, names and echoes: they come back whole, only in their own place, and show nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sealing import (
    seal_consignment,
    seal_echo,
    seal_name,
    unseal_consignment,
    unseal_echo,
    unseal_name,
)
from batch.vault import Vault
from schemas.errors import ConfigurationError

TENANT = "testhus"
ID = "20261102-080000-aaaaaa-00002"
VALUES: dict[str, Any] = {
    "number": "1408683994",
    "title": "Lønseddel",
    "name": "Åse",
    "email": "a@example.invalid",
    "mobile": "+45 00",
    "reference": "r-1",
    "extra": {"afd;": "Ø\n"},
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_a_row_comes_back_as_it_was(test_vault: Vault) -> None:
    sealed = seal_consignment(test_vault, TENANT, ID, **VALUES)
    opened = unseal_consignment(test_vault, TENANT, ID, sealed)
    assert {name: getattr(opened, name) for name in VALUES} == VALUES


def test_neither_the_blob_nor_the_repr_shows_a_value(test_vault: Vault) -> None:
    sealed = seal_consignment(test_vault, TENANT, ID, **VALUES)
    shown = sealed.decode("latin-1") + repr(unseal_consignment(test_vault, TENANT, ID, sealed))
    assert not any(str(value) in shown for value in VALUES.values())


@pytest.mark.parametrize(("tenant", "owner"), [("andethus", ID), (TENANT, ID[:-1] + "3")])
def test_a_row_does_not_open_in_another_place(test_vault: Vault, tenant: str, owner: str) -> None:
    sealed = seal_consignment(test_vault, TENANT, ID, **VALUES)
    with pytest.raises(ConfigurationError, match=r"keys\.unreadable"):
        unseal_consignment(test_vault, tenant, owner, sealed)


def test_a_name_opens_only_for_its_ordinal(test_vault: Vault) -> None:
    sealed = seal_name(test_vault, TENANT, ID, 1, "åse.pdf")
    assert unseal_name(test_vault, TENANT, ID, 1, sealed) == "åse.pdf"
    with pytest.raises(ConfigurationError):
        unseal_name(test_vault, TENANT, ID, 0, sealed)


def test_a_row_is_not_taken_for_an_echo(test_vault: Vault) -> None:
    sealed = seal_echo(test_vault, TENANT, ID, 2, "r", {})
    with pytest.raises(ConfigurationError):
        unseal_consignment(test_vault, TENANT, ID, sealed)


def test_a_blob_of_another_shape_is_refused_without_showing_it(test_vault: Vault) -> None:
    sealed = test_vault.seal(b'[2,"1408683994"]', TENANT, ID, "row")
    with pytest.raises(ValueError, match=r"^sealed values of an unknown shape$"):
        unseal_consignment(test_vault, TENANT, ID, sealed)


@given(line=st.integers(2, 99_999), reference=TEXT, extra=st.dictionaries(TEXT, TEXT, max_size=4))
def test_any_echo_comes_back(test_vault: Vault, line: int, reference: str, extra: dict[str, str]) -> None:
    sealed = seal_echo(test_vault, TENANT, "batch", line, reference, extra)
    assert unseal_echo(test_vault, TENANT, "batch", line, sealed) == (reference, extra)
