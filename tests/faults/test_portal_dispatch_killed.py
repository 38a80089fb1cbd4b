"""The dispatching side dies at any point of a send or of fetching replies: one parcel, one link, no reply
lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from routing.portal.delivery import MailFolder
from routing.portal.upkeep import _land
from tests.rigs.portals import PortalBench, link_in


class Killed(BaseException):
    """Stands for the end of the process: nothing after it runs."""


class Carrier:
    """Delivers into the bench's folder and dies before or after, as it is told."""

    def __init__(self) -> None:
        self.dies = ""
        self.folder: MailFolder | None = None

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        if self.dies == "before":
            raise Killed
        assert self.folder is not None
        evidence = await self.folder.deliver(recipient, mail, message_id)
        if self.dies == "after":
            raise Killed
        return evidence

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def bench(tmp_path):
    carrier = Carrier()
    made = PortalBench(tmp_path / "portal", carrier=carrier)
    carrier.folder = MailFolder(made.mails)
    yield made
    made.close()


async def _with_channel(bench: PortalBench, work):
    channel = bench.channel()
    try:
        return await work(channel)
    finally:
        await channel.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_send_that_was_cut_off_is_done_again_under_the_same_link(bench, when):
    letter = bench.consignment()
    bench.carries.dies = when
    with pytest.raises(Killed):
        asyncio.run(_with_channel(bench, lambda c: c.send(letter, c.message_id(letter.seed))))
    bench.clock.move(hours=3)
    bench.carries.dies = ""

    async def resolve(channel):
        message_id = channel.message_id(letter.seed)
        assert await channel.find(message_id) is None
        return await channel.send(letter, message_id)

    asyncio.run(_with_channel(bench, resolve))
    assert len(bench.store.parcels.listed(None, 10)) == 1
    (mail,) = bench.mail()  # the very same mail: the folder knows it by its Message-ID
    assert len({link_in(mail)}) == 1


def test_a_reply_that_was_put_down_but_not_ticked_off_is_there_once(bench):
    parcel = bench.send(bench.consignment())
    bench.store.replies.keep("r1", parcel.id, b"sealed", 0)
    (kept,) = bench.store.replies.waiting()
    _land(bench.answers, kept)  # and here the process ends

    async def collect(channel):
        await channel.tend()

    asyncio.run(_with_channel(bench, collect))
    (path,) = bench.answers.iterdir()
    assert path.read_bytes() == b"sealed"
    assert bench.store.replies.n_waiting() == 0


def test_a_folder_that_cannot_be_written_loses_no_reply(bench):
    parcel = bench.send(bench.consignment())
    bench.store.replies.keep("r1", parcel.id, b"sealed", 0)
    bench.answers.parent.joinpath("svar").write_text("a file where the folder should be")

    async def collect(channel):
        await channel.tend()
        return channel.findings()

    findings = asyncio.run(_with_channel(bench, collect))
    assert [code for code, _ in findings] == ["portal.answer_not_written"]
    assert bench.store.replies.n_waiting() == 1
    bench.answers.unlink()
    asyncio.run(_with_channel(bench, collect))
    assert [path.read_bytes() for path in bench.answers.iterdir()] == [b"sealed"]
