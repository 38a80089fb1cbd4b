"""Every test that the security page of the portal names is there."""

from __future__ import annotations

import re

from tests.rigs.source import ROOT

_NAMED = re.compile(r"`(test_[a-z0-9_]+)`")


def test_every_requirement_names_a_test_that_exists():
    named = set(_NAMED.findall((ROOT / "docs" / "portal-security.md").read_text(encoding="utf-8")))
    there = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 40
    assert sorted(name for name in named if f"def {name}(" not in there) == []
