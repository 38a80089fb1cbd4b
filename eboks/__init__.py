"""The e-Boks channels, the enrolment look-up and the simulator of e-Boks.

Relies on `schemas` alone. Knows nothing of the ledger or of schedules.
"""
