"""Tells the portal's events as later word about a message: what moves its consignment, and what is noted.

Pure: events in, words out. Relies on the events' kinds and on `[channels.<name>] expired_unread`.
"""

from __future__ import annotations

from routing.portal.parcels import WAS_READ, Happening, PortalEvent
from schemas.consignments import ReceiptEvent, ReceiptKind
from schemas.portal_settings import PortalChannel

_MOVES = {
    Happening.READ: (ReceiptKind.READ, "portal.read"),
    Happening.DOWNLOADED: (ReceiptKind.READ, "portal.downloaded"),
    Happening.REVOKED: (ReceiptKind.REFUSED, "portal.revoked"),
    Happening.ERASED: (ReceiptKind.REFUSED, "portal.erased"),
    Happening.WITHDRAWN: (ReceiptKind.RETURNED, "portal.notice_bounced"),
}
_NOTES = {
    Happening.SEALED: "portal.sealed",
    Happening.NOTICE_SENT: "portal.notice_sent",
    Happening.NOTICE_BOUNCED: "portal.notice_returned",
    Happening.REMINDED: "portal.reminded",
    Happening.CODE_SENT: "portal.code_sent",
    Happening.CODE_FAILED: "portal.code_failed",
    Happening.LOCKED: "portal.locked",
    Happening.UNLOCKED: "portal.unlocked",
    Happening.OPENED: "portal.opened",
    Happening.REPLIED: "portal.replied",
    Happening.REPLY_FETCHED: "portal.reply_fetched",
    Happening.LINK_RENEWED: "portal.link_renewed",
    Happening.EXTENDED: "portal.extended",
    Happening.SIGNED_OUT: "portal.signed_out",
    Happening.EXPIRED: "portal.expired",
}


def told(event: PortalEvent, channel: str, settings: PortalChannel) -> ReceiptEvent:
    """Returns an event as its word; its position is the event's number.

    The proof holds the event's number and what the event adds: the identity method, a count or a day.
    """
    kind, code = _word(event, settings)
    proof = {"event": str(event.seq)}
    if event.detail:
        proof["identity" if kind is ReceiptKind.READ else "detail"] = event.detail
    return ReceiptEvent(channel, event.message_id, kind, event.at, code, proof, position=str(event.seq))


def _word(event: PortalEvent, settings: PortalChannel) -> tuple[ReceiptKind, str]:
    if event.kind is Happening.EXPIRED and event.detail != WAS_READ:
        returns = settings.expired_unread == "return"
        return (ReceiptKind.RETURNED if returns else ReceiptKind.REFUSED), "portal.expired_unread"
    return _MOVES.get(event.kind) or (ReceiptKind.NOTED, _NOTES[event.kind])
