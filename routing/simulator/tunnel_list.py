"""Makes the tunnel list of a rehearsal: our own domain and the invented ones that have a gateway.

Relies on `routing.tunnel` for its form, and signs it with our simulated certificate.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509

from routing.cms.keys import CertificateId, load_identity
from routing.mime.addresses import parse_address
from routing.simulator.certificates import GATEWAYS, OUR_KEY, OURS
from routing.simulator.sites import SITES
from routing.tunnel.entries import TunnelEntry, TunnelList
from routing.tunnel.list_file import TunnelListFile, signed_list


def make_tunnel_list(path: Path, folder: Path, sender: str, now: datetime) -> None:
    """Takes in version 1 of the list at `path`; `folder` holds the simulator's certificates."""
    ours = load_identity((folder / OURS).read_bytes(), (folder / OUR_KEY).read_bytes())
    entries = [_entry(parse_address(sender).domain, ours.id.certificate)]
    for site in SITES:
        if site.gateway:
            content = (folder / GATEWAYS / f"{site.domain}.pem").read_bytes()
            entries.append(_entry(site.domain, x509.load_pem_x509_certificate(content)))
    made = TunnelList(1, tuple(entries))
    TunnelListFile(path, [ours.id.certificate]).install(signed_list(made, ours, now))


def _entry(domain: str, certificate: x509.Certificate) -> TunnelEntry:
    pin = CertificateId(certificate).fingerprint
    return TunnelEntry(domain, (pin,), (certificate,), source="simulator")
