"""Cryptographic messages (CMS, RFC 5652): signed and enveloped data, made and read as DER bytes.

Relies on cryptography for every primitive and on asn1crypto for reading structures. Knows no mail: see
`routing.smime`. Trusts no certificate by itself: see `routing.certificates`.
"""
