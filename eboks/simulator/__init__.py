"""A simulator of e-Boks: a real HTTPS server on loopback that takes messages by REST and SOAP as they would.

Serves the demo, the tests and an operator's rehearsal, and says in every answer that it is a simulator
(`X-Brevdue-Simulator: 1`). Relies on aiohttp, lxml, pybase64 and cryptography. Everything that is guessed
about e-Boks stands behind a named switch of `SimulatorSettings`. Sends nothing and reaches no other host.
"""

from eboks.simulator.application import SIMULATION, make_app
from eboks.simulator.certificates import CertificateFolder, KeyPair, make_certificates
from eboks.simulator.fault_rules import FaultRule
from eboks.simulator.persons import PERSONS, Person, Standing, Status, person
from eboks.simulator.server import Running, serve
from eboks.simulator.settings import Material, PartnerFiles, ServerTls, SimulatorSettings

__all__ = [
    "PERSONS",
    "SIMULATION",
    "CertificateFolder",
    "FaultRule",
    "KeyPair",
    "Material",
    "PartnerFiles",
    "Person",
    "Running",
    "ServerTls",
    "SimulatorSettings",
    "Standing",
    "Status",
    "make_app",
    "make_certificates",
    "person",
    "serve",
]
