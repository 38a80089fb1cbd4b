"""The errors of the house, named by what the caller must do next and never by their cause.

    HouseError
    ├─ SendError          raised by a channel about one consignment
    │  ├─ Transient       nothing was taken; try this step again          → deferred
    │  ├─ Unreachable     not by this channel: not enrolled, no cert, …   → rerouted
    │  ├─ Refused         no channel should take this document            → refused
    │  └─ InDoubt         bytes left, no answer                           → lost
    └─ BadInput           a row, a file, a number is wrong                → Rejection on the error list
    ConfigurationError    our own set-up is wrong; outside HouseError so that no lenient handler swallows it

The cause is a stable `code` (`eboks.not_enrolled`, `tls.certificate_expired`) whose texts stand in the
catalogue. Parameters are counts, limits and names of our own: never a CPR, a name, a title or a key.
Design 5. Does no wording: see `schemas.catalogue`.
"""

from __future__ import annotations


class Coded(Exception):
    """Base of every error that carries a stable code and safe parameters."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        shown = " ".join(f"{key}={value}" for key, value in sorted(self.params.items()))
        return f"{self.code} {shown}".rstrip()


class HouseError(Coded):
    """Something about one drop, row or consignment; the rest goes on."""


class SendError(HouseError):
    """A channel's verdict about one attempt to hand over one consignment."""


class Transient(SendError):
    """Nothing was taken; the same step is tried again later.

    `retry_after_seconds` is the other side's own wish, already capped. `maybe_taken` is set when the other
    side may nevertheless have kept the message (a 500 after the whole body): a later "already used" on the
    same id then counts as acceptance. `reached` is False when the service itself could not be reached,
    which the breaker counts.
    """

    def __init__(
        self,
        code: str,
        *,
        retry_after_seconds: float | None = None,
        maybe_taken: bool = False,
        reached: bool = True,
        **params: object,
    ) -> None:
        super().__init__(code, **params)
        self.retry_after_seconds = retry_after_seconds
        self.maybe_taken = maybe_taken
        self.reached = reached


class Unreachable(SendError):
    """This channel does not reach the recipient; the route goes on to its next step."""


class Refused(SendError):
    """The document or the recipient is wrong for every channel; a person must act."""


class InDoubt(SendError):
    """Bytes left and no usable answer came: the message may have been taken.

    `needs_person` is set when asking again would prove nothing (an id conflict): only `resolve` clears it.
    """

    def __init__(self, code: str, *, needs_person: bool = False, **params: object) -> None:
        super().__init__(code, **params)
        self.needs_person = needs_person


class CannotTell(HouseError):
    """A channel can't say whether it holds a message id.

    `send_once_more` is set when the settings want the same message under the same id sent one more time, and
    never a second time (design 4.4); otherwise a person must find out.
    """

    def __init__(self, code: str, *, send_once_more: bool = False, **params: object) -> None:
        super().__init__(code, **params)
        self.send_once_more = send_once_more


class BadInput(HouseError):
    """A row, a file or a number is wrong; becomes a Rejection on the error list.

    `line` is the physical line in the index file (1 = header), `column` the canonical column name. A text may
    name the line, so it stands among the parameters too.
    """

    def __init__(
        self, code: str, *, line: int | None = None, column: str | None = None, **params: object
    ) -> None:
        super().__init__(code, **params, **({} if line is None else {"line": line}))
        self.line = line
        self.column = column


class ConfigurationError(Coded):
    """Our own set-up is wrong: the channel or command stops, no attempt is burnt, the operator is told."""


class ServiceDown(Coded):
    """A service or a database of ours could not be reached; nothing was changed. Exit code 4."""
