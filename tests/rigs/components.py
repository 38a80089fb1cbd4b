"""Says what happens when a program that a test needs is not installed.

A component that is missing skips the test with its name and the command that installs it. With `CI=true`
a missing component is a failure, so that a run that counts can't pass by leaving things out.
"""

from __future__ import annotations

import os

import pytest


def require_component(name: str, found: bool, install: str) -> None:
    """Returns when `found`; else skips the test, or fails it where the environment says `CI=true`.

    `name` is the component in plain words, `install` the command that brings it.
    """
    if found:
        return
    message = f"{name} is not installed: {install}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{message} (with CI=true nothing may be left out)", pytrace=False)
    pytest.skip(message)
