"""Compares both ends of the demo: what the ledger says of each channel, and what the other side holds.

Relies on the ledger's counts and on the simulators' own. Of every mail it also compares the document inside,
as its recipient opens it, with the one that was dropped for that recipient. At the portal the other end is
the one who read there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from jobs.demo.drop import Row
from jobs.demo.portal_visit import Visited, is_notice
from jobs.demo.workplace import n_held_by_eboks, received_by_mail
from schemas.states import State

if TYPE_CHECKING:
    from jobs.house import House


@dataclass(frozen=True, slots=True)
class ChannelEnds:
    """One channel: how many we say were delivered, and how many messages are there."""

    channel: str
    n_ours: int
    n_theirs: int


@dataclass(frozen=True, slots=True)
class BothEnds:
    """All channels; `n_clear` mails came without TLS and unencrypted, `n_wrong` hold another's document.

    `n_notices` mails told of a letter in the portal, and `n_waiting` letters lie there unread.
    """

    channels: tuple[ChannelEnds, ...] = ()
    n_clear: int = 0
    n_wrong: int = 0
    n_notices: int = 0
    n_waiting: int = 0

    @property
    def agree(self) -> bool:
        """True when every channel's counts are the same, each letter in the portal has its notice, and no
        mail was in the clear or somebody else's."""
        n_in_portal = self.n_waiting + sum(one.n_ours for one in self.channels if one.channel == "portal")
        return (
            not self.n_clear
            and not self.n_wrong
            and self.n_notices == n_in_portal
            and all(one.n_ours == one.n_theirs for one in self.channels)
        )

    @property
    def n_delivered(self) -> int:
        return sum(one.n_ours for one in self.channels)

    @property
    def n_theirs(self) -> int:
        return sum(one.n_theirs for one in self.channels)


def compare(house: House, batch_id: str, rows: Sequence[Row], visited: Visited) -> BothEnds:
    """Returns the comparison of one batch, which is all the simulators and the portal have got."""
    counts = house.ledger.channel_counts(batch_id)
    mails = received_by_mail(house.settings)
    theirs = Counter(kind_of(one) for one in mails)
    theirs["eboks"], theirs["portal"] = n_held_by_eboks(house.settings), len(visited.read)
    channels = tuple(
        ChannelEnds(name, counts.get(name, {}).get(State.DELIVERED, 0), theirs[name])
        for name in house.settings.channels
    )
    dropped = {row.email: sha256(row.content).hexdigest() for row in rows if row.email}
    n_clear = sum(1 for one in mails if not one["under_tls"] and not one["encrypted"])
    n_wrong = sum(1 for one in mails if not _is_right(one, dropped))
    n_wrong += sum(1 for address, digest in visited.read.items() if dropped.get(address) != digest)
    n_waiting = counts.get("portal", {}).get(State.ACCEPTED, 0)
    return BothEnds(channels, n_clear, n_wrong, theirs["notice"], n_waiting)


def kind_of(mail: Mapping[str, Any]) -> str:
    """Returns the kind of channel a mail came by, as its layers show, or `notice` of a letter elsewhere."""
    if is_notice(mail):
        return "notice"
    if not mail["encrypted"]:
        return "tls"
    return "tunnel" if "wrapped" in mail["layers"] else "smime"


def _is_right(mail: Mapping[str, Any], dropped: Mapping[str, str]) -> bool:
    """Says whether a mail holds the one document that was dropped for its recipient; a notice holds none."""
    if is_notice(mail):
        return not mail["documents"]
    return [dropped.get(one) for one in mail["recipients"]] == list(mail["documents"])
