"""A migration is killed half way (facts/trust.md, 18): nothing of it is left, and the next one succeeds."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch.ledger import Ledger
from batch.vault import Vault
from schemas.errors import ConfigurationError
from tests.rigs.ledgers import TENANT, Clock, make_first_schema

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from batch.ledger import Ledger
from batch.vault import Vault
from tests.rigs.ledgers import TENANT, Clock

url, keys, word, n = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
seen = 0

@event.listens_for(Engine, "after_cursor_execute")
def kill(connection, cursor, statement, *_):
    global seen
    seen += word in statement
    if seen == n:
        os.kill(os.getpid(), signal.SIGKILL)

Ledger.open(url, vault=Vault.open(keys), tenant=TENANT, mode="simulated", now=Clock(), create=True)
"""


@pytest.mark.parametrize(("word", "n"), [("CREATE TABLE", 4), ("CREATE INDEX", 5), ("INSERT INTO house", 1)])
def test_a_killed_migration_leaves_nothing_and_may_be_repeated(
    fresh_url: str, tmp_path: Path, word: str, n: int
) -> None:
    vault = Vault.create(tmp_path / "keys")
    arguments = [fresh_url, str(tmp_path / "keys"), word, str(n)]
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *arguments], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    given: dict[str, Any] = {"vault": vault, "tenant": TENANT, "mode": "simulated", "now": Clock()}
    with pytest.raises(ConfigurationError, match=r"ledger\.missing"):
        Ledger.open(fresh_url, **given)
    ledger = Ledger.open(fresh_url, **given, create=True)
    assert ledger.batches() == []
    ledger.close()


def test_a_killed_upgrade_leaves_the_first_schema_and_may_be_repeated(fresh_url: str, tmp_path: Path) -> None:
    vault = Vault.create(tmp_path / "keys")
    make_first_schema(fresh_url)
    arguments = [fresh_url, str(tmp_path / "keys"), "ALTER TABLE batch ADD", "1"]
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *arguments], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    given: dict[str, Any] = {"vault": vault, "tenant": TENANT, "mode": "simulated", "now": Clock()}
    with pytest.raises(ConfigurationError, match=r"ledger\.old_schema"):
        Ledger.open(fresh_url, **given)
    ledger = Ledger.open(fresh_url, **given, create=True)
    assert len(ledger.batches()) == 1
    ledger.close()
