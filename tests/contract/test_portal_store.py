"""The portal's own database, the same on SQLite and PostgreSQL: parcels, tries, visits, replies, rates."""

from __future__ import annotations

import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import make_url

from routing.portal.keys import Secret
from routing.portal.links import LinkToken
from routing.portal.parcels import Happening, ParcelState
from routing.portal.proving import Door, Verdict
from routing.portal.rates import Rates
from routing.portal.store import PortalStore
from routing.portal.tables import METADATA
from schemas.errors import ConfigurationError
from schemas.portal_settings import PortalRates
from tests.rigs.portal_sites import Visitor, site_of
from tests.rigs.portals import NOW, PortalBench

BROWSER = b"b" * 32
ROOT = Path(__file__).parents[2]
BEYOND_THE_WEB = (
    "SELECT * FROM ledger",
    "DROP TABLE parcel",
    "CREATE TABLE x (y int)",
    "UPDATE parcel SET methods = 'mail_code', data_class = 'ordinary'",
    "UPDATE parcel SET reply_key = 'mine'",
    "UPDATE parcel SET state = 'erased'",
    "DELETE FROM parcel",
    "DELETE FROM chunk",
    "UPDATE event SET kind = 'read'",
    "DELETE FROM event",
    "SELECT sealed FROM reply",
    "DELETE FROM reply",
)


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request, tmp_path):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = PortalBench(tmp_path / "portal", url)
    yield made
    made.close()


@pytest.fixture
def door(bench) -> Door:
    return door_of(bench)


def door_of(bench: PortalBench) -> Door:
    keys = bench.channel().packer._keys
    return Door(bench.store, keys, timedelta(minutes=20), timedelta(hours=2))


def test_the_migrations_make_the_tables_that_the_program_uses(bench):
    with bench.store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "portal_version"})
        assert compare_metadata(context, METADATA) == []


def test_a_store_opens_in_the_mode_it_was_born_in_and_never_half_made(bench, tmp_path):
    with pytest.raises(ConfigurationError, match="database_mode"):
        PortalStore.open(bench.url, mode="live", now=bench.clock)
    with pytest.raises(ConfigurationError, match="database_missing"):
        PortalStore.open(f"sqlite:///{tmp_path / 'none.db'}", mode="simulated", now=bench.clock)
    with pytest.raises(ConfigurationError, match="database_url"):
        PortalStore.open("mysql://x/y", mode="simulated", now=bench.clock)
    again = PortalStore.open(bench.url, mode="simulated", now=bench.clock, create=True)
    again.close()


def test_a_sent_letter_is_found_by_its_link_and_opens_to_what_was_sent(bench, door):
    letter = bench.consignment()
    parcel = bench.send(letter)
    opened = door.open_link(bench.token())
    assert opened.parcel.id == parcel.id
    assert opened.envelope.title == letter.title
    assert [p.name for p in opened.envelope.papers] == [d.name for d in letter.documents]
    for paper, document in zip(opened.envelope.papers, letter.documents, strict=True):
        plain = opened.key.open_paper(paper.ordinal, bench.store.parcels.chunks(parcel.id, paper.ordinal))
        assert b"".join(plain) == bench.papers.read(letter, document)


def test_the_database_holds_no_word_of_what_is_personal(bench):
    letter = bench.consignment(material="hemmelig")
    bench.send(letter)
    if bench.store.database.is_sqlite:
        with sqlite3.connect(bench.folder / "portal.db") as copy:
            held = "\n".join(copy.iterdump()).encode()
        held += b"".join(path.read_bytes() for path in bench.folder.glob("portal.db*"))
    else:
        with bench.store.database.reading() as connection:
            rows = [connection.execute(table.select()).all() for table in METADATA.sorted_tables]
        held = repr(rows).encode()
    for secret in (
        letter.title,
        letter.recipient.number.digits,
        letter.recipient.email,
        letter.recipient.mobile,
        letter.documents[0].name,
        "gulerod",
        bench.token(),
        "Her er din",
    ):
        assert secret.encode() not in held


@pytest.mark.parametrize("end", ["unknown", "expired", "revoked", "erased"])
def test_a_link_that_leads_nowhere_is_none_whatever_the_reason(bench, door, end):
    parcel = bench.send(bench.consignment())
    token = bench.token()
    if end == "unknown":
        token = LinkToken(os.urandom(32)).text
    elif end == "expired":
        bench.clock.move(days=31)
    else:
        assert bench.store.parcels.end(parcel.id, ParcelState(end))
    assert door.open_link(token) is None


@pytest.mark.parametrize("state", [ParcelState.REVOKED, ParcelState.EXPIRED, ParcelState.ERASED])
def test_what_has_ended_holds_nothing_that_opens(bench, state):
    parcel = bench.send(bench.consignment())
    assert bench.store.parcels.end(parcel.id, state)
    ended = bench.store.parcels.by_id(parcel.id)
    assert (ended.wrapped_key, ended.envelope, ended.notice_box) == (b"", b"", b"")
    assert list(bench.store.parcels.chunks(parcel.id, 0)) == []
    assert not bench.store.parcels.end(parcel.id, ParcelState.REVOKED)


def test_five_wrong_answers_lock_this_parcel_and_no_other(bench, door):
    bench.send(bench.consignment(1))
    first = door.open_link(bench.token())
    bench.send(bench.consignment(2))
    second = door.open_link(bench.token())
    code, other = (door.new_code(one, "mail_code", BROWSER) for one in (first, second))
    wrong = f"{(int(code) + 1) % 10**6:06}"
    verdicts = [door.check_code(first, "mail_code", BROWSER, wrong) for _ in range(5)]
    assert verdicts == [Verdict.WRONG] * 4 + [Verdict.LOCKED]
    assert door.check_code(first, "mail_code", BROWSER, code) is not Verdict.RIGHT
    assert door.check_code(second, "mail_code", BROWSER, other) is Verdict.RIGHT


def test_the_third_lock_stays_until_the_sender_lifts_it(bench, door):
    parcel = bench.send(bench.consignment())
    for hours in (2, 30, 24 * 20):
        for _ in range(5):
            assert bench.store.parcels.reserve_try(parcel.id)
        assert not bench.store.parcels.reserve_try(parcel.id)
        bench.clock.move(hours=hours)
    assert not bench.store.parcels.reserve_try(parcel.id)
    assert bench.store.parcels.unlock(parcel.id)
    assert bench.store.parcels.reserve_try(parcel.id)


def test_a_hundred_tries_at_once_are_five(bench):
    parcel = bench.send(bench.consignment())
    with ThreadPoolExecutor(8) as pool:
        let_through = list(pool.map(lambda _: bench.store.parcels.reserve_try(parcel.id), range(40)))
    assert sum(one is not None for one in let_through) == 5


def test_a_code_counts_once_in_ten_minutes_and_for_the_browser_that_asked(bench, door):
    bench.send(bench.consignment())
    opened = door.open_link(bench.token())
    code = door.new_code(opened, "mail_code", BROWSER)
    assert door.check_code(opened, "mail_code", b"x" * 32, code) is Verdict.WRONG
    assert door.check_code(opened, "sms", BROWSER, code) is Verdict.WRONG
    assert door.check_code(opened, "mail_code", BROWSER, f" {code[:3]} {code[3:]}") is Verdict.RIGHT
    assert door.check_code(opened, "mail_code", BROWSER, code) is Verdict.WRONG
    code = door.new_code(opened, "mail_code", BROWSER)
    bench.clock.move(minutes=10)
    assert door.check_code(opened, "mail_code", BROWSER, code) is Verdict.WRONG


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "<script>"])
def test_what_is_no_code_is_no_try(bench, door, typed):
    parcel = bench.send(bench.consignment())
    opened = door.open_link(bench.token())
    door.new_code(opened, "mail_code", BROWSER)
    for _ in range(10):
        assert door.check_code(opened, "mail_code", BROWSER, typed) is Verdict.NO_TRY
    assert bench.store.parcels.by_id(parcel.id).n_wrong == 0


def test_a_session_belongs_to_its_cookie_and_parcel_and_ends(bench, door):
    bench.send(bench.consignment(1))
    opened = door.open_link(bench.token())
    other = bench.send(bench.consignment(2))
    cookie = door.begin(opened, "mail_code")
    assert door.resume(opened.parcel.id, cookie).opened.envelope == opened.envelope
    assert door.resume(other.id, cookie) is None
    assert door.resume(opened.parcel.id, b"y" * 32) is None
    bench.clock.move(minutes=21)
    assert door.resume(opened.parcel.id, cookie) is None
    cookie = door.begin(opened, "mail_code")
    for _ in range(8):
        bench.clock.move(minutes=14)
        assert door.resume(opened.parcel.id, cookie) is not None
    bench.clock.move(minutes=14)
    assert door.resume(opened.parcel.id, cookie) is None  # two hours are the end, however busy


def test_a_session_ends_with_its_parcel(bench, door):
    bench.send(bench.consignment())
    opened = door.open_link(bench.token())
    cookie = door.begin(opened, "mail_code")
    bench.store.parcels.end(opened.parcel.id, ParcelState.REVOKED)
    assert door.resume(opened.parcel.id, cookie) is None


def test_signing_out_ends_the_visits_of_all_browsers_and_there_are_five_at_most(bench, door):
    bench.send(bench.consignment())
    opened = door.open_link(bench.token())
    cookies = []
    for _ in range(7):
        bench.clock.move(seconds=1)
        cookies.append(door.begin(opened, "mail_code"))
    alive = [cookie for cookie in cookies if door.resume(opened.parcel.id, cookie) is not None]
    assert alive == cookies[2:]
    door.leave(door.resume(opened.parcel.id, alive[0]))
    assert [cookie for cookie in cookies if door.resume(opened.parcel.id, cookie) is not None] == []


def test_what_was_kept_for_a_return_comes_back_once_to_the_same_browser(bench, door):
    bench.send(bench.consignment())
    opened = door.open_link(bench.token())
    state = door.new_state()
    door.keep(opened, "mitid", BROWSER, state, b"nonce")
    assert door.come_back("mitid", b"x" * 32, state) is None
    assert door.come_back("mitid", BROWSER, door.new_state()) is None
    back, kept = door.come_back("mitid", BROWSER, state)
    assert (back.parcel.id, kept) == (opened.parcel.id, b"nonce")
    assert door.come_back("mitid", BROWSER, state) is None


def test_events_are_numbered_in_the_order_they_happened_and_can_be_read_on(bench, door):
    parcel = bench.send(bench.consignment())
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: bench.store.parcels.note(parcel.id, Happening.CODE_SENT, str(n)), range(30)))
    events = bench.store.parcels.events()
    assert [e.seq for e in events] == sorted(e.seq for e in events)
    assert [e.kind for e in events[:2]] == [Happening.SEALED, Happening.NOTICE_SENT]
    assert bench.store.parcels.events(after=events[9].seq) == events[10:]
    assert bench.store.parcels.events(message_ids=["another"]) == []


def test_many_at_once_wait_for_each_other_and_never_for_ever(bench):
    parcel = bench.send(bench.consignment())
    rows = bench.store.parcels
    acts = [
        lambda: rows.note(parcel.id, Happening.CODE_SENT),
        lambda: rows.extend(parcel.id, bench.clock() + timedelta(days=40)),
        lambda: rows.set_read(parcel.id, Happening.READ, "x"),
        lambda: rows.unlock(parcel.id),
        lambda: rows.reserve_try(parcel.id),
        lambda: bench.store.replies.keep(os.urandom(8).hex(), parcel.id, b"x", 0),
    ]
    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(acts[number % len(acts)]) for number in range(120)]:
            done.result(60)
    assert len(rows.events()) == 2 + 5 * 20


def test_the_web_side_needs_a_role_that_may_change_no_table(postgres_url, tmp_path):
    bench = PortalBench(tmp_path / "portal", postgres_url)
    bench.send(bench.consignment())
    page = (ROOT / "docs" / "portal.md").read_text(encoding="utf-8")
    rights = re.findall(r"^ +((?:CREATE ROLE|GRANT) .*portal_web.*);$", page, re.MULTILINE)
    assert len(rights) == 7
    with bench.store.database.writing() as connection:
        for statement in (*rights, "CREATE TABLE ledger (secret text)"):
            connection.execute(text(statement))
    url = make_url(postgres_url).set(username="portal_web").render_as_string()
    try:
        web = PortalBench(tmp_path / "portal", url, create=False)
        visitor = Visitor(web, site_of(web))
        visitor.ask_code(bench.token())
        assert visitor.submit("/bevis", answer="000000").status_code in (303, 403)
        path = visitor.enter(bench.token())
        assert visitor.get(f"{path}/vis/0").status_code == 200
        assert visitor.get(f"{path}/kvittering").status_code == 200
        visitor.get(f"{path}/svar")
        assert visitor.submit("/svar", text="Tak", files=[("files", ("", b""))]).status_code == 303
        visitor.get(path)
        assert visitor.submit("/luk").status_code == 303
        for statement in BEYOND_THE_WEB:
            with (
                pytest.raises(ConfigurationError, match="not_writable"),
                web.store.database.writing() as connection,
            ):
                connection.execute(text(statement))
        web.close()
    finally:
        with bench.store.database.writing() as connection:
            connection.execute(text("DROP OWNED BY portal_web; DROP ROLE portal_web"))
        bench.close()


def test_the_same_reply_is_kept_once_and_waits_until_it_is_fetched(bench):
    parcel = bench.send(bench.consignment())
    assert bench.store.replies.keep("r1", parcel.id, b"sealed", 1)
    assert not bench.store.replies.keep("r1", parcel.id, b"sealed", 1)
    (waiting,) = bench.store.replies.waiting()
    assert (waiting.source, waiting.sealed, waiting.message_id) == ("loen", b"sealed", parcel.message_id)
    bench.store.replies.fetched("r1", parcel.id)
    assert bench.store.replies.n_waiting() == 0


def test_old_parcels_are_purged_with_all_that_hangs_on_them(bench):
    parcel = bench.send(bench.consignment())
    bench.store.parcels.end(parcel.id, ParcelState.EXPIRED)
    assert bench.store.parcels.purge(NOW - timedelta(days=1)) == 0
    bench.clock.move(days=2)
    assert bench.store.parcels.purge(bench.clock()) == 1
    assert bench.store.parcels.events() == []


def test_rates_are_shared_by_all_who_open_the_database(bench):
    key = Secret(b"k" * 32)
    settings = PortalRates(misses="3/minute")
    other = PortalStore.open(bench.url, mode="simulated", now=bench.clock)
    one, two = (Rates(settings, store.database, key, bench.clock) for store in (bench.store, other))
    assert [r.allow(("misses", b"192.0.2.1")) for r in (one, two, one, two)] == [True, True, True, False]
    assert one.allow(("misses", b"192.0.2.2"))
    bench.clock.move(seconds=61)
    assert two.allow(("misses", b"192.0.2.1"))
    bench.clock.move(seconds=61)
    bench.store.visits.sweep()
    other.close()
