"""Says what a SOAP fault means for us, by the verdict table that REST has too.

Relies on `verdicts`. A fault is an answer: what it speaks of was not taken (SOAP 1.1, 4.4: "the message could
not be processed"), whatever the HTTP status it came with. Shows of a fault no more than a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from eboks.soap.answers import Fault
from eboks.verdicts import Kind, Verdict, Verdicts, by_verdict, verdict_for, verdict_table
from schemas.eboks_settings import EboksSoapChannel
from schemas.errors import Coded, ConfigurationError, Refused, Transient

# With several errors the gravest counts: tell a person, try the next way, try again (facts/eboks e.5).
_GRAVEST: tuple[Kind, ...] = ("configuration", "refused", "unreachable", "transient")
_NUMBER = re.compile(r"[1-9][0-9]{3}", re.ASCII)
# What a service that does not like our signature, or us, says in its faultcode (WS-Security 1.1, 12; SOAP
# 1.1, 4.4.1): our set-up, whatever letter it was about.
_OUR_SET_UP = frozenset(
    {
        "VersionMismatch",
        "MustUnderstand",
        "Client.Authentication",
        "UnsupportedSecurityToken",
        "UnsupportedAlgorithm",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "FailedAuthentication",
        "FailedCheck",
        "SecurityTokenUnavailable",
        "MessageExpired",
    }
)


@dataclass(frozen=True, slots=True)
class FaultTable:
    """What codes mean here: numbers as for REST, and any other code that the settings name."""

    numbers: Verdicts
    named: Mapping[str, Verdict]
    duplicate_codes: frozenset[str]
    duplicate_texts: tuple[str, ...]

    def is_duplicate(self, fault: Fault) -> bool:
        """Says whether the fault means "this id has been used already", by the settings' word."""
        texts = [text.casefold() for text in fault.texts]
        return any(code in self.duplicate_codes for code in fault.codes) or any(
            mark in text for mark in self.duplicate_texts for text in texts
        )

    def objection(self, fault: Fault, status: int, retry_after_seconds: float | None) -> Coded:
        """Returns the error that a fault is; nothing was taken.

        Without a code that we know, the one it blames decides: the service may do better later, the letter
        will not.
        """
        known = [(code, found) for code in fault.codes if (found := self._verdict(code)) is not None]
        if known:
            code, verdict = min(known, key=lambda one: _GRAVEST.index(one[1].kind))
            return by_verdict(verdict, status, code)
        number = next((code for code in fault.codes if _NUMBER.fullmatch(code)), "-")
        if fault.blame in _OUR_SET_UP:
            return ConfigurationError("eboks.access_denied", status=status, number=number)
        if fault.blame.partition(".")[0] == "Server":
            return Transient(
                "eboks.not_now", retry_after_seconds=retry_after_seconds, status=status, number=number
            )
        return Refused("eboks.refused", status=status, number=number)

    def _verdict(self, code: str) -> Verdict | None:
        if code in self.named:
            return self.named[code]
        return self.numbers.get(int(code)) if _NUMBER.fullmatch(code) else None


def fault_table(channel: EboksSoapChannel, *, simulated: bool) -> FaultTable:
    """Returns the table of a channel; `verdicts` may name an ErrorCode of any form beside error numbers."""
    numbers = {code: kind for code, kind in channel.verdicts.items() if code.isdecimal()}
    named = {code: verdict_for(kind) for code, kind in channel.verdicts.items() if code not in numbers}
    return FaultTable(
        verdict_table(numbers, simulated=simulated),
        named,
        frozenset(channel.duplicate_fault_codes),
        tuple(text.casefold() for text in channel.duplicate_fault_texts),
    )
