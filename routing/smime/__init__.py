"""Secure mail: a mail becomes a signed and encrypted message, and one that came in is opened again.

Relies on `routing.mime` for the mail and on `routing.cms` for the cryptography. Sends nothing and asks
nobody.
"""
