"""Onboarding of a sender: what e-Boks needs, asked for, tried for real, written down and filed.

Relies on the settings, the simulator and the five verbs. Each module holds one step or one thing that steps
share; `walk` puts them in order.
"""
