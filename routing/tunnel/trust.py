"""Asks who signed a mail that came in, and whether a tunnel list binds that certificate to the sender.

Relies on `routing.smime.trust` for everybody whose certificate names their own address. An organisation's
certificate need not: there the tunnel list says whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from routing.certificates.judging import Judge
from routing.smime.opened import Opened
from routing.smime.trust import Signer, judge_signers, sender_of
from routing.tunnel.entries import TunnelList


async def judge_listed_signers(
    opened: Opened, judge: Judge, lists: Sequence[TunnelList], today: date
) -> tuple[Signer, ...]:
    """Returns every signer with his verdict, outermost first; a certificate that one of the lists binds to
    the sender's domain today need not name the address."""
    by_address = await judge_signers(opened, judge)
    if all(one.trusted for one in by_address):
        return by_address
    pins = _pins(opened, lists, today)
    if not pins:
        return by_address
    bound = await judge_signers(opened, judge, bound=True)
    return tuple(
        listed if listed.signature.fingerprint in pins else plain
        for plain, listed in zip(by_address, bound, strict=True)
    )


def _pins(opened: Opened, lists: Sequence[TunnelList], today: date) -> frozenset[str]:
    sender = sender_of(opened)
    if sender is None:
        return frozenset()
    found = (one.entry_for(sender.domain) for one in lists)
    in_force = [one for one in found if one is not None and not one.obstacle(today)]
    return frozenset(pin for one in in_force for pin in one.pins)
