"""The vocabulary of the house: types, states, errors and contracts that every other package speaks.

Relies on nothing of ours. Does no I/O beyond reading the data files that travel with the code.
"""
