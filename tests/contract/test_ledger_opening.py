"""Both databases: how a ledger is born, opened and refused, and that its schema is what the tables say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from batch.ledger import Ledger, births
from batch.ledger.engine import Database, parse_url
from batch.ledger.store import METADATA
from batch.vault import Vault
from schemas.errors import ConfigurationError, ServiceDown
from tests.rigs.ledgers import TENANT, Clock, LedgerHouse, make_first_schema

ROOT = Path(__file__).resolve().parents[2]


def _open(url: str, vault: Vault, **changes: Any) -> Ledger:
    given = {"vault": vault, "tenant": TENANT, "mode": "simulated", "now": Clock(), **changes}
    return Ledger.open(url, **given)


def _code(url: str, vault: Vault, **changes: Any) -> str:
    with pytest.raises((ConfigurationError, ServiceDown)) as refused:
        _open(url, vault, **changes)
    return refused.value.code


def _set_version(url: str, version: str) -> None:
    database = Database(parse_url(url))
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    database.close()


def test_a_ledger_is_made_only_when_asked_and_opened_afterwards(fresh_url: str, test_vault: Vault) -> None:
    assert _code(fresh_url, test_vault) == "ledger.missing"
    _open(fresh_url, test_vault, create=True).close()
    _open(fresh_url, test_vault).close()
    _open(fresh_url, test_vault, create=True).close()


def test_the_stamp_of_its_birth_is_for_life(fresh_url: str, test_vault: Vault) -> None:
    _open(fresh_url, test_vault, create=True).close()
    for create in (False, True):
        assert _code(fresh_url, test_vault, mode="live", create=create) == "ledger.wrong_mode"
        assert _code(fresh_url, test_vault, tenant="andethus", create=create) == "ledger.wrong_tenant"
    _open(fresh_url, test_vault).close()


def test_a_newer_schema_is_refused_and_untouched(fresh_url: str, test_vault: Vault) -> None:
    _open(fresh_url, test_vault, create=True).close()
    _set_version(fresh_url, "9999")
    assert _code(fresh_url, test_vault) == "ledger.newer_schema"
    assert _code(fresh_url, test_vault, create=True) == "ledger.newer_schema"
    _set_version(fresh_url, births.REVISIONS[-1])
    _open(fresh_url, test_vault).close()


def test_an_older_schema_is_refused_until_it_is_brought_up(
    fresh_url: str, test_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open(fresh_url, test_vault, create=True).close()
    monkeypatch.setattr(births, "REVISIONS", (*births.REVISIONS, "9998"))
    assert _code(fresh_url, test_vault) == "ledger.old_schema"


def test_a_ledger_of_the_first_schema_is_brought_up_with_all_it_holds(
    fresh_url: str, test_vault: Vault
) -> None:
    make_first_schema(fresh_url)
    assert _code(fresh_url, test_vault) == "ledger.old_schema"
    ledger = _open(fresh_url, test_vault, create=True)
    (batch,) = ledger.batches()
    assert (batch.id, batch.n_lines, batch.erased_at) == ("20261102-080000-000001", 3, None)
    with ledger._store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    ledger.close()
    _open(fresh_url, test_vault).close()


def test_the_migrated_schema_is_the_one_of_the_tables(ledgers: LedgerHouse) -> None:
    with ledgers.ledger._store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_every_revision_is_known_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "batch" / "ledger" / "migrations"))
    script = ScriptDirectory.from_config(config)
    walked = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(walked)) == births.REVISIONS


def test_indexes_on_a_part_of_the_table_are_used_where_speed_hangs_on_them(
    sqlite_ledger: LedgerHouse,
) -> None:
    """Without them every slice would look through the whole table."""
    seen: list[str] = []
    ledger = sqlite_ledger.ledger
    engine = ledger._store.database._engine
    raw = engine.raw_connection()
    raw.driver_connection.set_trace_callback(seen.append)
    raw.close()
    ledger.claim("eboks", 10, owner="w", lease_seconds=1, name_id=str)
    ledger.claim_doubts("eboks", 10, owner="w", lease_seconds=1)
    ledger.recover(lambda owner: False)
    ledger.awaiting("eboks", 10)
    ledger.channels_in_use()
    queries = [sql for sql in seen if re.match("SELECT", sql) and "FROM consignment" in sql]
    plans: list[str] = []
    with ledger._store.database.reading() as connection:
        for sql in queries:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")
            plans += [str(row[3]) for row in plan]
    assert len(queries) >= 4
    assert not [plan for plan in plans if plan.startswith("SCAN consignment") and "INDEX" not in plan]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("not a url", "ledger.bad_url"),
        ("sqlite://", "ledger.bad_url"),
        ("mysql://root:secret@db/x", "ledger.unsupported_database"),
        ("sqlite:////proc/nowhere/brevdue.db", "ledger.missing"),
    ],
)
def test_an_address_that_is_none_is_said_without_showing_it(test_vault: Vault, url: str, code: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _open(url, test_vault)
    assert refused.value.code == code
    assert "secret" not in str(refused.value)


def test_a_file_that_cannot_be_made_is_said(test_vault: Vault) -> None:
    url = "sqlite:////proc/nowhere/brevdue.db"
    assert _code(url, test_vault, create=True) == "ledger.not_writable"


def test_a_file_that_is_no_database_is_said(tmp_path: Path, test_vault: Vault) -> None:
    (tmp_path / "x.db").write_bytes(b"this is no database" * 500)
    assert _code(f"sqlite:///{tmp_path / 'x.db'}", test_vault) == "ledger.damaged"


def test_sqlites_files_belong_to_their_owner_alone(tmp_path: Path, test_vault: Vault) -> None:
    ledger = _open(f"sqlite:///{tmp_path / 'data' / 'brevdue.db'}", test_vault, create=True)
    ledger.take_slot("a", "b")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    ledger.close()
    assert modes == dict.fromkeys(["brevdue.db", "brevdue.db-wal", "brevdue.db-shm"], 0o600)


def test_sqlite_is_set_to_lose_nothing(sqlite_ledger: LedgerHouse) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 60_000,
    }
    with sqlite_ledger.ledger._store.database.reading() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    assert found == wanted


def test_opening_an_existing_ledger_does_not_load_alembic(sqlite_ledger: LedgerHouse) -> None:
    script = "import sys, batch.ledger; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
