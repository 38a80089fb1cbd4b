"""Says what an answer of e-Boks means for us: its HTTP status, and the number of its `Fejl`.

Relies on `replies` and `schemas.errors`. Real numbers are known only in part (facts/eboks e.1), so the
settings may add their own; the simulator's invented ones (9000–9999) count only in a simulated house. Reads
no recipient statuses: see `proxy_replies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eboks.replies import Reply, error_number, retry_after_seconds
from schemas.errors import Coded, ConfigurationError, Refused, Transient, Unreachable

Kind = Literal["unreachable", "refused", "transient", "configuration"]

NOT_ENROLLED_CODES = frozenset(
    {"eboks.not_enrolled", "eboks.not_found", "eboks.exempt", "eboks.dead", "eboks.minor"}
)
"""Verdicts about the recipient: each shows that a remembered enrolment is out of date."""

_WAIT = frozenset({408, 425, 429, 503})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we do about an error number, and our own code for it."""

    kind: Kind
    code: str


Verdicts = Mapping[int, Verdict]

_REAL: Verdicts = {3000: Verdict("configuration", "eboks.access_denied")}
# The simulator's own numbers. Written here, and compared with `eboks.simulator.codes` by a test, so that a
# house that only sends does not load the simulator and its web server.
_INVENTED: Verdicts = {
    9002: Verdict("configuration", "eboks.set_up_refused"),  # the message id breaks the rule
    9005: Verdict("unreachable", "eboks.extension_not_carried"),
    9006: Verdict("configuration", "eboks.unknown_system_or_material"),
    9007: Verdict("unreachable", "eboks.too_large"),
    9009: Verdict("transient", "eboks.not_now"),  # the body could not be read to its end
    9030: Verdict("unreachable", "eboks.not_enrolled"),
    9031: Verdict("unreachable", "eboks.not_found"),
    9032: Verdict("unreachable", "eboks.exempt"),
    9033: Verdict("refused", "eboks.dead"),
    9034: Verdict("unreachable", "eboks.minor"),
    9040: Verdict("transient", "eboks.too_fast"),
    9051: Verdict("transient", "eboks.not_now"),  # a bug of the simulator's own
    9060: Verdict("configuration", "eboks.set_up_refused"),  # not SOAP 1.1
    9061: Verdict("configuration", "eboks.set_up_refused"),  # a header that is not understood
    9062: Verdict("configuration", "eboks.set_up_refused"),  # the SOAPAction
    9063: Verdict("configuration", "eboks.set_up_refused"),  # no InvocationContext
    9064: Verdict("configuration", "eboks.set_up_refused"),  # an InvocationContext of somebody else's
    9065: Verdict("configuration", "eboks.set_up_refused"),  # the signature
    9066: Verdict("configuration", "eboks.set_up_refused"),  # a way that is no mailbox
    9068: Verdict("unreachable", "eboks.attachments_not_supported"),
}
_OVERRIDE_CODES: Mapping[Kind, str] = {
    "unreachable": "eboks.unreachable",
    "refused": "eboks.refused",
    "transient": "eboks.not_now",
    "configuration": "eboks.set_up_refused",
}


def verdict_table(overrides: Mapping[str, Kind], *, simulated: bool) -> Verdicts:
    """Returns what each known `FejlKode` means; the settings' `verdicts` win over what we know.

    Raises ConfigurationError `eboks.bad_verdict` for a key that is no error number.
    """
    table = dict(_REAL)
    if simulated:
        table |= _INVENTED
    for key, kind in overrides.items():
        number = int(key) if key.isascii() and key.isdigit() else 0
        if not 1000 <= number <= 9999:
            raise ConfigurationError("eboks.bad_verdict")
        table[number] = verdict_for(kind)
    return table


def verdict_for(kind: Kind) -> Verdict:
    """Returns the verdict that the settings mean by a kind."""
    return Verdict(kind, _OVERRIDE_CODES[kind])


def by_verdict(verdict: Verdict, status: int, number: object) -> Coded:
    """Returns the error for an answer whose number, or other code that the settings name, has a verdict."""
    kinds: dict[Kind, type[Coded]] = {
        "unreachable": Unreachable,
        "refused": Refused,
        "transient": Transient,
        "configuration": ConfigurationError,
    }
    return kinds[verdict.kind](verdict.code, status=status, number=number)


def objection(reply: Reply, table: Verdicts, now: datetime) -> Coded:
    """Returns the error for an answer that is no success and not "id already used" (facts/eboks a.1)."""
    status = reply.status
    if status < 200 or 300 <= status < 400:
        return ConfigurationError("eboks.redirected", status=status)
    if status in _WAIT or status >= 500:
        return _later(reply, now)
    number = error_number(reply.body)
    if number is not None and number in table and status not in (401, 403):
        return by_verdict(table[number], status, number)
    if status in (401, 403):
        return ConfigurationError("eboks.access_denied", status=status, number=number or "-")
    if status == 404:
        return ConfigurationError("eboks.unknown_system_or_material", status=status, number=number or "-")
    if status == 413:
        return Unreachable("eboks.too_large", status=status, number=number or "-")
    if reply.fault:
        # Nothing was taken, and the reason was lost on the way: ask again rather than guess.
        return Transient(reply.fault, reached=True)
    return Refused("eboks.refused", status=status, number=number or "-")


def _later(reply: Reply, now: datetime) -> Transient:
    """Returns the error for an answer that wants us to come again.

    A 5xx comes from anywhere on the way, also from behind the place that keeps messages: it may have been
    taken.
    """
    wish = retry_after_seconds(reply.headers.get("retry-after"), now)
    code = "eboks.too_fast" if reply.status == 429 else "eboks.not_now"
    return Transient(
        code,
        retry_after_seconds=wish,
        maybe_taken=reply.status >= 500 and reply.whole_request,
        status=reply.status,
        number=error_number(reply.body) or "-",
    )
