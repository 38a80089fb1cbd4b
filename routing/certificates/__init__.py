"""Other people's certificates: where they are found, and whether they may be used.

Relies on cryptography for reading them and on pyhanko-certvalidator for chains and revocation. No mail tool
judges the certificate it encrypts to (facts/secure-mail 0), so everything is judged here. Encrypts nothing.
"""
