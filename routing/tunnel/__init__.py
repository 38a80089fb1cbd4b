"""The tunnel list: which domains take mail encrypted to their domain's certificate, and by whose word.

Relies on `routing.cms` for the list's signature and on `routing.certificates` for reading certificates. Sends
nothing: see `routing.channels.tunnel`. No public specification of Danish tunnel mail exists
(facts/secure-mail 3.1), so the list is our own, and importers bring others' into it.
"""
