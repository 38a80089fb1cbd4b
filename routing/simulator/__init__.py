"""A simulator of the other end of mail: name server and mail servers of invented domains, on loopback only.

Serves the demo, the tests and an operator's rehearsal. It says what it is in its banner, in every mail it
keeps (`X-Brevdue-Simulator: 1`) and in its record. What was encrypted to its invented recipients it opens
with their keys, so that both ends can be compared. Delivers nothing to anybody and reaches no other host.
"""
