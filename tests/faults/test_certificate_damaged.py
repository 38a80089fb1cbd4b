"""A certificate from somebody's directory with a byte changed anywhere: it is refused by a code or judged as
it is, and nothing else comes up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.chains import Trust
from routing.certificates.files import read_certificates
from routing.certificates.finding import describe
from routing.certificates.judging import Judge
from routing.certificates.sources import Pins, choose
from routing.cms.signing import digest_of, sign
from routing.mime.addresses import MailAddress, parse_address
from routing.mime.assembly import multipart_signed
from routing.smime.opening import open_message
from schemas.errors import BadInput
from tests.rigs.mail_letters import message_of
from tests.rigs.mail_people import LETTER_AT, MailPeople, ec_key, issue

BO = "bo@modtager.example"
# What cryptography says about some of them beside reading them.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


class _Somebody:
    """A source that gives one damaged certificate beside a good one."""

    name = "somebody"

    def __init__(self, damaged: x509.Certificate, good: x509.Certificate) -> None:
        self._found = [damaged, good]

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        return self._found


def test_every_byte_of_a_certificate(people: MailPeople) -> None:
    bo = issue(people.root, BO, ec_key())
    der = bo.certificate.public_bytes(Encoding.DER)
    good = issue(people.root, BO, ec_key(), from_at=LETTER_AT - timedelta(days=400)).certificate
    judge = Judge(Trust((people.root.certificate,)), None, "off", lambda: LETTER_AT)

    async def judge_all() -> int:
        n_judged = 0
        for at in range(len(der)):
            for bit in (1, 128):
                changed = der[:at] + bytes([der[at] ^ bit]) + der[at + 1 :]
                try:
                    (certificate,) = read_certificates(changed)
                except BadInput:
                    continue
                choice = await choose(parse_address(BO), Pins({}), [_Somebody(certificate, good)], judge)
                chosen = choice.chosen.certificate
                # How many bits of the signature's last byte count is written beside it and proves nothing.
                same = certificate.tbs_certificate_bytes == bo.certificate.tbs_certificate_bytes
                assert chosen == good or (same and chosen.signature == bo.certificate.signature)
                for source, verdict in choice.refused:
                    assert describe(source, verdict)["code"]
                    n_judged += 1
        return n_judged

    assert asyncio.run(judge_all()) > 100


def test_every_byte_of_a_certificate_that_came_with_a_signature(people: MailPeople) -> None:
    payload = [b"Content-Type: text/plain\r\n\r\nHej\r\n"]
    signature = sign(payload, digest_of(payload), people.sender_ec.identity, LETTER_AT, detached=True)
    der = people.sender_ec.identity.id.der
    start = signature.index(der)
    for at in range(start, start + len(der)):
        changed = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        try:
            found = open_message(message_of(*multipart_signed(payload, changed, b"=_e")), [])
        except BadInput:
            continue
        # What a signature does not rest on may change: it is the chain that vouches for that.
        assert len(found.signatures) == 1
