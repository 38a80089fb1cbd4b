"""What is known about whether a recipient gets a material in e-Boks (facts/eboks c, "Rules").

Words alone: who says so, and what follows from it, is the business of `eboks.enrolment`.
"""

from __future__ import annotations

from enum import StrEnum


class Enrolment(StrEnum):
    """What is known about one recipient and one material. UNKNOWN: whoever was asked could not say."""

    ENROLLED = "enrolled"
    NOT_FOR_MATERIAL = "not_for_this_material"
    NOT_FOUND = "not_found"
    EXEMPT = "exempt"
    DEAD = "dead"
    MINOR = "minor"
    UNKNOWN = "unknown"
