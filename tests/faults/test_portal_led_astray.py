"""A stranger's page sends a browser to the portal by a strange path; no link of its answer leads away."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest

from tests.rigs.portal_sites import HOST, Visitor, site_of
from tests.rigs.portals import PortalBench

PATHS = (
    "//evil.example/x",
    "///evil.example/x",
    "/%5Cevil.example/x",
    "/%5C%5Cevil.example/x",
    "/%09/evil.example/x",
    "/https:%2F%2Fevil.example/x",
    "//evil.example/p/x/svar",
    "/%2Fevil.example%2Fx",
)


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("site", ["same-origin", "cross-site"])
def test_no_link_of_a_page_leads_to_another_host(bench, path, method, site):
    visitor = Visitor(bench, site_of(bench))
    url = f"https://{HOST}{path}"
    page = visitor.request(method, url, headers={"sec-fetch-site": site})
    assert page.status_code in (403, 404)
    links = [unescape(found) for found in re.findall(r'(?:href|src|action)="([^"]*)"', page.text)]
    assert links
    for link in links:
        # As browsers read it: backslashes are slashes, and blanks and tabs are nothing.
        read = re.sub(r"[\t\r\n ]", "", link).replace("\\", "/")
        assert urlsplit(urljoin(f"https://{HOST}/x/y", read)).netloc == HOST, link
