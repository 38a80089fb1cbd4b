"""An erasure is cut off at every step: the next pass ends it, and nothing that should be gone is left."""

from __future__ import annotations

import signal
import sqlite3

import pytest

from batch.failpoints import VARIABLE
from tests.rigs.commands import dropped
from tests.rigs.houses import FoundHouse, HouseOnDisk

EVIDENCE_OVER = "\n[retention]\ndocument_days = 0\nevidence_days = 0\n"
DOCUMENTS_OVER = "\n[retention]\ndocument_days = 0\n"


def left(house: HouseOnDisk) -> dict[str, int]:
    """Returns what is left in the ledger and on the disk."""
    queries = {
        "keys": "SELECT count(*) FROM document WHERE wrapped_key IS NOT NULL",
        "kept": "SELECT count(*) FROM kept_file WHERE wrapped_key IS NOT NULL",
        "sealed": "SELECT count(*) FROM consignment WHERE sealed IS NOT NULL OR recipient_key <> ''",
        "events": "SELECT count(*) FROM event",
    }
    with sqlite3.connect(house.settings.house.data / "brevdue.db") as database:
        found = {name: int(database.execute(query).fetchone()[0]) for name, query in queries.items()}
    database.close()
    found["packs"] = len(list((house.source / "arkiv").iterdir()))
    found["answers"] = len(list((house.source / "kvittering").iterdir()))
    return found


@pytest.mark.parametrize(
    ("point", "retention"),
    [
        ("purge.keys_gone", DOCUMENTS_OVER),
        ("purge.answers_gone", EVIDENCE_OVER),
        ("purge.evidence_gone", EVIDENCE_OVER),
    ],
)
def test_the_next_pass_ends_what_was_cut_off(found_house: FoundHouse, point: str, retention: str) -> None:
    house = found_house()
    dropped(house, 3)
    house.day()
    before = left(house)
    house.path.write_text(house.path.read_text(encoding="utf-8") + retention, encoding="utf-8")
    assert house.brevdue_process("purge", env={VARIABLE: point}).code == -signal.SIGKILL
    assert left(house) != before
    assert house.brevdue("purge").code == 0
    evidence = {"sealed": 3, "answers": 1} if retention == DOCUMENTS_OVER else {"sealed": 0, "answers": 0}
    assert left(house) == {"keys": 0, "kept": 0, "packs": 0, "events": before["events"], **evidence}
    assert house.states() == {"delivered": 3}
