"""The commands by which a person decides: release, hold, cancel, resolve, pause, resume.

Relies on the ledger, which checks and records each act with who did it. Sends nothing.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from jobs.commands.context import Context
from jobs.redaction import name_or_hidden
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK
from schemas.errors import BadInput, ConfigurationError

if TYPE_CHECKING:
    from batch.ledger import Ledger
    from jobs.house import House


def actor() -> str:
    """Returns who acts: the name the operating system knows the person by."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _change(context: Context, key: str, subject: str, act: Callable[[Ledger], int]) -> int:
    with context.house() as house:
        if house.ledger.batch(subject) is None and house.ledger.standing(subject) is None:
            raise BadInput("usage.no_such_subject")
        n_changed = act(house.ledger)
    context.screen.say(key if n_changed else "nothing_changed", subject=subject, n_changed=n_changed)
    code = EXIT_OK if n_changed else EXIT_ERROR_LIST
    return context.screen.finish({"subject": subject, "changed": n_changed}, code)


def release(context: Context, subject: str, rows: bool, reason: str) -> int:
    """Lets a held batch or row go."""
    return _change(
        context,
        "released",
        subject,
        lambda led: led.release(subject, actor=actor(), rows=rows, reason=reason),
    )


def hold(context: Context, subject: str, reason: str) -> int:
    """Holds what is ready."""
    return _change(context, "held", subject, lambda led: led.hold(subject, actor=actor(), reason=reason))


def cancel(context: Context, subject: str, reason: str) -> int:
    """Cancels what was not sent yet."""
    return _change(
        context, "cancelled", subject, lambda led: led.cancel(subject, actor=actor(), reason=reason)
    )


def resolve(
    context: Context,
    consignment: str,
    verdict: Literal["found", "not-found", "written-off"],
    reason: str,
) -> int:
    """Ends doubt by a person's knowledge."""
    causes: dict[str, Literal["found", "not_found", "written_off"]] = {
        "found": "found",
        "not-found": "not_found",
        "written-off": "written_off",
    }

    def act(ledger: Ledger) -> int:
        ledger.resolve(consignment, causes[verdict], actor=actor(), reason=reason)
        return 1

    return _change(context, "resolved", consignment, act)


def _demand_channel(house: House, channel: str) -> None:
    """Raises ConfigurationError for a channel that neither the settings nor a pause names."""
    if channel not in house.settings.channels and all(p.channel != channel for p in house.ledger.pauses()):
        raise ConfigurationError("settings.no_channel", channel=name_or_hidden(channel))


def pause(context: Context, channel: str) -> int:
    """Stops claiming for a channel until `resume`."""
    with context.house() as house:
        _demand_channel(house, channel)
        house.ledger.pause(channel, "channel.paused", actor=actor())
    context.screen.say("paused", channel=channel)
    return context.screen.finish({"channel": channel, "paused": True}, EXIT_OK)


def resume(context: Context, channel: str) -> int:
    """Lets a paused channel go on."""
    with context.house() as house:
        _demand_channel(house, channel)
        was_paused = house.ledger.resume(channel, actor=actor())
    context.screen.say("resumed" if was_paused else "was_not_paused", channel=channel)
    return context.screen.finish({"channel": channel, "paused": False, "was_paused": was_paused}, EXIT_OK)
