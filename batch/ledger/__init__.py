"""The ledger: the one memory of what came in, where it stands and what happened to it.

Relies on SQLAlchemy, the tables of `schemas` and the vault. `Ledger` is its only face: rows and
statements stay inside.
"""

from batch.ledger.enrolments import KeptEnrolments
from batch.ledger.ledger import Ledger

__all__ = ["KeptEnrolments", "Ledger"]
