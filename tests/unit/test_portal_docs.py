"""Every test that the security page of the portal names is there, and every key of the proofs by others."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from schemas.portal_proof_settings import PortalMitId, PortalSms
from schemas.section import Section
from tests.rigs.source import ROOT

_NAMED = re.compile(r"`(test_[a-z0-9_]+)`")


def test_every_requirement_names_a_test_that_exists():
    named = set(_NAMED.findall((ROOT / "docs" / "portal-security.md").read_text(encoding="utf-8")))
    there = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 40
    assert sorted(name for name in named if f"def {name}(" not in there) == []


@pytest.mark.parametrize(("heading", "model"), [("MitID", PortalMitId), ("SMS", PortalSms)])
def test_every_key_stands_on_the_page_with_its_true_default(heading: str, model: type[Section]):
    page = (ROOT / "docs" / "portal.md").read_text(encoding="utf-8")
    part = page.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", part, re.MULTILINE)
    told = {key: _told(default) for key, default in rows}
    assert told == {key: _true(model, key) for key in model.model_fields}


def _told(default: str) -> Any:
    if default in ("required", "none"):
        return PydanticUndefined if default == "required" else None
    return tomllib.loads(f"it = {default.strip('`')}")["it"]


def _true(model: type[Section], key: str) -> Any:
    value = model.model_fields[key].get_default(call_default_factory=True)
    return list(value) if isinstance(value, tuple) else value
