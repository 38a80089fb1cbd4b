"""Shared parts of the tests: real servers, certificates and documents, each in a module of its own."""
