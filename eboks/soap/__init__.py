"""e-Boks over SOAP: what the SOAP channel is made of.

Relies on `schemas` and on the WSDL and the schemas that travel with it.
"""
