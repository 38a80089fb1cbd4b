"""The process that signs and encrypts is killed in the middle of its work: nothing was sent, and the next try
goes through once."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from routing.smime.workshop import Workshop
from schemas.errors import ConfigurationError, Transient
from tests.rigs.mail_channels import MailBench, run, send
from tests.rigs.mail_people import key_pem
from tests.rigs.waiting import come


def test_a_process_killed_in_mid_work_is_replaced(bench: MailBench) -> None:
    bench.workshop = Workshop(bench.folder.certificate, bench.folder.key, 1)
    others = set(multiprocessing.active_children())

    async def work(channel) -> None:
        letter = bench.letter()
        await channel.send(letter, channel.message_id(letter.seed))
        (child,) = set(multiprocessing.active_children()) - others
        os.kill(child.pid or 0, signal.SIGSTOP)
        other = bench.letter(2)
        trying = asyncio.create_task(channel.send(other, channel.message_id(other.seed)))
        await come(lambda: bench.workshop._pool._pending_work_items, "the order")
        child.kill()
        with pytest.raises(Transient) as caught:
            await trying
        assert caught.value.code == "smime.workshop_lost"
        await channel.send(other, channel.message_id(other.seed))

    try:
        run(bench.smime, work)
    finally:
        bench.workshop.close()
    assert len(bench.world.servers[0].mails) == 2


@pytest.mark.parametrize("harm", ["missing", "open", "damaged", "another"])
def test_a_key_that_cannot_be_used_stops_the_channel_and_burns_nothing(bench: MailBench, harm: str) -> None:
    bench.workshop = Workshop(bench.folder.certificate, bench.folder.key, 1)
    key, code = bench.folder.key, "certificate.key_unreadable"
    if harm == "missing":
        key.unlink()
    elif harm == "open":
        key.chmod(0o640)
        code = "certificate.key_open_to_others"
    elif harm == "damaged":
        key.write_bytes(key.read_bytes()[:200])
    else:
        key.write_bytes(key_pem(bench.people.bob.identity.key))
        code = "certificate.key_mismatch"
    try:
        with pytest.raises(ConfigurationError) as caught:
            send(bench.smime, bench.letter())
        assert caught.value.code == code
        with pytest.raises(ConfigurationError) as checked:
            bench.smime().check()
        assert checked.value.code == code
        assert bench.world.servers[0].talks == []
        bench.folder.be(bench.people.sender)
        send(bench.smime, bench.letter())
    finally:
        bench.workshop.close()
    assert len(bench.world.servers[0].mails) == 1


_PARENT = """
import asyncio, multiprocessing, sys, time
from pathlib import Path
from routing.smime.workshop import Order, Workshop
from schemas.errors import Coded

async def main():
    workshop = Workshop(Path("/nonexistent"), Path("/nonexistent"), 1)
    try:
        await workshop.seal(None)
    except Exception:
        pass
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert children
        parent.kill()
        deadline = time.monotonic() + 60
        while any(_lives(child) for child in children):
            assert time.monotonic() < deadline, "a process outlived its parent"
            time.sleep(0.02)


def _lives(child: int) -> bool:
    try:
        stat = Path(f"/proc/{child}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
