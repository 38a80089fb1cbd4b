"""The channel to e-Boks over SOAP 1.1: the contract SF1600 Print 2, or one of the sender's own.

zeep is used in `contract` alone, to write envelopes; the wire is the one that REST has. Import `channel`
lazily: zeep takes a third of a second.
"""
