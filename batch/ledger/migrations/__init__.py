"""The history of the ledger's schema, for alembic; run by `batch.ledger.births` and never by hand."""
