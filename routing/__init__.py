"""Where a consignment goes: the route, its reasons, and the mail channels.

Relies on `schemas` alone. Sends nothing by itself.
"""
