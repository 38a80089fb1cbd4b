"""The part that wires everything together: the house, the five verbs, the timetable and the command line.

Relies on every other package; no other package knows it.
"""
