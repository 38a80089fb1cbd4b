"""Guessed links and tries at another's parcel read nothing: all of them before the door, some over HTTP.

`make torture` takes all of them through the whole application.
"""

from __future__ import annotations

import os

import pytest

from tests.rigs.portal_guesses import guessed, guesses, sent, tried, untouched, visit_to
from tests.rigs.portal_sites import site_of
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


def find_nothing(bench: PortalBench, n_guesses: int) -> None:
    parcels, real = sent(bench)
    door = site_of(bench).door
    assert [text for text in guesses(n_guesses, real) if door.open_link(text) is not None] == []
    assert untouched(bench, parcels)
    assert all(door.open_link(text) is not None for text in real)


def test_a_hundred_thousand_guessed_links_find_nothing(bench):
    find_nothing(bench, 100_000)


def test_guessed_links_find_nothing_in_postgresql_either(tmp_path, postgres_url):
    bench = PortalBench(tmp_path / "portal", postgres_url)
    find_nothing(bench, 2_000)
    bench.close()


def test_guessed_links_get_one_answer_over_http_and_change_nothing(bench):
    parcels, real = sent(bench)
    assert guessed(bench, 500, real) == {404: 500}
    assert untouched(bench, parcels)


def test_five_thousand_tries_at_anothers_documents_read_none(bench):
    (own, *others), (link, *_) = sent(bench)
    cookie = visit_to(bench, link)
    door = site_of(bench).door
    assert tried(bench, 500, own, cookie, others) == {403: 500}
    for number in range(2_250):
        assert door.resume(others[number % len(others)].id, cookie) is None
        assert door.resume(others[number % len(others)].id, os.urandom(32)) is None
    assert untouched(bench, others)
    assert door.resume(own.id, cookie) is not None
