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


def test_the_proxy_that_is_shown_writes_no_path_and_no_document_to_its_disk():
    page = (ROOT / "docs" / "portal.md").read_text(encoding="utf-8")
    shown = page[page.index("location / {") : page.index("- **Slow visitors**")]
    for word in ("access_log off;", "crit;", "proxy_buffering off;", "proxy_request_buffering off;"):
        assert word in shown
