"""The invented domains of the simulator: what each of them can, and who has a certificate there.

Values only. All names end in `.example`, which is nobody's (RFC 2606); every exchanger has an address of its
own on loopback, and they share one port.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """One domain with one mail exchanger.

    `people` are the local parts that have a certificate; a `gateway` has one for the whole domain. Where
    `certificate_of` names another's server, this one shows that one's certificate, as happens in the world.
    """

    domain: str
    address: str
    starttls: bool = True
    people: tuple[str, ...] = ()
    gateway: bool = False
    certificate_of: str = ""

    @property
    def mx(self) -> str:
        return f"mx.{self.domain}"

    @property
    def shows(self) -> str:
        """The name in the certificate that its server shows."""
        return self.certificate_of or self.mx


SITES: tuple[Site, ...] = (
    Site("klinik.example", "127.0.10.1", people=("anna", "bo", "carla", "dan")),
    Site("kommune.example", "127.0.10.2", gateway=True),
    Site("firma.example", "127.0.10.3"),
    Site("gammel.example", "127.0.10.4", starttls=False),
    Site("privat.example", "127.0.10.5", certificate_of="mx.firma.example"),
)
"""S/MIME, the tunnel, forced TLS; a server that can't encrypt at all, and one that can't show who it is."""

RECORDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    **{(site.domain, "MX"): (f"10 {site.mx}.",) for site in SITES},
    **{(site.mx, "A"): (site.address,) for site in SITES},
    **{(site.domain, "TXT"): ('"Brevdue simulator: this domain is invented"',) for site in SITES},
}
"""Everything the name server knows: name and kind → what it answers."""
