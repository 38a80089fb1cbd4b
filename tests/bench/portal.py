"""Measures the portal on one core under fifty parallel readers, against a static page of the same server.

The server is a process of its own, bound to one core; the readers are this process. Pages are asked for over
TLS on kept connections, as browsers do.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx

from tests.rigs.portal_sites import form_in, served
from tests.rigs.portals import PortalBench, code_in

READERS = 50
STATIC = "/robots.txt"


def print_portal(folder: Path, n_pages: int) -> None:
    """Prints a line for each kind of page; `n_pages` is how many each reader asks for."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.portal", str(folder / "portal")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    try:
        url, link, path, cookie = server.stdout.readline().split()
        print(f"portal on one core, {READERS} parallel readers, {READERS * n_pages} pages of each kind")
        static = asyncio.run(_read(url, STATIC, "", n_pages))
        for name, page in (("link page", link), ("document list", path), ("document", f"{path}/vis/0")):
            again = asyncio.run(_read(url, STATIC, "", n_pages))
            times = asyncio.run(_read(url, page, cookie, n_pages))
            print(_line(name, times, static + again))
    finally:
        server.stdin.close()
        server.wait(30)


def _line(name: str, times: list[float], static: list[float]) -> str:
    ours, bare = _p95(times), _p95(static)
    return (
        f"{name:<16} p95 {ours * 1000:6.1f} ms, median {median(times) * 1000:6.1f} ms; "
        f"static page p95 {bare * 1000:5.1f} ms; ratio {ours / bare:5.1f}"
    )


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


async def _read(url: str, page: str, cookie: str, n_pages: int) -> list[float]:
    """Returns how long each page took; a reader thinks for a moment between two, as people do."""
    times: list[float] = []
    limits = httpx.Limits(max_connections=READERS, max_keepalive_connections=READERS)
    async with httpx.AsyncClient(verify=False, base_url=url, limits=limits, timeout=60) as client:
        warm = await asyncio.gather(*(client.get(STATIC) for _ in range(READERS)))
        assert {answer.status_code for answer in warm} == {200}

        async def reader(number: int) -> None:
            await asyncio.sleep(number / READERS)
            for _ in range(n_pages):
                before = time.perf_counter()
                answer = await client.get(page, headers={"cookie": cookie} if cookie else {})
                times.append(time.perf_counter() - before)
                assert answer.status_code == 200, answer.status_code
                await asyncio.sleep(1.0)

        await asyncio.gather(*(reader(number) for number in range(READERS)))
    return times


def _serve(folder: Path) -> None:
    """Serves one letter until standard input ends; says where it is and how to get in."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    bench = PortalBench(folder)
    with served(bench) as url:
        bench.send(bench.consignment())
        token = bench.token()
        cookie, path = asyncio.run(_enter(url, token, bench))
        print(url, f"/b/{token}", path, cookie, flush=True)
        sys.stdin.read()
    bench.close()


async def _enter(url: str, token: str, bench: PortalBench) -> tuple[str, str]:
    async with httpx.AsyncClient(verify=False, base_url=url, timeout=60) as client:
        page = await client.get(f"/b/{token}")
        action, hidden = form_in(page.text, "/send")
        page = await client.post(action, data=hidden)
        page = await client.get(page.headers["location"])
        action, hidden = form_in(page.text, "/bevis")
        page = await client.post(action, data=hidden | {"answer": code_in(bench.mail()[-1])})
        cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
        return cookies.replace("; ", ";"), page.headers["location"]


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
