"""What a power cut may take from the portal is a count, and no confirmed reply with it."""

from __future__ import annotations

from tests.rigs.portals import PortalBench

FULL, NORMAL = 2, 1


def test_counting_pages_never_moves_the_log_into_the_database_unsynced(tmp_path):
    """One that never syncs (OFF) moves the log without it as well, and what others had confirmed in it."""
    bench = PortalBench(tmp_path / "portal")
    database = bench.store.database
    with database.writing() as sure, database.reading() as reader:
        assert sure.exec_driver_sql("PRAGMA synchronous").scalar() == FULL
        assert reader.exec_driver_sql("PRAGMA synchronous").scalar() == FULL
    with database.writing(loose=True) as loose:
        assert loose.exec_driver_sql("PRAGMA synchronous").scalar() == NORMAL
    bench.close()
