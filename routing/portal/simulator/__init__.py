"""Simulators of what stands outside the portal: a broker of MitID and an SMS gateway, on loopback.

Serve the demo, the tests and an operator's rehearsal, and say in every answer and on every page that nothing
there is real (`X-Brevdue-Simulator: 1`). Rely on aiohttp and joserfc. Reach no other host.
"""

from routing.portal.simulator.broker import SimulatedBroker, SimulatedPerson
from routing.portal.simulator.gateway import SimulatedGateway
from routing.portal.simulator.rehearsal import Outsiders, start
from routing.portal.simulator.serving import Running, serve

__all__ = ["Outsiders", "Running", "SimulatedBroker", "SimulatedGateway", "SimulatedPerson", "serve", "start"]
