"""Asks who signed a message that was opened, and whether he is the one it says it is from.

Relies on `routing.certificates` for the judgement. A signature that is no good is not asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr

from routing.certificates.judging import Judge
from routing.certificates.verdicts import Purpose, Verdict
from routing.cms.verifying import Signature
from routing.mime.addresses import MailAddress, parse_address
from routing.smime.opened import Opened, SignedLayer
from schemas.errors import BadInput


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature of a message, and the verdict on its certificate; None when the signature is no good."""

    signature: Signature
    verdict: Verdict | None

    @property
    def trusted(self) -> bool:
        return self.verdict is not None and self.verdict.usable

    @property
    def code(self) -> str:
        """What is wrong: with the signature, else with the certificate; empty when nothing is."""
        if self.verdict is None or self.verdict.refusal is None:
            return self.signature.code
        return self.verdict.refusal.code


async def judge_signers(opened: Opened, judge: Judge, *, bound: bool = False) -> tuple[Signer, ...]:
    """Returns every signer with his verdict, outermost first.

    His certificate must name the address the message is from, unless `bound` says that something else binds
    it (a tunnel's organisation certificate). A message from no readable address names nobody.
    """
    sender = sender_of(opened)
    if sender is None and not bound:
        return tuple(Signer(one, None) for one in opened.signatures)
    signers = []
    for layer in opened.layers:
        if isinstance(layer, SignedLayer):
            for one in layer.signatures:
                verdict = None
                if one.good and one.certificate is not None:
                    address = None if bound else sender
                    verdict = await judge.judge(one.certificate, address, Purpose.SIGN, layer.certificates)
                signers.append(Signer(one, verdict))
    return tuple(signers)


def sender_of(opened: Opened) -> MailAddress | None:
    """Returns the one address a message says it is from, None when there is none, or more than one."""
    values = [value for name, value in opened.headers if name.lower() == "from"]
    if len(values) != 1:
        return None
    try:
        return parse_address(parseaddr(values[0])[1])
    except BadInput:
        return None
