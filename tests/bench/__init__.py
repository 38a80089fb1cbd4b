"""Measures ratios, never bare times: `make bench`."""
