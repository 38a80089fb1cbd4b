"""A recipient of the demo, a process of their own (`-m jobs.demo.reader`): opens a mail's link and reads.

Relies on the standard library's HTTP alone, as a stranger's browser does: has the mail, the authority that is
trusted, and on its input the code that was told. Says what came by its SHA-256, and keeps nothing.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import ssl
import sys
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, OpenerDirector, ProxyHandler, build_opener

_LINK = re.compile(r"https://\S+/b/[A-Za-z0-9_-]{43}")
_MARK = re.compile(r'name="mark" value="([^"]+)"')
_SECONDS = 10


def link_in(mail: bytes) -> str:
    """Returns the link of a notice, as it stands in its text; ValueError when there is none."""
    message = email.message_from_bytes(mail, EmailMessage, policy=email.policy.default)
    body = message.get_body(("plain",))
    found = _LINK.search(body.get_content()) if body is not None else None
    if found is None:
        raise ValueError("no link")
    return found.group()


def read(link: str, code: str, authorities: Path) -> bytes:
    """Returns the first document behind a link; raises OSError or ValueError when it is not to be had."""
    browser = _browser(authorities)
    mark = _MARK.search(_get(browser, link).decode())
    if mark is None:
        raise ValueError("no form")
    form = urlencode({"method": "shared_secret", "answer": code, "mark": mark.group(1)}).encode()
    with browser.open(f"{link}/bevis", form, _SECONDS) as answer:
        page = answer.url
    return _get(browser, f"{page}/vis/0")


def _browser(authorities: Path) -> OpenerDirector:
    """Returns what keeps cookies, follows redirections, trusts these authorities and uses no proxy."""
    context = ssl.create_default_context(cafile=str(authorities))
    return build_opener(ProxyHandler({}), HTTPSHandler(context=context), HTTPCookieProcessor())


def _get(browser: OpenerDirector, url: str) -> bytes:
    with browser.open(url, None, _SECONDS) as answer:
        content: bytes = answer.read()
        return content


def main(mail: Path, authorities: Path) -> int:
    """Reads the letter of a notice and says what came, as one JSON object; returns the exit code."""
    content = read(link_in(mail.read_bytes()), sys.stdin.read().strip(), authorities)
    sys.stdout.write(json.dumps({"sha256": sha256(content).hexdigest(), "n_bytes": len(content)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
