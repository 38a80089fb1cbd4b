"""Mail messages as bytes: addresses, headers, bodies and whole messages, made and split without loss.

Relies on `schemas`, pybase64 and idna. Everything made here is CRLF and 7-bit, and the same input always
gives the same bytes (design 4.2). Encrypts nothing: see `routing.cms` and `routing.smime`.
"""
