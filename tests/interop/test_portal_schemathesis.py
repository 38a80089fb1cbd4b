"""Schemathesis throws what it can think of at every address of the portal: no fault of ours, no page without
guard."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.rigs.portal_sites import HOST, Visitor, site_of
from tests.rigs.portals import PortalBench

_TAKEN = ("method", "url", "headers", "params", "data", "files", "json")
_SENT = ("content-type", "content-length")
_TEXT = {"type": "string", "maxLength": 200}
_FIELDS = dict.fromkeys(("method", "mark", "answer", "text"), _TEXT)
_FILES = {"files": {"type": "string", "format": "binary"}}
_FORM = {
    "application/x-www-form-urlencoded": {
        "schema": {"type": "object", "additionalProperties": _TEXT, "properties": _FIELDS}
    },
    "multipart/form-data": {"schema": {"type": "object", "properties": _FIELDS | _FILES}},
}
_ANSWERS = {"default": {"description": "a page"}}


def _path(*names: str, post: bool = False, query: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns an address of the portal as OpenAPI describes it; `number` alone is no text."""
    parameters: list[dict[str, Any]] = []
    for name in names:
        schema = {"type": "integer"} if name == "number" else {"type": "string", "minLength": 1}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    parameters += [{"name": name, "in": "query", "schema": _TEXT} for name in query]
    one: dict[str, Any] = {"parameters": parameters, "responses": _ANSWERS}
    if post:
        one["requestBody"] = {"required": True, "content": _FORM}
    return {"post" if post else "get": one}


PATHS = {
    "/": _path(query=("sprog",)),
    "/lukket": _path(),
    "/portal.css": _path(),
    "/udseende/{brand}.css": _path("brand"),
    "/logo/{brand}": _path("brand"),
    "/liv": _path(),
    "/b/{token}": _path("token", query=("sprog",)),
    "/b/{token}/kode": _path("token", query=("m",)),
    "/b/{token}/send": _path("token", post=True),
    "/b/{token}/bevis": _path("token", post=True),
    "/b/{token}/videre": _path("token", post=True),
    "/retur/{method}": _path("method", query=("state", "code")),
    "/p/{parcel}": _path("parcel"),
    "/p/{parcel}/dok/{number}": _path("parcel", "number"),
    "/p/{parcel}/vis/{number}": _path("parcel", "number"),
    "/p/{parcel}/hent/{number}": _path("parcel", "number"),
    "/p/{parcel}/kvittering": _path("parcel"),
    "/p/{parcel}/luk": _path("parcel", post=True),
    "/p/{parcel}/svar": {**_path("parcel"), **_path("parcel", post=True)},
    "/p/{parcel}/sendt": _path("parcel", query=("r",)),
}
SCHEMA = {"openapi": "3.0.3", "info": {"title": "portal", "version": "1"}, "paths": PATHS}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = PortalBench(tmp_path_factory.mktemp("schemathesis") / "portal")
    yield made
    made.close()


@pytest.fixture(scope="module")
def known(bench) -> dict[str, str]:
    """Returns a letter's token and parcel and a session's cookies: part of the requests go to what is
    there."""
    bench.send(bench.consignment())
    visitor = Visitor(bench, site_of(bench))
    token = bench.token()
    path = visitor.enter(token)
    cookies = {cookie.name: cookie.value or "" for cookie in visitor.client.cookies.jar}
    return {"token": token, "parcel": path.removeprefix("/p/"), **cookies}


def operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(SCHEMA)
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("operation", operations(), ids=lambda one: one.label)
def test_no_request_breaks_a_page(operation, bench, known):
    visitor = Visitor(bench, site_of(bench))
    for name, value in known.items():
        if name.startswith("__Host-"):
            visitor.client.cookies.set(name, value, domain=HOST)

    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), there=st.booleans())
    def search(case, there):
        if there:
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        wanted = case.as_transport_kwargs(base_url=f"https://{HOST}")
        request = requests.Request(**{k: wanted[k] for k in _TAKEN if k in wanted}).prepare()
        headers = {name: value for name, value in request.headers.items() if name.lower() in _SENT}
        answer = visitor.request(str(request.method), str(request.url), content=request.body, headers=headers)
        assert answer.status_code < 500
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "content-security-policy" in answer.headers

    search()
