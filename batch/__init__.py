"""What comes in and what we remember: drop folders, intake, the ledger, the document store, the answers.

Relies on `schemas` alone. Knows nothing of channels, routes or schedules.
"""
