"""Later word from a proxy: asked for in chunks, replayable, and never more than it says."""

from __future__ import annotations

import asyncio

import pytest

from schemas.channels import Cursor
from schemas.consignments import ReceiptKind
from schemas.errors import ConfigurationError, Transient
from tests.rigs.channels import bench_for, letter
from tests.rigs.simulator import StartSimulator


def later(bench, *ids):
    async def work(channel):
        return [event async for event in channel.receipts(Cursor(awaiting=ids))]

    return bench.run(work)


def counts(simulator):
    with simulator.client() as client:
        return client.counts()


def test_the_direct_profile_has_no_later_word_and_asks_nobody(simulator):
    bench = bench_for(simulator)
    assert later(bench, bench.send(letter(bench.papers)).external_id) == []
    assert counts(simulator)["n_polls"] == 0


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("new_id", [False, True])
@pytest.mark.parametrize(
    ("word", "kind", "code"),
    [
        ("exempt", ReceiptKind.CONFIRMED, "eboks.remote_printed"),
        ("protected", ReceiptKind.CONFIRMED, ""),
        ("not_found", ReceiptKind.RETURNED, "eboks.not_found"),
    ],
)
def test_a_letter_is_pending_until_it_is_not(
    start_simulator: StartSimulator, word, kind, code, new_id, as_text
):
    simulator = start_simulator(profile="proxy", proxy_new_id=new_id, proxy_code_as_text=as_text)
    bench = bench_for(simulator, profile="proxy")
    receipt = bench.send(letter(bench.papers, 1, word))
    assert receipt.external_id.startswith("proxy-") is new_id
    if not receipt.final:
        assert later(bench, receipt.external_id) == []
    for _ in range(2):  # replayed, it says the same
        (event,) = later(bench, receipt.external_id)
        assert (event.external_id, event.kind, event.code) == (receipt.external_id, kind, code)


def test_at_most_fifty_are_asked_about_in_one_call(start_simulator: StartSimulator):
    simulator = start_simulator(profile="proxy", pending_polls=0)
    bench = bench_for(simulator, profile="proxy")

    async def many(channel):
        letters = [letter(bench.papers, number, "exempt") for number in range(101)]
        return await asyncio.gather(*(channel.send(one, channel.message_id(one.seed)) for one in letters))

    ids = [receipt.external_id for receipt in bench.run(many)]
    assert [event.external_id for event in later(bench, *ids, "001234unknown")] == ids
    assert counts(simulator)["n_polls"] == 3


@pytest.mark.parametrize("variant", ["html", "empty", "truncated", "huge", "gzip_bomb"])
def test_an_unreadable_poll_is_asked_again(start_simulator: StartSimulator, variant):
    simulator = start_simulator(profile="proxy")
    with simulator.client() as client:
        client.add_fault("wrong_json", on="messages", variant=variant)
    with pytest.raises(Transient):
        later(bench_for(simulator, profile="proxy"), "001234a")


def test_a_poll_under_a_wrong_client_id_is_our_set_up(start_simulator: StartSimulator):
    simulator = start_simulator(profile="proxy")
    with pytest.raises(ConfigurationError):
        later(bench_for(simulator, profile="proxy", client_id="77"), "001234a")


def test_an_already_used_id_at_a_proxy_is_accepted_but_not_the_end(start_simulator: StartSimulator):
    simulator = start_simulator(profile="proxy")
    bench = bench_for(simulator, profile="proxy")
    bench.send(letter(bench.papers))
    receipt = bench.send(letter(bench.papers, earlier_unknown=True))
    assert (receipt.code, receipt.final) == ("eboks.already_accepted", False)
