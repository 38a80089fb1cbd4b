"""The names of the SF1600 contract and its compiled schema, as the simulator uses them.

Relies on lxml and on the files in `schemas/soap/sf1600`, and reads nothing else: no import in them leaves
their folder. Knows no message (facts/eboks b.2).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from lxml import etree

PATH = "/service/Print/Print/2"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PRINT = "http://serviceplatformen.dk/xml/wsdl/soap11/Print/Print/2/"
FJERNPRINT = "urn:oio:fjernprint:1.0.0"
DKAL = "urn:oio:dkal:1.0.0"
ADIR = "urn:oio:adir:dagpenge:2009.07.01"
SAGDOK = "urn:oio:sagdok:3.0.0"
INVOCATION = "http://serviceplatformen.dk/xml/schemas/InvocationContext/1/"
PLATFORM_FAULT = "http://serviceplatformen.dk/xml/schemas/ServiceplatformFault/1/"
SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

SEND, LOOK_UP = "afsendBrev", "spoergTilmelding"
REQUESTS = {f"{{{PRINT}}}PrintAfsendBrevRequest": SEND, f"{{{PRINT}}}PrintSpoergTilmeldingRequest": LOOK_UP}
"""The tag of a body's one child → its operation."""


@cache
def contract() -> etree.XMLSchema:
    """Returns the schema that every request must follow, compiled once for the process."""
    with as_file(files("schemas") / "soap" / "sf1600") as folder:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        return etree.XMLSchema(etree.parse(folder / "print.xsd", parser))


def named(namespace: str, *names: str) -> str:
    """Returns a path of elements in one namespace, as `find` wants it."""
    return "/".join(f"{{{namespace}}}{name}" for name in names)
