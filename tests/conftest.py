"""What holds for every test: the rigs it may ask for, and how Hypothesis looks for examples."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Rigs import each other: all of them are named before the first is loaded, so that their asserts speak too.
pytest.register_assert_rewrite("tests.rigs")

# Every module of tests/rigs that offers a fixture.
_RIGS = sorted((Path(__file__).parent / "rigs").glob("*.py"))
pytest_plugins = [
    f"tests.rigs.{path.stem}" for path in _RIGS if "@pytest.fixture" in path.read_text(encoding="utf-8")
]

# No deadline: a slow machine is not a fault. In a run that counts the examples are the same every time.
settings.register_profile("house", deadline=None)
settings.register_profile("house-ci", deadline=None, derandomize=True, database=None)
settings.load_profile("house-ci" if os.environ.get("CI", "").lower() == "true" else "house")
