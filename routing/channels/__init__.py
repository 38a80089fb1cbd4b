"""The mail channels of the router, one file or folder each.

None is open yet: this release sends to e-Boks only, and the route says so.
"""
