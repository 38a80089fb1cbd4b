"""Writes answers that are wrong in content: another kind, empty, cut, another's, too large, or a gzip bomb.

Relies on aiohttp's response types. Only writes; which call gets one is decided in `fault_rules`.
"""

from __future__ import annotations

import json
import zlib
from functools import lru_cache
from typing import Any

from aiohttp import web

from eboks.simulator.answers import json_answer
from eboks.simulator.persons import person

HUGE_BYTES = 8 * 1024 * 1024
BOMB_BYTES = 64 * 1024 * 1024
_CHUNK = b" " * (64 * 1024)


async def wrong_answer(form: str, request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Returns `answer` made wrong in this form (`fault_rules.VARIANTS`)."""
    if form == "empty":
        return web.Response(status=200, body=b"", content_type="application/json")
    if form == "huge":
        return await _huge(request)
    if form == "gzip_bomb":
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=_bomb(), headers=headers)
    if form == "html":
        page = "<!DOCTYPE html><html><body><h1>Service</h1></body></html>"
        return web.Response(text=page, content_type="text/html")
    value = _value(request, answer)
    if form == "truncated":
        return web.Response(body=json.dumps(value).encode()[:-12], content_type="application/json")
    return json_answer(_altered(value, form))


def _value(request: web.Request, answer: web.Response) -> Any:
    """Returns the JSON of the ordinary answer; where it has none (direct), what a proxy would say."""
    if isinstance(answer.body, bytes | bytearray) and answer.content_type == "application/json":
        return json.loads(answer.body)
    recipient = {
        "nr": person("valid").number,
        "recipient_type": "cpr",
        "nationality": "DK",
        "status": "",
        "reject_reason": "",
        "post_processing_status": "",
    }
    return {"message_id": request.match_info.get("message_id", ""), "recipients": [recipient]}


def _altered(value: Any, form: str) -> Any:
    """Returns the value with every message id, or every recipient number, made another's."""
    if isinstance(value, list):
        return [_altered(one, form) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _altered(one, form) for name, one in value.items()}
    if form == "other_id" and "message_id" in changed:
        changed["message_id"] = f"{changed['message_id']}-other"
    if form == "other_recipient" and "nr" in changed:
        others = (person("same_name_2").number, person("same_name_1").number)
        changed["nr"] = next(number for number in others if number != changed["nr"])
    return changed


async def _huge(request: web.Request) -> web.StreamResponse:
    """Streams far more than any client should read; ends quietly when the client has hung up."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    try:
        for _ in range(HUGE_BYTES // len(_CHUNK)):
            await answer.write(_CHUNK)
        await answer.write_eof()
    except ConnectionError:
        pass
    return answer


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = bytes(1024 * 1024)
    packed = b"".join(packer.compress(block) for _ in range(BOMB_BYTES // len(block)))
    return packed + packer.flush()
