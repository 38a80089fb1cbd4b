"""Opens real ledgers for tests, on both databases, and makes the values that go into them.

The `ledgers` fixture runs a test once on SQLite and once on PostgreSQL. A PostgreSQL database is migrated
once per test process and emptied between tests; tests of the opening itself ask for `fresh_url`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from batch.ledger import Ledger, births
from batch.ledger.engine import Database, parse_url, prepare_file
from batch.ledger.store import METADATA
from batch.records import Claim, KeptFile, NewBatch, NewConsignment, NewDocument, NewRejection, Outcome
from batch.sealing import seal_consignment, seal_echo, seal_name
from batch.vault import Vault
from schemas.consignments import ContentRef, Receipt, RecipientKind
from schemas.states import Cause, State

TENANT = "testhus"
SOURCE = "loen"
CHANNEL = "eboks"
OWNER = "worker-1"
BIRTH = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
CPRS = ("1408683994", "0809044998", "0103039991", "0101653999", "0101929999")  # facts/identity.md 1.6
CVR = "13748136"


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self, at: datetime = BIRTH) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> datetime:
        """Moves on and returns the new time."""
        self.at += timedelta(seconds=seconds)
        return self.at


@dataclass
class LedgerHouse:
    """A ledger with its vault and clock, and short ways to fill and drive it."""

    url: str
    vault: Vault
    clock: Clock
    opened: list[Ledger] = field(default_factory=list)
    n_batches: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def ledger(self) -> Ledger:
        return self.opened[0]

    def open(self, **changes: Any) -> Ledger:
        """Opens the same ledger once more; it is closed after the test."""
        given: dict[str, Any] = {
            "vault": self.vault,
            "tenant": TENANT,
            "mode": "simulated",
            "now": self.clock,
            **changes,
        }
        ledger = Ledger.open(self.url, **given)
        self.opened.append(ledger)
        return ledger

    def new_id(self) -> str:
        return f"20261102-080000-{next(self.n_batches):06d}"

    def consignments(
        self, batch_id: str, n: int, *, codes: Mapping[int, str] | None = None, **changes: Any
    ) -> Iterator[NewConsignment]:
        """Makes consignments on the lines 2, 3, …; `codes` holds some of them by line."""
        for line in range(2, n + 2):
            yield make_consignment(self.vault, batch_id, line, code=(codes or {}).get(line, ""), **changes)

    def add(
        self,
        n: int = 3,
        *,
        held_code: str = "",
        codes: Mapping[int, str] | None = None,
        rejections: Iterable[NewRejection] = (),
        kept: Iterable[KeptFile] = (),
        batch: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Records a batch of `n` consignments and returns its id."""
        batch_id = self.new_id()
        rejections = list(rejections)
        n_rejected = len({rejection.line for rejection in rejections if not rejection.warning})
        given: dict[str, Any] = {
            "id": batch_id,
            "source": SOURCE,
            "name": f"uddata for {CPRS[0]}",
            "origin": "folder",
            "fingerprint": sha256(batch_id.encode()).hexdigest(),
            "n_lines": n + n_rejected,
            "n_rejected": n_rejected,
            "n_warnings": sum(rejection.warning for rejection in rejections),
            "control_total": None,
            "held_code": held_code,
            **(batch or {}),
        }
        new = NewBatch(**given)
        self.ledger.record_batch(
            new, self.consignments(batch_id, n, codes=codes, **changes), rejections, kept
        )
        return batch_id

    def claim(self, limit: int = 100, *, channel: str = CHANNEL, owner: str = OWNER) -> list[Claim]:
        return self.ledger.claim(channel, limit, owner=owner, lease_seconds=60, name_id=name_id)

    def doubts(self, limit: int = 100, *, channel: str = CHANNEL, owner: str = OWNER) -> list[Claim]:
        return self.ledger.claim_doubts(channel, limit, owner=owner, lease_seconds=60)

    def record(self, *outcomes: Outcome) -> list[Claim]:
        return self.ledger.record(outcomes, actor=OWNER)

    def accept(self, claims: Iterable[Claim], *, final: bool = False) -> None:
        outcomes = [
            Outcome(claim, Cause.ACCEPTED, receipt=self.receipt(claim, final=final)) for claim in claims
        ]
        assert self.ledger.record(outcomes, actor=OWNER) == []

    def receipt(self, claim: Claim, *, final: bool = False, external_id: str = "") -> Receipt:
        return Receipt(
            channel=claim.consignment.channel,
            external_id=external_id or f"ext-{claim.message_id}",
            at=self.clock(),
            final=final,
            proof={"status": "200", "digest": "ab" * 32},
            simulated=True,
        )

    def state(self, consignment_id: str) -> State:
        standing = self.ledger.standing(consignment_id)
        assert standing is not None
        return standing.state

    def counts(self, batch_id: str) -> dict[State, int]:
        summary = self.ledger.batch(batch_id)
        assert summary is not None
        assert summary.adds_up
        return dict(summary.counts)


def name_id(seed: str) -> str:
    """A channel's message id for a seed."""
    return f"msg-{seed}"


def make_consignment(
    vault: Vault,
    batch_id: str,
    line: int,
    *,
    code: str = "",
    route: tuple[str, ...] = (CHANNEL, "smime"),
    digits: str | None = None,
    n_documents: int = 1,
    email: str = "aase@example.invalid",
    **changes: Any,
) -> NewConsignment:
    """Makes one consignment as intake would."""
    number = digits or CPRS[line % len(CPRS)]
    consignment_id = f"{batch_id}-{line:05d}"
    kind = RecipientKind.CPR if len(number) == 10 else RecipientKind.CVR
    documents = tuple(make_document(vault, consignment_id, n) for n in range(n_documents))
    given: dict[str, Any] = {
        "id": consignment_id,
        "line": line,
        "material": "loenseddel",
        "recipient_kind": kind,
        "recipient_key": vault.recipient_key(TENANT, number),
        "content_key": vault.content_key(TENANT, number, "loenseddel", [f"{batch_id}-{line}"]),
        "sealed": seal_consignment(
            vault,
            TENANT,
            consignment_id,
            number=number,
            title="Lønseddel oktober",
            name="Åse Ærøskøbing",
            email=email,
            mobile="",
            reference=f"ref-{line}",
            extra={"afdeling": "Øst"},
        ),
        "seed": vault.seed(TENANT, SOURCE, batch_id, line),
        "route": route,
        "documents": documents,
        "code": code,
        **changes,
    }
    return NewConsignment(**given)


def make_document(vault: Vault, consignment_id: str, ordinal: int) -> NewDocument:
    """Makes a document's row; its bytes lie nowhere."""
    wrapped = vault.wrap(bytes(32), TENANT, consignment_id, str(ordinal))
    content = ContentRef(f"{SOURCE}/{consignment_id[:22]}.pack", 1000 * ordinal, 900, vault.key_id, wrapped)
    name = seal_name(vault, TENANT, consignment_id, ordinal, f"seddel-{ordinal}.pdf")
    return NewDocument(name, "application/pdf", "pdf", 800, "0" * 64, content)


def make_kept(vault: Vault, batch_id: str, ordinal: int, name: str) -> KeptFile:
    """Makes the row of a kept file."""
    wrapped = vault.wrap(bytes(32), TENANT, batch_id, name)
    content = ContentRef(f"{SOURCE}/{batch_id}.pack", 0, 100, vault.key_id, wrapped)
    return KeptFile(seal_name(vault, TENANT, batch_id, ordinal, name), 80, "1" * 64, content)


def make_rejection(
    vault: Vault, batch_id: str, line: int, code: str = "row.too_few_fields", *, warning: bool = False
) -> NewRejection:
    """Makes a rejected line or a warning."""
    sealed = seal_echo(vault, TENANT, batch_id, line, f"ref-{line}", {"afdeling": "Vest"})
    return NewRejection(line, code, "fil", {"n_fields": 3}, warning, sealed)


def make_first_schema(url: str) -> None:
    """Makes a ledger as the first release made it, stamped, with one batch in it."""
    database = Database(parse_url(url))
    prepare_file(database.url, create=True)
    config = Config()
    config.set_main_option("script_location", str(births._MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO house VALUES (1, 'simulated', :tenant, 0)"), {"tenant": TENANT})
        connection.execute(
            text(
                "INSERT INTO batch VALUES ('20261102-080000-000001', 'loen', NULL, 'folder', 'f', '', '{}',"
                " 3, 3, 0, NULL, 1, NULL, '', 0, 2, NULL)"
            )
        )
    database.close()


@pytest.fixture(scope="session")
def test_vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """Gives the keys that the ledger tests share."""
    return Vault.create(tmp_path_factory.mktemp("vault") / "keys")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory, test_vault: Vault) -> bytes:
    """Gives the bytes of an empty, stamped SQLite ledger: copying is quicker than migrating."""
    path = tmp_path_factory.mktemp("template") / "brevdue.db"
    given: dict[str, Any] = {
        "vault": test_vault,
        "tenant": TENANT,
        "mode": "simulated",
        "now": Clock(),
        "create": True,
    }
    Ledger.open(f"sqlite:///{path}", **given).close()
    assert not path.with_name("brevdue.db-wal").exists()
    return path.read_bytes()


@pytest.fixture(scope="session")
def migrated_postgres(request: pytest.FixtureRequest, test_vault: Vault) -> str:
    """Gives the URL of this process's own migrated PostgreSQL database."""
    server = request.getfixturevalue("postgres_server")
    url = str(server.url(server.new_database()))
    given: dict[str, Any] = {
        "vault": test_vault,
        "tenant": TENANT,
        "mode": "simulated",
        "now": Clock(),
        "create": True,
    }
    Ledger.open(url, **given).close()
    return url


def _empty(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        tables = ", ".join(sorted(set(METADATA.tables) - {"house"}))
        connection.execute(f"TRUNCATE {tables} CASCADE".encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def ledgers(request: pytest.FixtureRequest, tmp_path: Path, test_vault: Vault) -> Iterator[LedgerHouse]:
    """Gives an empty ledger on each of the two databases."""
    if request.param == "sqlite":
        path = tmp_path / "brevdue.db"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(request.getfixturevalue("migrated_sqlite"))
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("migrated_postgres")
        _empty(url)
    yield from _opened(LedgerHouse(url, test_vault, Clock()))


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Gives the URL of a database that holds nothing yet, on each of the two."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'brevdue.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def sqlite_ledger(tmp_path: Path, test_vault: Vault, migrated_sqlite: bytes) -> Iterator[LedgerHouse]:
    """Gives an empty ledger on SQLite, for what is SQLite's alone."""
    path = tmp_path / "brevdue.db"
    path.write_bytes(migrated_sqlite)
    yield from _opened(LedgerHouse(f"sqlite:///{path}", test_vault, Clock()))


def _opened(house: LedgerHouse) -> Iterator[LedgerHouse]:
    house.open()
    try:
        yield house
    finally:
        for ledger in house.opened:
            ledger.close()
