"""Reads MTA-STS: the TXT record that announces a policy, and the policy itself (RFC 8461 3).

Pure; strict, since a policy that is misread is no protection. Fetches nothing: see `sts_fetch` and `sts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MAX_POLICY_BYTES = 64 * 1024
MAX_AGE_SECONDS = 31_557_600
MAX_PATTERNS = 100
_FIELD = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})\s*=\s*([^\s;]+)\s*")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*?)[ \t]*")
_PATTERN = re.compile(
    r"(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*", re.I
)

Mode = Literal["enforce", "testing", "none"]
MODES: dict[str, Mode] = {"enforce": "enforce", "testing": "testing", "none": "none"}


@dataclass(frozen=True, slots=True)
class Policy:
    """A domain's policy under its `id`; `mx` are the patterns that its mail exchangers match."""

    id: str
    mode: Mode
    max_age_seconds: int
    mx: tuple[str, ...]

    def lists(self, host: str) -> bool:
        """Says whether a mail exchanger is one of the policy's; a wildcard stands for exactly one label."""
        name = host.lower().rstrip(".")
        return any(_matches(name, pattern) for pattern in self.mx)


def policy_id(records: Sequence[str]) -> str:
    """Returns the id that a domain's TXT records announce; empty when they announce none.

    Two announcements are none (RFC 8461 3.1).
    """
    ours = [record for record in records if re.match(r"v=STSv1(\s*;|\s*\Z)", record)]
    if len(ours) != 1:
        return ""
    parts = ours[0].split(";")[1:]
    fields = [_FIELD.fullmatch(part) for part in parts if part.strip()]
    ids = [found[2] for found in fields if found is not None and found[1] == "id"]
    well_formed = all(fields) and len(ids) == 1 and _ID.fullmatch(ids[0])
    return ids[0] if well_formed else ""


def read_policy(text: bytes, announced: str) -> Policy:
    """Returns the policy a text states; raises ValueError when it states none.

    Unknown fields are passed over, and of a repeated one but `mx` the first counts (RFC 8461 3.2).
    """
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in text.decode("utf-8").replace("\r\n", "\n").split("\n"):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError("a line that is no field")
        if found[1] == "mx":
            patterns.append(found[2].lower().rstrip("."))
        else:
            fields.setdefault(found[1], found[2])
    return _made(fields, patterns, announced)


def policy_text(policy: Policy) -> str:
    """Returns a policy as a text that `read_policy` reads."""
    fields = ["version: STSv1", f"mode: {policy.mode}", f"max_age: {policy.max_age_seconds}"]
    return "\n".join([*fields, *(f"mx: {one}" for one in policy.mx)])


def _made(fields: dict[str, str], patterns: list[str], announced: str) -> Policy:
    age, mode = fields.get("max_age", ""), fields.get("mode", "")
    if fields.get("version") != "STSv1" or not re.fullmatch(r"[0-9]{1,10}", age):
        raise ValueError("no version or no age")
    if mode not in MODES:
        raise ValueError("no mode")
    if len(patterns) > MAX_PATTERNS or not all(_PATTERN.fullmatch(pattern) for pattern in patterns):
        raise ValueError("no pattern")
    if mode != "none" and not patterns:
        raise ValueError("nobody is listed")
    return Policy(announced, MODES[mode], min(int(age), MAX_AGE_SECONDS), tuple(patterns))


def _matches(host: str, pattern: str) -> bool:
    if not pattern.startswith("*."):
        return host == pattern
    label, _, rest = host.partition(".")
    return bool(label) and rest == pattern[2:]
