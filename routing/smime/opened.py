"""What opening a message found out: its layers, who signed, and what that proves.

Relies on the verdicts of `routing.cms`. Values only; decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from routing.cms.keys import Transport
from routing.cms.verifying import Signature
from routing.mime.splitting import Entity


@dataclass(frozen=True, slots=True)
class EncryptedLayer:
    """One envelope: cipher, how the key came, which of our certificates opened it.

    `authenticated` is False for CBC: the envelope alone shows no change on the way.
    """

    cipher: str
    transport: Transport
    fingerprint: str
    authenticated: bool


@dataclass(frozen=True, slots=True)
class SignedLayer:
    """One signature layer: a verdict for each signer."""

    signatures: tuple[Signature, ...]

    @property
    def good(self) -> bool:
        """Whether there is a signer and every one's signature is good."""
        return bool(self.signatures) and all(one.good for one in self.signatures)


@dataclass(frozen=True, slots=True)
class WrappedLayer:
    """A whole message as message/rfc822, which a tunnel carries."""


Layer = EncryptedLayer | SignedLayer | WrappedLayer


@dataclass(frozen=True, slots=True)
class Opened:
    """A message with all its layers taken off, outermost first.

    `outer` is the message as it came; `entity` what lies in the middle. `headers` are the true ones: those
    protected inside when there are any. `differing` names the headers that say something else outside.
    """

    outer: Entity = field(repr=False)
    layers: tuple[Layer, ...]
    entity: Entity = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    differing: tuple[str, ...]

    @property
    def encrypted(self) -> bool:
        return any(isinstance(layer, EncryptedLayer) for layer in self.layers)

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The verdicts of all signature layers, outermost first."""
        return tuple(
            one for layer in self.layers if isinstance(layer, SignedLayer) for one in layer.signatures
        )

    @property
    def intact(self) -> bool:
        """Whether a change on the way would have been seen.

        A good signature covers what is inside it, and so does GCM. A signature outside a CBC envelope
        covers it too; a CBC envelope alone does not (EFAIL), and neither does a signature that is no good.
        """
        signed = [layer for layer in self.layers if isinstance(layer, SignedLayer)]
        if any(not layer.good for layer in signed):
            return False
        return bool(signed) or any(
            isinstance(layer, EncryptedLayer) and layer.authenticated for layer in self.layers
        )
