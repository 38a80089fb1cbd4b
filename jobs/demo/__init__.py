"""A whole day on simulators, without settings: `brevdue demo`.

Relies on the simulator and on the five verbs; invents a company, its employees and their payslips.
Everything in it is invented, and it says so.
"""

from jobs.demo.day import run_demo

__all__ = ["run_demo"]
